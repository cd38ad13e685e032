// From a rule to the kernel that does it.

import Kernels

extension Optimizer {
  /// What a step asks for.
  struct Order {
    let stepSize, regc, clipval: Double

    /// Refuses settings out of range.
    init(_ stepSize: Double, _ regc: Double, _ clipval: Double) throws(RecurrentError) {
      try require(stepSize, "step_size", in: 0 ... .infinity)
      try require(regc, "regc", in: 0 ... .infinity)
      try require(clipval > 0, .badValue, "clipval is \(clipval); expected a number above 0, or infinity for none")
      (self.stepSize, self.regc, self.clipval) = (stepSize, regc, clipval)
    }
  }

  /// Moves one Mat and zeroes its gradients.
  ///
  /// - Parameters:
  ///   - slots: what the rule remembers of it.
  ///   - t: which step of this Mat it is, from 1.
  ///   - order: what the step asks for.
  ///   - norm: √Σg² of what is clipped together.
  /// - Returns: how many gradients were clipped.
  func move(_ mat: Mat, _ slots: [Mat], _ t: Int, _ order: Order, norm: Double) -> Int {
    switch mat.dtype {
    case .float32: move(mat, slots, t, order, norm, Float.self)
    case .float64: move(mat, slots, t, order, norm, Double.self)
    }
  }

  private func move<T: Real>(
    _ mat: Mat, _ slots: [Mat], _ t: Int, _ order: Order, _ norm: Double, _: T.Type
  ) -> Int {
    let w = mat.block.w(T.self), dw = mat.block.dw(T.self), rate = order.stepSize
    func slot(_ k: Int) -> MatrixView<T> { slots[k].block.w(T.self) }

    let byNorm = clipping != .value && order.clipval < .infinity
    let scale = byNorm ? min(1, order.clipval / (norm + 1e-6)) : 1
    func descent(_ rate: Double, coupled: Double = 0, decoupled: Double = 0) -> OptimizerUpdate<T> {
      OptimizerUpdate(
        learningRate: rate, weightDecay: coupled, decoupledDecay: order.regc + decoupled, gradientScale: scale,
        clipValue: byNorm ? .infinity : order.clipval)
    }

    let clipped: Int
    switch rule {
    case .recurrentJS(let decayRate, let smoothEps):
      clipped = recurrentJS(
        w, dw: dw, cache: slot(0), descent(rate), decay: T(decayRate), epsilon: T(smoothEps))
    case .sgd(let momentum, let dampening, let decay, let nesterov):
      clipped = sgd(
        w, dw: dw, momentum: momentum == 0 ? nil : slot(0), descent(rate, coupled: decay), mu: T(momentum),
        new: T(t == 1 ? 1 : 1 - dampening), nesterov: nesterov)
    case .adagrad(let lrDecay, let decay, _, let eps):
      clipped = adagrad(
        w, dw: dw, sum: slot(0), descent(rate / (1 + Double(t - 1) * lrDecay), coupled: decay), epsilon: T(eps))
    case .rmsprop(let alpha, let eps, let decay, let momentum, let centered, let corrects):
      clipped = rmsprop(
        w, dw: dw, square: slot(0), momentum: momentum == 0 ? nil : slot(1),
        mean: centered ? slot(momentum == 0 ? 1 : 2) : nil, descent(rate, coupled: decay), decay: ExponentialMovingAverage(alpha),
        correction: T(corrects ? 1 / (1 - power(alpha, t)) : 1), epsilon: T(eps), mu: T(momentum))
    case .adam(let beta1, let beta2, let eps, let decay, let amsgrad),
      .adamW(let beta1, let beta2, let eps, let decay, let amsgrad):
      var (coupled, decoupled) = (decay, 0.0)
      if case .adamW = rule { (coupled, decoupled) = (0, rate * decay) }
      clipped = adam(
        w, dw: dw, mean: slot(0), square: slot(1), largest: amsgrad ? slot(2) : nil,
        descent(rate / (1 - power(beta1, t)), coupled: coupled, decoupled: decoupled), beta1: ExponentialMovingAverage(beta1),
        beta2: ExponentialMovingAverage(beta2), root: T((1 - power(beta2, t)).squareRoot()), epsilon: T(eps))
    }
    return scale < 1 ? mat.count : clipped
  }
}

/// xⁿ for n ≥ 0, the same bits on every machine.
private func power(_ x: Double, _ n: Int) -> Double {
  var (result, square, left) = (1.0, x, n)
  while left > 0 {
    if left & 1 == 1 { result *= square }
    square *= square
    left >>= 1
  }
  return result
}
