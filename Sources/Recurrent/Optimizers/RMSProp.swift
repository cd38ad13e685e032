// RMSProp.

import Kernels

/// PyTorch's RMSprop with bias correction of the running average (on by default); g is the clipped gradient plus λw, t
/// counts steps from 1.
///
///     s ← ρs + (1 − ρ)g²
///     v = s/(1 − ρᵗ); without bias correction v = s
///     w ← w − α·g/(√v + ε)
///
/// `centered` replaces s by s − m² in v, m the running average of g. With momentum μ the update is
/// b ← μb + g/(√v + ε), w ← w − α·b.
///
/// Reference: Tieleman and Hinton, Coursera lecture 6.5, 2012; centered: Graves, arXiv:1308.0850.
struct RMSProp: OptimizerAlgorithm {
  static let name = "rmsprop"
  /// PyTorch's.
  static let defaultLearningRate = 0.01
  let alpha: Double, eps: Double, weightDecay: Double, momentum: Double, centered: Bool, biasCorrection: Bool

  init(_ settings: inout SettingsReader) throws(RecurrentError) {
    alpha = try settings.number("alpha", default: 0.99)
    try require(alpha, isDecay: "alpha")
    eps = try settings.number("eps", default: 1e-8)
    try require(eps, isPositive: "eps")
    weightDecay = try settings.number("weight_decay", default: 0, in: 0 ... .infinity)
    momentum = try settings.number("momentum", default: 0, in: 0 ... .infinity)
    centered = try settings.flag("centered", default: false)
    biasCorrection = try settings.flag("bias_correction", default: true)
  }

  var stateNames: [String] {
    ["square_avg"] + (momentum == 0 ? [] : ["momentum_buffer"]) + (centered ? ["grad_avg"] : [])
  }
  var squares: [String] { ["square_avg"] }
  var epsilon: (name: String, value: Double)? { ("eps", eps) }
  func reach(_ t: Int) -> Double { (1 + momentum) * max(1, 1 / eps) * correction(t) }

  private func correction(_ t: Int) -> Double { biasCorrection ? 1 / (1 - power(alpha, t)) : 1 }

  func update<T: Real>(_ step: ParameterStep<T>) -> Int {
    let hasMomentum = momentum != 0
    return rmsprop(
      step.weights, dw: step.gradients, square: step.state(0), momentum: hasMomentum ? step.state(1) : nil,
      mean: centered ? step.state(hasMomentum ? 2 : 1) : nil,
      step.options(learningRate: step.learningRate, coupled: weightDecay), decay: ExponentialMovingAverage(alpha),
      correction: T(correction(step.t)), epsilon: T(eps), mu: T(momentum))
  }
}

extension Optimizer {
  /// RMSProp as in PyTorch, with bias correction.
  ///
  /// - Parameters:
  ///   - learningRate: α, at least 0.
  ///   - alpha: ρ, at least 0 and below 1.
  ///   - eps: ε, above 0.
  ///   - weightDecay: λ, at least 0, added to the gradient.
  ///   - momentum: μ, at least 0.
  ///   - centered: subtracts the square of the mean gradient.
  ///   - biasCorrection: divides the mean of squares by 1 − ρᵗ; false is PyTorch's.
  ///   - clipping: how gradients are clipped to a step's threshold.
  /// - Throws: `.badValue` naming a setting that is out of range.
  public static func rmsprop(
    learningRate: Double = 0.01, alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0,
    momentum: Double = 0, centered: Bool = false, biasCorrection: Bool = true, clipping: Clipping = .value
  ) throws(RecurrentError) -> Optimizer {
    try Optimizer(
      RMSProp.self, learningRate,
      [
        ("alpha", .number(alpha)), ("eps", .number(eps)), ("weight_decay", .number(weightDecay)),
        ("momentum", .number(momentum)), ("centered", .bool(centered)), ("bias_correction", .bool(biasCorrection)),
      ], clipping)
  }
}
