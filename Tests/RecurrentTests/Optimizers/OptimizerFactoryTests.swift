// Optimizers from typed settings: those of the JSON object with the same values.

import Testing

@testable import Recurrent

@Suite struct OptimizerFactoryTests {
  @Test func defaults() throws {
    for (optimizer, name) in [
      (try Optimizer.sgd(), "sgd"), (try .adagrad(), "adagrad"), (try .rmsprop(), "rmsprop"), (try .adam(), "adam"),
      (try .adamw(), "adamw"), (try .recurrentJS(), "recurrentjs"),
    ] {
      #expect(optimizer.name == name)
      #expect(try optimizer.settings == Optimizer(settings: "{\"name\": \"\(name)\"}").settings)
    }
    #expect(Set(Optimizer.algorithmNames) == ["sgd", "adagrad", "rmsprop", "adam", "adamw", "recurrentjs"])
  }

  @Test func everySetting() throws {
    for (optimizer, settings) in [
      (
        try Optimizer.sgd(
          learningRate: 0.5, momentum: 0.25, weightDecay: 0.125, nesterov: true, clipping: .globalNorm),
        #""sgd", "learning_rate": 0.5, "momentum": 0.25, "weight_decay": 0.125, "nesterov": true, "clipping": "global_norm""#
      ),
      (try .sgd(momentum: 0.5, dampening: 0.25), #""sgd", "momentum": 0.5, "dampening": 0.25"#),
      (
        try .adagrad(
          learningRate: 0.5, learningRateDecay: 0.25, weightDecay: 0.125, initialAccumulatorValue: 2, eps: 0.5,
          clipping: .tensorNorm),
        #"""
        "adagrad", "learning_rate": 0.5, "learning_rate_decay": 0.25, "weight_decay": 0.125,
        "initial_accumulator_value": 2, "eps": 0.5, "clipping": "tensor_norm"
        """#
      ),
      (
        try .rmsprop(
          learningRate: 0.5, alpha: 0.25, eps: 0.5, weightDecay: 0.125, momentum: 0.75, centered: true,
          biasCorrection: false, clipping: .globalNorm),
        #"""
        "rmsprop", "learning_rate": 0.5, "alpha": 0.25, "eps": 0.5, "weight_decay": 0.125, "momentum": 0.75,
        "centered": true, "bias_correction": false, "clipping": "global_norm"
        """#
      ),
      (
        try .adam(
          learningRate: 0.5, betas: (0.25, 0.75), eps: 0.5, weightDecay: 0.125, amsgrad: true, clipping: .globalNorm),
        #"""
        "adam", "learning_rate": 0.5, "betas": [0.25, 0.75], "eps": 0.5, "weight_decay": 0.125, "amsgrad": true,
        "clipping": "global_norm"
        """#
      ),
      (
        try .adamw(
          learningRate: 0.5, betas: (0.25, 0.75), eps: 0.5, weightDecay: 0.125, amsgrad: true, clipping: .globalNorm),
        #"""
        "adamw", "learning_rate": 0.5, "betas": [0.25, 0.75], "eps": 0.5, "weight_decay": 0.125, "amsgrad": true,
        "clipping": "global_norm"
        """#
      ),
    ] {
      #expect(try optimizer.settings == Optimizer(settings: "{\"name\": \(settings)}").settings)
    }
  }

  @Test func invalidSettings() {
    refused(.badValue, "momentum") { try Optimizer.sgd(momentum: -1) }
    refused(.badValue, "nesterov") { try Optimizer.sgd(nesterov: true) }
    refused(.badValue, "learning_rate") { try Optimizer.adam(learningRate: .nan) }
    refused(.badValue, "betas") { try Optimizer.adamw(betas: (0.5, 1)) }
    refused(.badValue, "alpha") { try Optimizer.rmsprop(alpha: 1) }
    refused(.badValue, "eps") { try Optimizer.adagrad(eps: -1) }
  }
}
