// RecurrentJS's RMSProp.

import Kernels

/// RecurrentJS's RMSProp.
///
///     s ← ρs + (1 − ρ)g²
///     w ← w − α·clip(g)/√(s + ε)
///
/// Parity: `s` accumulates the gradient before clipping, ε is inside the root, and there is no bias correction: with
/// ρ = 0.999 the first step of every weight is about 31.6 α.
struct RecurrentJSRMSProp: OptimizerAlgorithm {
  static let name = "recurrentjs"
  /// The learning rate of RecurrentJS's demo.
  static let defaultLearningRate = 0.01
  let decayRate: Double, smoothEps: Double

  init(_ settings: inout SettingsReader) throws(RecurrentError) {
    decayRate = try settings.number("decay_rate", default: 0.999)
    try require(decayRate, isDecay: "decay_rate")
    smoothEps = try settings.number("smooth_eps", default: 1e-8)
    try require(smoothEps, isPositive: "smooth_eps")
  }

  var stateNames: [String] { ["step_cache"] }
  var squares: [String] { ["step_cache"] }
  var epsilon: (name: String, value: Double)? { ("smooth_eps", smoothEps) }
  func reach(_ t: Int) -> Double { 1 / smoothEps.squareRoot() }

  func update<T: Real>(_ step: ParameterStep<T>) -> Int {
    recurrentJS(
      step.weights, dw: step.gradients, cache: step.state(0), step.options(learningRate: step.learningRate),
      decay: T(decayRate), epsilon: T(smoothEps))
  }
}
