// The rules by which weights move, each as PyTorch defines it but for RecurrentJS's own.

extension Optimizer {
  /// How a step follows from a gradient g, a learning rate α, and what was remembered; t counts a weight's steps from 1.
  ///
  /// In all but RecurrentJS's, g is the clipped gradient, and weight decay adds λw to it (`adamW`: takes αλw off the
  /// weight instead).
  public enum Rule: Equatable, Sendable {
    /// RecurrentJS's RMSProp.
    ///
    ///     s ← ρs + (1 − ρ)g²
    ///     w ← w − α·clip(g)/√(s + ε)
    ///
    /// Parity: `s` sees the gradient before it is clipped, ε stands under the root, and there is no bias correction:
    /// with ρ = 0.999 the first step of every weight is about 31.6 α.
    case recurrentJS(decayRate: Double = 0.999, smoothEps: Double = 1e-8)

    /// Stochastic gradient descent.
    ///
    ///     b ← μb + (1 − τ)g, at first b ← g
    ///     w ← w − α·b, with Nesterov's look ahead w ← w − α·(g + μb)
    ///
    /// Reference: Sutskever et al., ICML 2013; the learning rate is outside the momentum, as in PyTorch.
    case sgd(momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0, nesterov: Bool = false)

    /// Adagrad.
    ///
    ///     S ← S + g²
    ///     w ← w − α/(1 + (t − 1)·lrDecay)·g/(√S + ε)
    ///
    /// Reference: Duchi, Hazan and Singer, JMLR 12, 2011.
    case adagrad(
      lrDecay: Double = 0, weightDecay: Double = 0, initialAccumulatorValue: Double = 0, eps: Double = 1e-10)

    /// RMSProp as in PyTorch, with its start put right unless that is declined.
    ///
    ///     s ← ρs + (1 − ρ)g²
    ///     v = s/(1 − ρᵗ); without bias correction v = s
    ///     w ← w − α·g/(√v + ε)
    ///
    /// `centered` puts s − m² for s in v, m the mean of g as s is of g²; with momentum μ, b ← μb + g/(√v + ε) is what
    /// is multiplied by α.
    ///
    /// Reference: Tieleman and Hinton, Coursera lecture 6.5, 2012; centered: Graves, arXiv 1308.0850.
    case rmsprop(
      alpha: Double = 0.99, eps: Double = 1e-8, weightDecay: Double = 0, momentum: Double = 0, centered: Bool = false,
      biasCorrection: Bool = true)

    /// Adam.
    ///
    ///     m ← β₁m + (1 − β₁)g
    ///     v ← β₂v + (1 − β₂)g²
    ///     w ← w − α·m/(1 − β₁ᵗ)/(√(v/(1 − β₂ᵗ)) + ε)
    ///
    /// With AMSGrad the largest v so far takes v's place in the last line.
    ///
    /// Reference: Kingma and Ba, ICLR 2015; Reddi, Kale and Kumar, ICLR 2018.
    case adam(
      beta1: Double = 0.9, beta2: Double = 0.999, eps: Double = 1e-8, weightDecay: Double = 0, amsgrad: Bool = false)

    /// Adam whose weight decay stays out of the means: w ← (1 − αλ)w, then Adam's step.
    ///
    /// Reference: Loshchilov and Hutter, ICLR 2019.
    case adamW(
      beta1: Double = 0.9, beta2: Double = 0.999, eps: Double = 1e-8, weightDecay: Double = 0.01, amsgrad: Bool = false)

    /// What is remembered of each weight, by PyTorch's names.
    public var slots: [String] {
      switch self {
      case .recurrentJS: ["step_cache"]
      case .sgd(let momentum, _, _, _): momentum == 0 ? [] : ["momentum_buffer"]
      case .adagrad: ["sum"]
      case .rmsprop(_, _, _, let momentum, let centered, _):
        ["square_avg"] + (momentum == 0 ? [] : ["momentum_buffer"]) + (centered ? ["grad_avg"] : [])
      case .adam(_, _, _, _, let amsgrad), .adamW(_, _, _, _, let amsgrad):
        ["exp_avg", "exp_avg_sq"] + (amsgrad ? ["max_exp_avg_sq"] : [])
      }
    }

    /// The learning rate where none is given: PyTorch's, and that of RecurrentJS's page.
    var defaultLearningRate: Double {
      switch self {
      case .recurrentJS, .adagrad, .rmsprop: 0.01
      case .sgd, .adam, .adamW: 0.001
      }
    }

    /// What slots start from.
    var initialValue: Double {
      if case .adagrad(_, _, let value, _) = self { value } else { 0 }
    }

    /// What keeps a step from dividing by 0; nil where nothing is divided.
    var epsilon: (name: String, value: Double)? {
      switch self {
      case .recurrentJS(_, let eps): ("smooth_eps", eps)
      case .sgd: nil
      case .adagrad(_, _, _, let eps), .rmsprop(_, let eps, _, _, _, _): ("eps", eps)
      case .adam(_, _, let eps, _, _), .adamW(_, _, let eps, _, _): ("eps", eps)
      }
    }

    /// Refuses settings out of range.
    func check() throws(RecurrentError) {
      if let epsilon { try require(epsilon.value, isPositive: epsilon.name) }
      switch self {
      case .recurrentJS(let decayRate, _):
        try require(decayRate, isShare: "decay_rate")
      case .sgd(let momentum, let dampening, let weightDecay, let nesterov):
        try require(momentum, "momentum", in: 0 ... .infinity)
        try require(dampening, "dampening", in: 0...1)
        try require(weightDecay, "weight_decay", in: 0 ... .infinity)
        try require(
          !nesterov || momentum > 0 && dampening == 0, .badValue,
          "nesterov needs a momentum above 0 and no dampening; these are \(momentum) and \(dampening)")
      case .adagrad(let lrDecay, let weightDecay, let initialAccumulatorValue, _):
        try require(lrDecay, "lr_decay", in: 0 ... .infinity)
        try require(weightDecay, "weight_decay", in: 0 ... .infinity)
        try require(initialAccumulatorValue, "initial_accumulator_value", in: 0 ... .infinity)
      case .rmsprop(let alpha, _, let weightDecay, let momentum, _, _):
        try require(alpha, isShare: "alpha")
        try require(weightDecay, "weight_decay", in: 0 ... .infinity)
        try require(momentum, "momentum", in: 0 ... .infinity)
      case .adam(let beta1, let beta2, _, let weightDecay, _), .adamW(let beta1, let beta2, _, let weightDecay, _):
        try require(beta1, isShare: "betas[0]")
        try require(beta2, isShare: "betas[1]")
        try require(weightDecay, "weight_decay", in: 0 ... .infinity)
      }
    }
  }
}

/// A setting that must be at least 0 and below 1.
private func require(_ value: Double, isShare name: String) throws(RecurrentError) {
  try require(value >= 0 && value < 1, .badValue, "\(name) is \(value); expected at least 0 and below 1")
}
