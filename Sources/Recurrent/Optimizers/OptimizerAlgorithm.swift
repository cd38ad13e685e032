// The interface of an optimization algorithm, and the list of all of them.

import Kernels

/// An optimization algorithm: its settings, its state and its update.
protocol OptimizerAlgorithm: Sendable {
  /// Its name in settings.
  static var name: String { get }
  /// The default learning rate.
  static var defaultLearningRate: Double { get }

  /// Reads the settings.
  ///
  /// - Throws: `.badValue` for a setting of the wrong type or out of range.
  init(_ settings: inout SettingsReader) throws(RecurrentError)

  /// Names of the state tensors of one parameter, as PyTorch names them.
  var stateNames: [String] { get }
  /// The names among them of means and sums of squares, which are never negative.
  var squares: [String] { get }
  /// The fraction of a weight that the algorithm adds to its gradient, or subtracts from it.
  var weightDecay: Double { get }
  /// An upper bound of |Δw| / α divided by the sum of a state element and twice the gradient, weight decay included.
  func reach(_ t: Int) -> Double
  /// The initial value of every state element.
  var initialState: Double { get }
  /// The setting that keeps a step from dividing by 0; nil if nothing is divided.
  var epsilon: (name: String, value: Double)? { get }

  /// Updates one parameter and its state, and sets its gradient to 0.
  ///
  /// - Returns: how many gradient elements exceeded the clip value.
  func update(_ step: ParameterStep<Float>) -> Int
  /// The float64 version; one generic method implements both requirements.
  func update(_ step: ParameterStep<Double>) -> Int
}

extension OptimizerAlgorithm {
  var initialState: Double { 0 }
  var weightDecay: Double { 0 }
}

extension Optimizer {
  /// Every algorithm. A new one is a new file and a line here.
  static let algorithms: [any OptimizerAlgorithm.Type] = [
    RecurrentJSRMSProp.self,
    SGD.self,
    Adagrad.self,
    RMSProp.self,
    Adam.self,
    AdamW.self,
  ]

  /// The names of all algorithms.
  public static var algorithmNames: [String] { algorithms.map { $0.name } }
}

/// The settings of one step.
struct StepOptions {
  let learningRate: Double
  /// The fraction of each weight that is subtracted, besides the algorithm's own decay.
  let weightDecay: Double
  /// The clipping threshold; infinity for none.
  let clip: Double
  /// A factor of the algorithm's own weight decay.
  private(set) var decayFactor = 1.0

  /// - Throws: `.badValue` for a setting out of range.
  init(_ learningRate: Double, _ weightDecay: Double, _ clip: Double) throws(RecurrentError) {
    try require(learningRate, "learning_rate", in: 0 ... .infinity)
    try require(weightDecay, "weight_decay", in: 0 ... .infinity)
    // weights of either type are computed with them
    try require(learningRate, "learning_rate", fits: .float32)
    try require(weightDecay, "weight_decay", fits: .float32)
    try require(clip > 0, .badValue, "clip is out of range; expected above 0, or infinity for none, got \(clip)")
    (self.learningRate, self.weightDecay, self.clip) = (learningRate, weightDecay, clip)
  }

  /// The settings of parameters with factors. A learning rate of 0 freezes them: they do not decay either.
  init(_ options: StepOptions, _ factors: ParameterGroups.Factors) {
    learningRate = options.learningRate * factors.learningRate
    weightDecay = factors.learningRate == 0 ? 0 : options.weightDecay * factors.weightDecay
    (clip, decayFactor) = (options.clip, factors.weightDecay)
  }
}

/// One step of one parameter, or of all parameters that share one flat buffer.
struct ParameterStep<Scalar: Real> {
  let weights: MatrixView<Scalar>, gradients: MatrixView<Scalar>
  /// State tensors in the order of `stateNames`.
  let states: [Mat]
  /// Index of the step, from 1.
  let t: Int
  let learningRate: Double
  /// The fraction of each weight that the step's options subtract.
  let weightDecay: Double
  /// A factor of the algorithm's own weight decay.
  let decayFactor: Double
  /// Multiplies every gradient; below 1 if clipping by norm.
  let gradientScale: Double
  /// Bound on the magnitude of a gradient element; infinity for none.
  let clipValue: Double

  /// A state tensor by its index in `stateNames`.
  func state(_ k: Int) -> MatrixView<Scalar> { states[k].operandRef.w(Scalar.self) }

  /// The kernel's arguments that all algorithms share.
  ///
  /// - Parameters:
  ///   - learningRate: α of this step, after the algorithm's own corrections.
  ///   - coupled: λ, the factor of the weight that is added to its gradient, before the group's factor.
  ///   - decoupled: the fraction of the weight that is subtracted.
  func options(learningRate: Double, coupled: Double = 0, decoupled: Double = 0) -> OptimizerUpdate<Scalar> {
    OptimizerUpdate(
      learningRate: learningRate, weightDecay: coupled * decayFactor, decoupledDecay: weightDecay + decoupled,
      gradientScale: gradientScale, clipValue: clipValue)
  }
}

/// Requires 0 ≤ value < 1.
func require(_ value: Double, isDecay name: String) throws(RecurrentError) {
  try require(
    value >= 0 && value < 1, .badValue, "\(name) is out of range; expected at least 0 and below 1, got \(value)")
}

/// xⁿ for n ≥ 0 by repeated squaring: the same bits on every machine, unlike libm's pow.
func power(_ x: Double, _ n: Int) -> Double {
  var (result, square, remaining) = (1.0, x, n)
  while remaining > 0 {
    if remaining & 1 == 1 { result *= square }
    square *= square
    remaining >>= 1
  }
  return result
}
