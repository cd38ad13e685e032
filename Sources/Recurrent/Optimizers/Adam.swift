// Adam and AdamW.

import Kernels

/// Adam as in PyTorch; g is the clipped gradient plus λw, t counts steps from 1.
///
///     m ← β₁m + (1 − β₁)g
///     v ← β₂v + (1 − β₂)g²
///     w ← w − α·m/(1 − β₁ᵗ)/(√(v/(1 − β₂ᵗ)) + ε)
///
/// With `amsgrad` the largest v so far replaces v in the last line.
///
/// Reference: Kingma and Ba, ICLR 2015; Reddi, Kale and Kumar, ICLR 2018.
struct Adam: OptimizerAlgorithm {
  static let name = "adam"
  /// PyTorch's.
  static let defaultLearningRate = 0.001
  let moments: AdamMoments

  init(_ settings: inout SettingsReader) throws(RecurrentError) {
    moments = try AdamMoments(&settings, weightDecay: 0)
  }

  var stateNames: [String] { moments.stateNames }
  var squares: [String] { moments.squares }
  var epsilon: (name: String, value: Double)? { moments.epsilon }
  var weightDecay: Double { moments.weightDecay }
  func reach(_ t: Int) -> Double { moments.reach(t) }

  func update<T: Real>(_ step: ParameterStep<T>) -> Int {
    moments.update(step, coupled: moments.weightDecay, decoupled: 0)
  }
}

/// Adam with decoupled weight decay: w ← (1 − αλ)w, then Adam's step with λ = 0.
///
/// Reference: Loshchilov and Hutter, ICLR 2019.
struct AdamW: OptimizerAlgorithm {
  static let name = "adamw"
  /// PyTorch's.
  static let defaultLearningRate = 0.001
  let moments: AdamMoments

  init(_ settings: inout SettingsReader) throws(RecurrentError) {
    moments = try AdamMoments(&settings, weightDecay: 0.01)
  }

  var stateNames: [String] { moments.stateNames }
  var squares: [String] { moments.squares }
  var epsilon: (name: String, value: Double)? { moments.epsilon }
  var weightDecay: Double { moments.weightDecay }
  func reach(_ t: Int) -> Double { moments.reach(t) }

  func update<T: Real>(_ step: ParameterStep<T>) -> Int {
    moments.update(step, coupled: 0, decoupled: step.learningRate * (moments.weightDecay * step.decayFactor))
  }
}

/// What Adam and AdamW share: both moments of the gradient and their settings.
struct AdamMoments {
  let beta1: Double, beta2: Double, eps: Double, weightDecay: Double, amsgrad: Bool

  init(_ settings: inout SettingsReader, weightDecay: Double) throws(RecurrentError) {
    (beta1, beta2) = try settings.pair("betas", default: (0.9, 0.999))
    try require(beta1, isDecay: "betas[0]")
    try require(beta2, isDecay: "betas[1]")
    eps = try settings.number("eps", default: 1e-8)
    try require(eps, isPositive: "eps")
    self.weightDecay = try settings.number("weight_decay", default: weightDecay, in: 0 ... .infinity)
    amsgrad = try settings.flag("amsgrad", default: false)
  }

  var stateNames: [String] { ["exp_avg", "exp_avg_sq"] + (amsgrad ? ["max_exp_avg_sq"] : []) }
  var squares: [String] { ["exp_avg_sq", "max_exp_avg_sq"] }
  var epsilon: (name: String, value: Double)? { ("eps", eps) }

  func reach(_ t: Int) -> Double { 1 / (eps * (1 - power(beta1, t)) * (1 - power(beta2, t)).squareRoot()) }

  func update<T: Real>(_ step: ParameterStep<T>, coupled: Double, decoupled: Double) -> Int {
    let learningRate = step.learningRate / (1 - power(beta1, step.t))
    return adam(
      step.weights, dw: step.gradients, mean: step.state(0), square: step.state(1),
      largest: amsgrad ? step.state(2) : nil,
      step.options(learningRate: learningRate, coupled: coupled, decoupled: decoupled),
      beta1: ExponentialMovingAverage(beta1), beta2: ExponentialMovingAverage(beta2),
      root: T((1 - power(beta2, step.t)).squareRoot()), epsilon: T(eps))
  }
}

extension Optimizer {
  /// Adam as in PyTorch.
  ///
  /// - Parameters:
  ///   - learningRate: α, at least 0.
  ///   - betas: β₁ and β₂, at least 0 and below 1.
  ///   - eps: ε, above 0.
  ///   - weightDecay: λ, at least 0, added to the gradient.
  ///   - amsgrad: divides by the largest mean of squares so far.
  ///   - clipping: how gradients are clipped to a step's threshold.
  /// - Throws: `.badValue` naming a setting that is out of range.
  public static func adam(
    learningRate: Double = 0.001, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, clipping: Clipping = .value
  ) throws(RecurrentError) -> Optimizer {
    try Optimizer(
      Adam.self, learningRate, AdamMoments.settings(betas, eps, weightDecay: weightDecay, amsgrad), clipping)
  }

  /// Adam with decoupled weight decay as in PyTorch.
  ///
  /// - Parameters:
  ///   - learningRate: α, at least 0.
  ///   - betas: β₁ and β₂, at least 0 and below 1.
  ///   - eps: ε, above 0.
  ///   - weightDecay: λ, at least 0, subtracted from the weights times α.
  ///   - amsgrad: divides by the largest mean of squares so far.
  ///   - clipping: how gradients are clipped to a step's threshold.
  /// - Throws: `.badValue` naming a setting that is out of range.
  public static func adamw(
    learningRate: Double = 0.001, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8,
    weightDecay: Double = 0.01, amsgrad: Bool = false, clipping: Clipping = .value
  ) throws(RecurrentError) -> Optimizer {
    try Optimizer(
      AdamW.self, learningRate, AdamMoments.settings(betas, eps, weightDecay: weightDecay, amsgrad), clipping)
  }
}

extension AdamMoments {
  fileprivate static func settings(
    _ betas: (Double, Double), _ eps: Double, weightDecay: Double, _ amsgrad: Bool
  ) -> [(String, JSON)] {
    [
      ("betas", .array(JSON.List([.number(betas.0), .number(betas.1)]))), ("eps", .number(eps)),
      ("weight_decay", .number(weightDecay)), ("amsgrad", .bool(amsgrad)),
    ]
  }
}
