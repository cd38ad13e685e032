// Adagrad.

import Kernels

/// Adagrad as in PyTorch; g is the clipped gradient plus λw, t counts steps from 1.
///
///     S ← S + g²
///     w ← w − α/(1 + (t − 1)·η)·g/(√S + ε)
///
/// η is `learning_rate_decay`. Reference: Duchi, Hazan and Singer, JMLR 12, 2011.
struct Adagrad: OptimizerAlgorithm {
  static let name = "adagrad"
  /// PyTorch's.
  static let defaultLearningRate = 0.01
  let learningRateDecay: Double, weightDecay: Double, initialState: Double, eps: Double

  init(_ settings: inout SettingsReader) throws(RecurrentError) {
    learningRateDecay = try settings.number("learning_rate_decay", default: 0, in: 0 ... .infinity)
    weightDecay = try settings.number("weight_decay", default: 0, in: 0 ... .infinity)
    initialState = try settings.number("initial_accumulator_value", default: 0, in: 0 ... .infinity)
    eps = try settings.number("eps", default: 1e-10)
    try require(eps, isPositive: "eps")
  }

  var stateNames: [String] { ["sum"] }
  var squares: [String] { ["sum"] }
  var epsilon: (name: String, value: Double)? { ("eps", eps) }
  func reach(_ t: Int) -> Double { 1 / eps }

  func update<T: Real>(_ step: ParameterStep<T>) -> Int {
    let learningRate = step.learningRate / (1 + Double(step.t - 1) * learningRateDecay)
    return adagrad(
      step.weights, dw: step.gradients, sum: step.state(0),
      step.options(learningRate: learningRate, coupled: weightDecay), epsilon: T(eps))
  }
}

extension Optimizer {
  /// Adagrad as in PyTorch.
  ///
  /// - Parameters:
  ///   - learningRate: α, at least 0.
  ///   - learningRateDecay: the decay of the learning rate, at least 0.
  ///   - weightDecay: λ, at least 0, added to the gradient.
  ///   - initialAccumulatorValue: the sum of squares before the first step, at least 0.
  ///   - eps: ε, above 0.
  ///   - clipping: how gradients are clipped to a step's threshold.
  /// - Throws: `.badValue` naming a setting that is out of range.
  public static func adagrad(
    learningRate: Double = 0.01, learningRateDecay: Double = 0, weightDecay: Double = 0,
    initialAccumulatorValue: Double = 0, eps: Double = 1e-10, clipping: Clipping = .value
  ) throws(RecurrentError) -> Optimizer {
    try Optimizer(
      Adagrad.self, learningRate,
      [
        ("learning_rate_decay", .number(learningRateDecay)), ("weight_decay", .number(weightDecay)),
        ("initial_accumulator_value", .number(initialAccumulatorValue)), ("eps", .number(eps)),
      ], clipping)
  }
}
