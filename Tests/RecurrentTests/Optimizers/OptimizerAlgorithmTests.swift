// Optimization algorithms, clipping and settings.

import Testing

@testable import Recurrent

@Suite struct OptimizerAlgorithmTests {
  /// Every algorithm with settings that reach each of its branches.
  static let all: [(name: String, settings: String)] = [
    ("recurrentjs", #""decay_rate": 0.9, "smooth_eps": 1e-4"#), ("sgd", ""),
    ("sgd", #""momentum": 0.9, "dampening": 0.25, "weight_decay": 0.1"#),
    ("sgd", #""momentum": 0.9, "nesterov": true"#),
    ("adagrad", #""learning_rate_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5"#), ("rmsprop", ""),
    ("rmsprop", #""weight_decay": 0.1, "momentum": 0.5, "bias_correction": false"#),
    ("rmsprop", #""alpha": 0.9, "momentum": 0.5, "centered": true"#), ("rmsprop", #""centered": true"#),
    ("adam", #""weight_decay": 0.1"#), ("adam", #""betas": [0.5, 0.75], "amsgrad": true"#),
    ("adamw", #""weight_decay": 0.25"#), ("adamw", #""amsgrad": true"#),
  ]

  private func model(_ dtype: DType = .float64, seed: UInt64 = 1) throws -> Network {
    try Network(
      Network.Settings(.lstm, inputSize: 3, hiddenSizes: [5, 2], outputSize: 4, dtype: dtype),
      random: Random(seed: seed))
  }

  /// The first steps of one weight, by hand.
  @Test func firstSteps() throws {
    func steps(_ name: String, _ settings: String, _ gradients: [Double], weightDecay: Double = 0) throws -> [Double] {
      let m = try Mat(1, 1, .float64, rows: [1]), optimizer = try Optimizer(name, settings)
      return try gradients.map { g in
        try m.set(gradientRows: [g])
        _ = try optimizer.step([("m", m)], learningRate: 0.5, weightDecay: weightDecay)
        return try m.rows()[0]
      }
    }
    func near(_ a: [Double], _ b: [Double]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 } }
    #expect(try near(steps("sgd", "", [2, -2]), [0, 1]))
    #expect(try near(steps("sgd", #""weight_decay": 1"#, [2, 2]), [-0.5, -1.25]))
    #expect(try near(steps("sgd", #""momentum": 0.5"#, [2, 2]), [0, -1.5]))
    // dampening does not touch the first step
    #expect(try near(steps("sgd", #""momentum": 0.5, "dampening": 0.5"#, [2, 2]), [0, -1]))
    #expect(try near(steps("sgd", #""momentum": 0.5, "nesterov": true"#, [2, 2]), [-0.5, -2.25]))
    #expect(try near(steps("adagrad", "", [3, 4]), [0.5, 0.5 - 0.5 * 4 / 5]))
    #expect(
      try near(
        steps("adagrad", #""learning_rate_decay": 1, "initial_accumulator_value": 16"#, [3, 0]), [1 - 0.5 * 3 / 5, 0.7])
    )
    // with bias correction the first step is the learning rate; without, 1/√(1 − α) = 10 times that
    #expect(try near(steps("rmsprop", "", [3]), [0.5]))
    #expect(try near(steps("rmsprop", #""bias_correction": false"#, [3]), [-4]))
    #expect(try near(steps("rmsprop", #""alpha": 0.75, "centered": true"#, [3]), [1 - 0.5 / 0.75.squareRoot()]))
    #expect(try near(steps("adam", "", [3, 3]), [0.5, 0]))
    #expect(try near(steps("adam", #""weight_decay": 1"#, [0]), [0.5]))
    #expect(try near(steps("adamw", #""weight_decay": 1"#, [0]), [0.5]))
    #expect(try near(steps("adamw", #""weight_decay": 0.5"#, [3]), [0.75 - 0.5]))
    // the step's weight decay of any algorithm: a fraction of the weight, not scaled by the learning rate
    #expect(try near(steps("adam", "", [3], weightDecay: 0.25), [0.25]))
    #expect(try near(steps("recurrentjs", #""decay_rate": 0"#, [3], weightDecay: 0.25), [0.25]))
  }

  /// AMSGrad keeps the largest second moment.
  @Test func amsgradKeepsTheLargest() throws {
    let optimizer = try Optimizer("adam", #""betas": [0.9, 0.5], "amsgrad": true"#), m = try Mat(1, 1, .float64)
    for g in [4.0, 0, 0] {
      try m.set(gradientRows: [g])
      _ = try optimizer.step([("m", m)])
    }
    #expect(try optimizer.state("exp_avg_sq", of: "m")?.rows() == [2])
    #expect(try optimizer.state("max_exp_avg_sq", of: "m")?.rows() == [8])
  }

  /// The variance of equal gradients is 0 up to rounding; its square root stays a number.
  @Test(arguments: DType.allCases) func centeredStaysANumber(_ dtype: DType) throws {
    let optimizer = try Optimizer("rmsprop", #""alpha": 0.5, "centered": true"#), m = try Mat(1, 1, dtype)
    for _ in 0..<2000 {
      try m.set(gradientRows: [0.1])
      _ = try optimizer.step([("m", m)], learningRate: 1e-12)
    }
    #expect(try m.rows()[0].isFinite)
  }

  /// One pass over the flat buffer gives the bits of a pass per parameter, also if some parameters made more steps.
  @Test(arguments: all, Optimizer.Clipping.allCases) func aModelStepsAsItsParts(
    _ algorithm: (name: String, settings: String), _ clipping: Optimizer.Clipping
  ) throws {
    let models = [try model(), try model()], random = Random(seed: 2)
    let optimizers = try models.map { _ in try make(algorithm, clipping) }
    for k in 0..<4 {
      let g = (0..<models[0].parameters.flat.count).map { _ in random.gaussian(0, 4) }
      for m in models { try m.parameters.flat.set(gradientRows: g) }
      let parts = models[1].parameters.all
      if k == 2 {
        for m in models {
          let some = Array(m.parameters.all.prefix(3))
          _ = try optimizers[m === models[0] ? 0 : 1].step(some, learningRate: 0.1, weightDecay: 1e-3, clip: 5)
        }
      }
      let a = try optimizers[0].step(models[0].parameters, learningRate: 0.1, weightDecay: 1e-3, clip: 5)
      let b = try optimizers[1].step(parts, learningRate: 0.1, weightDecay: 1e-3, clip: 5)
      #expect(a.ratioClipped == b.ratioClipped && a.ratioClipped > 0)
    }
    let w = try models.map { try $0.parameters.flat.rows() }
    // the global norm is summed in another order
    #expect(clipping == .globalNorm ? relativeDistance(w[0], w[1]) < 1e-12 : w[0] == w[1])
    #expect(optimizers.map { $0.steps(of: "Wix0") } == [5, 5] && optimizers.map { $0.steps(of: "bd") } == [4, 4])
  }

  @Test(arguments: DType.allCases) func clippingByNorm(_ dtype: DType) throws {
    func step(_ clipping: Optimizer.Clipping, _ c: Double) throws -> (w: [Double], StepResult) {
      let a = try Mat(2, 1, dtype), b = try Mat(1, 1, dtype), optimizer = try make(("sgd", ""), clipping)
      try a.set(gradientRows: [3, -4])
      try b.set(gradientRows: [12])
      let done = try optimizer.step([("a", a), ("b", b)], learningRate: 1, clip: c)
      #expect(try a.gradientRows() == [0, 0] && b.gradientRows() == [0])
      return (try a.rows() + b.rows(), done)
    }
    func near(_ a: [Double], _ b: [Double]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 2e-6 } }
    for (clipping, c, w, ratio) in [
      (Optimizer.Clipping.value, 3.5, [-3, 3.5, -3.5], 2.0 / 3), (.value, .infinity, [-3, 4, -12], 0),
      (.tensorNorm, 6, [-3, 4, -6], 1.0 / 3), (.tensorNorm, 2.5, [-1.5, 2, -2.5], 1),
      (.tensorNorm, .infinity, [-3, 4, -12], 0), (.globalNorm, 6.5, [-1.5, 2, -6], 1),
      (.globalNorm, 14, [-3, 4, -12], 0), (.globalNorm, .infinity, [-3, 4, -12], 0),
    ] {
      let (found, done) = try step(clipping, c)
      #expect(near(found, w), "\(clipping) \(c): \(found)")
      #expect(done.ratioClipped == ratio && abs(done.gradientNorm - 13) < 1e-12)
    }
  }

  // MARK: Settings

  private func make(
    _ algorithm: (name: String, settings: String), _ clipping: Optimizer.Clipping
  ) throws -> Optimizer {
    let separator = algorithm.settings.isEmpty ? "" : ", "
    return try Optimizer(algorithm.name, algorithm.settings + separator + "\"clipping\": \"\(clipping.rawValue)\"")
  }

  @Test(arguments: all, Optimizer.Clipping.allCases) func settingsComeBack(
    _ algorithm: (name: String, settings: String), _ clipping: Optimizer.Clipping
  ) throws {
    let optimizer = try make(algorithm, clipping)
    try optimizer.set(learningRate: 0.1 + 0.2)
    let twin = try Optimizer(settings: optimizer.settings)
    #expect(twin.name == algorithm.name && twin.learningRate == 0.1 + 0.2 && twin.clipping == clipping)
    #expect(twin.settings == optimizer.settings && twin.stateNames == optimizer.stateNames)
    for setting in algorithm.settings.replacing("1e-4", with: "0.0001").replacing(": ", with: ":").split(
      separator: ", \"")
    {
      #expect(optimizer.settings.contains(setting.replacing(", ", with: ",")), "\(setting)")
    }
  }

  /// Defaults are PyTorch's, except those of RecurrentJS's algorithm.
  @Test func settingsThatAreAbsentAreDefaults() throws {
    for (name, learningRate, settings) in [
      ("recurrentjs", 0.01, #""decay_rate":0.999,"smooth_eps":1e-08"#),
      ("sgd", 0.001, #""momentum":0,"dampening":0,"weight_decay":0,"nesterov":false"#),
      ("adagrad", 0.01, #""learning_rate_decay":0,"weight_decay":0,"initial_accumulator_value":0,"eps":1e-10"#),
      (
        "rmsprop", 0.01,
        #""alpha":0.99,"eps":1e-08,"weight_decay":0,"momentum":0,"centered":false,"bias_correction":true"#
      ),
      ("adam", 0.001, #""betas":[0.9,0.999],"eps":1e-08,"weight_decay":0,"amsgrad":false"#),
      ("adamw", 0.001, #""betas":[0.9,0.999],"eps":1e-08,"weight_decay":0.01,"amsgrad":false"#),
    ] {
      #expect(
        try Optimizer(name).settings
          == #"{"name":"\#(name)","learning_rate":\#(learningRate),\#(settings),"clipping":"value"}"#)
    }
    #expect(Optimizer.algorithmNames == ["recurrentjs", "sgd", "adagrad", "rmsprop", "adam", "adamw"])
  }

  @Test func settingsRefused() throws {
    for (text, words) in [
      (#""adam""#, "expected an object, got a string"), ("{}", "name is missing"),
      (#"{"name": 3}"#, "name has the wrong type; expected a string, got a number"),
      (#"{"name": "Adam"}"#, "name is unknown; expected one of recurrentjs, sgd"),
      (
        #"{"name": "adam", "momentum": 1}"#,
        "momentum is not a setting of the adam optimizer; expected one of name, learn"
      ),
      (#"{"name": "adam", "lr": 1}"#, "lr is not a setting"),
      (#"{"name": "adam", "eps": "1"}"#, "eps has the wrong type; expected a number, got a string"),
      (#"{"name": "adam", "eps": null}"#, "eps has the wrong type; expected a number, got null"),
      (#"{"name": "adam", "amsgrad": 1}"#, "amsgrad has the wrong type; expected a boolean, got a number"),
      (#"{"name": "adam", "betas": [0.9]}"#, "betas has the wrong length; expected 2 numbers, got 1"),
      (#"{"name": "adam", "betas": [0.9, "x"]}"#, "betas[1] has the wrong type; expected a number, got a string"),
      (#"{"name": "adam", "betas": 0.9}"#, "betas has the wrong type; expected an array, got a number"),
      (
        #"{"name": "adam", "clipping": "norm"}"#,
        "clipping is unknown; expected one of value, tensor_norm, global_norm, got 'norm'"
      ),
      (#"{"name": "adam", "learning_rate": -1}"#, "learning_rate is"),
      (#"{"name": "sgd", "momentum": 1, "dampening": 1.5}"#, "dampening is"),
      (#"{"name": "sgd", "nesterov": true}"#, "nesterov"),
      (#"{"name": "sgd", "momentum": 0.9, "dampening": 0.5, "nesterov": true}"#, "got 0.9 and 0.5"),
      (#"{"name": "rmsprop", "alpha": 1}"#, "below 1"), (#"{"name": "adam", "betas": [1, 0]}"#, "below 1"),
      (#"{"name": "adamw", "betas": [0, 1]}"#, "betas[1] is out of range; expected at least 0 and below 1, got 1.0"),
    ] {
      refused(.badValue, words) { try Optimizer(settings: text) }
    }
    refused(.badValue, "byte 8") { try Optimizer(settings: #"{"name":}"#) }
    refused(.badValue, "twice") { try Optimizer(settings: #"{"name":"adam","eps":1,"eps":1}"#) }
    // an ε that is 0 in float32 would divide by 0
    let fine = try Optimizer("adam", #""eps": 1e-60"#), m = try Mat(1, 1)
    refused(.badValue, "eps is 0 in float32", "1e-60") { try fine.step([("m", m)]) }
    #expect(fine.names == [])
  }

  /// Every numeric setting has a range. NaN and infinity, which JSON text cannot hold, are out of range.
  @Test func numbersRefused() throws {
    for (name, settings) in [
      ("recurrentjs", ["decay_rate", "smooth_eps"]), ("sgd", ["momentum", "dampening", "weight_decay"]),
      ("adagrad", ["learning_rate_decay", "weight_decay", "initial_accumulator_value", "eps"]),
      ("rmsprop", ["alpha", "eps", "weight_decay", "momentum"]), ("adam", ["eps", "weight_decay"]),
      ("adamw", ["weight_decay"]),
    ] {
      for setting in settings + ["learning_rate"] {
        for bad in [Double.nan, .infinity, -.infinity, -1] {
          refused(.badValue, setting, "\(bad)") {
            try Optimizer(.object([("name", .string(name)), (setting, .number(bad))]))
          }
        }
      }
    }
    for bad in [Double.nan, .infinity, -1] {
      for (k, pair) in [[bad, 0], [0, bad]].enumerated() {
        refused(.badValue, "betas[\(k)]", "\(bad)") {
          try Optimizer(.object([("name", .string("adam")), ("betas", .array(JSON.List(pair.map { .number($0) })))]))
        }
      }
    }
  }
}
