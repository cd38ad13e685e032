// Stochastic gradient descent.

import Kernels

/// Stochastic gradient descent as in PyTorch; g is the clipped gradient plus λw.
///
///     b ← μb + (1 − τ)g, in the first step b ← g
///     w ← w − α·b, with Nesterov momentum w ← w − α·(g + μb)
///
/// Reference: Sutskever et al., ICML 2013; the learning rate is outside the momentum, as in PyTorch.
struct SGD: OptimizerAlgorithm {
  static let name = "sgd"
  /// PyTorch's.
  static let defaultLearningRate = 0.001
  let momentum: Double, dampening: Double, weightDecay: Double, nesterov: Bool

  init(_ settings: inout SettingsReader) throws(RecurrentError) {
    momentum = try settings.number("momentum", default: 0, in: 0 ... .infinity)
    dampening = try settings.number("dampening", default: 0, in: 0...1)
    weightDecay = try settings.number("weight_decay", default: 0, in: 0 ... .infinity)
    nesterov = try settings.flag("nesterov", default: false)
    try require(
      !nesterov || momentum > 0 && dampening == 0, .badValue,
      "nesterov needs momentum; expected momentum above 0 and dampening 0, got \(momentum) and \(dampening)")
  }

  var stateNames: [String] { momentum == 0 ? [] : ["momentum_buffer"] }
  var squares: [String] { [] }
  var epsilon: (name: String, value: Double)? { nil }
  func reach(_ t: Int) -> Double { (1 + momentum) * (1 + momentum) }

  func update<T: Real>(_ step: ParameterStep<T>) -> Int {
    sgd(
      step.weights, dw: step.gradients, momentum: momentum == 0 ? nil : step.state(0),
      step.options(learningRate: step.learningRate, coupled: weightDecay), mu: T(momentum),
      new: T(step.t == 1 ? 1 : 1 - dampening), nesterov: nesterov)
  }
}

extension Optimizer {
  /// Stochastic gradient descent as in PyTorch.
  ///
  /// - Parameters:
  ///   - learningRate: α, at least 0.
  ///   - momentum: μ, at least 0.
  ///   - dampening: τ, 0 to 1.
  ///   - weightDecay: λ, at least 0, added to the gradient.
  ///   - nesterov: Nesterov's momentum.
  ///   - clipping: how gradients are clipped to a step's threshold.
  /// - Throws: `.badValue` naming a setting that is out of range.
  public static func sgd(
    learningRate: Double = 0.001, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, clipping: Clipping = .value
  ) throws(RecurrentError) -> Optimizer {
    try Optimizer(
      SGD.self, learningRate,
      [
        ("momentum", .number(momentum)), ("dampening", .number(dampening)), ("weight_decay", .number(weightDecay)),
        ("nesterov", .bool(nesterov)),
      ], clipping)
  }
}
