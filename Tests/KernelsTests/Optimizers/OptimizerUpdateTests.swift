// The update steps against plain loops: the same operations in the same order, so the same bits.

import Campaigns
import Kernels
import Testing

@Suite struct OptimizerUpdateTests {
  @Test(arguments: oddSizes) func recurrentJSIsThePlainLoop(n: Int) {
    compare(n, slots: 1, Float.self, kernel: recurrentJS, plain: recurrentJS)
    compare(n, slots: 1, Double.self, kernel: recurrentJS, plain: recurrentJS)
  }

  @Test(arguments: oddSizes) func sgdIsThePlainLoop(n: Int) {
    for (slots, nesterov) in [(0, false), (1, false), (1, true)] {
      compare(n, slots: slots, Float.self, kernel: sgd(nesterov), plain: sgd(nesterov))
      compare(n, slots: slots, Double.self, kernel: sgd(nesterov), plain: sgd(nesterov))
    }
  }

  @Test(arguments: oddSizes) func adagradIsThePlainLoop(n: Int) {
    compare(n, slots: 1, Float.self, kernel: adagrad, plain: adagrad)
    compare(n, slots: 1, Double.self, kernel: adagrad, plain: adagrad)
  }

  @Test(arguments: oddSizes) func rmspropIsThePlainLoop(n: Int) {
    for (momentum, centered) in [(false, false), (false, true), (true, false), (true, true)] {
      let slots = 1 + (momentum ? 1 : 0) + (centered ? 1 : 0)
      compare(n, slots: slots, Float.self, kernel: rmsprop(momentum, centered), plain: rmsprop(momentum, centered))
      compare(n, slots: slots, Double.self, kernel: rmsprop(momentum, centered), plain: rmsprop(momentum, centered))
    }
  }

  @Test(arguments: oddSizes) func adamIsThePlainLoop(n: Int) {
    for slots in [2, 3] {
      compare(n, slots: slots, Float.self, kernel: adam, plain: adam)
      compare(n, slots: slots, Double.self, kernel: adam, plain: adam)
    }
  }

  @Test(.enabled(if: harden)) func countsClippedGradientsBeyondTwoToThe24() {
    let d = 1 << 24 + 5
    let w = StridedMatrix<Float>(1, d, gap: 1), dw = StridedMatrix<Float>(1, d, gap: 1) { _, _ in 2 }
    let clipped = Kernels.sgd(
      w.view, dw: dw.view, momentum: nil, OptimizerUpdate(learningRate: 0, clipValue: 1), mu: 0, new: 1, nesterov: false
    )
    #expect(clipped == d)
  }

  // MARK: The optimizers, as kernels and as functions of one element

  typealias Kernel<T: Real> = (_ w: MatrixView<T>, _ dw: MatrixView<T>, _ slots: [MatrixView<T>], OptimizerUpdate<T>) ->
    Int
  typealias Plain<T: Real> = (_ w: T, _ raw: T, _ clipped: T, _ slots: inout [T], Settings<T>) -> T

  /// The fields of an `OptimizerUpdate`.
  struct Settings<T: Real> {
    var learningRate: T = 0.01, weightDecay: T = 0.125, decoupledDecay: T = 1e-3
    var gradientScale: T = 0.75, clipValue: T = 0.5
    /// 1 − decoupledDecay, rounded once.
    var keptFraction: T { T(1 - 1e-3) }
    var update: OptimizerUpdate<T> {
      OptimizerUpdate(
        learningRate: 0.01, weightDecay: 0.125, decoupledDecay: 1e-3, gradientScale: 0.75, clipValue: 0.5)
    }
  }

  private func recurrentJS<T: Real>(
    _ w: MatrixView<T>, _ dw: MatrixView<T>, _ s: [MatrixView<T>], _ d: OptimizerUpdate<T>
  ) -> Int {
    Kernels.recurrentJS(w, dw: dw, cache: s[0], d, decay: 0.999, epsilon: 1e-8)
  }

  private func recurrentJS<T: Real>(_ w: T, _ raw: T, _ g: T, _ s: inout [T], _ d: Settings<T>) -> T {
    s[0] = s[0] * 0.999 + (1 - 0.999) * raw * raw
    return w - d.learningRate * g / (s[0] + 1e-8).squareRoot() - d.decoupledDecay * w
  }

  private func sgd<T: Real>(_ nesterov: Bool) -> Kernel<T> {
    { Kernels.sgd($0, dw: $1, momentum: $2.first, $3, mu: 0.9, new: 0.75, nesterov: nesterov) }
  }

  private func sgd<T: Real>(_ nesterov: Bool) -> Plain<T> {
    { w, _, clipped, s, d in
      let g = clipped + d.weightDecay * w
      if s.isEmpty { return d.keptFraction * w - d.learningRate * g }
      s[0] = s[0] * 0.9 + 0.75 * g
      return d.keptFraction * w - d.learningRate * (nesterov ? g + 0.9 * s[0] : s[0])
    }
  }

  private func adagrad<T: Real>(_ w: MatrixView<T>, _ dw: MatrixView<T>, _ s: [MatrixView<T>], _ d: OptimizerUpdate<T>)
    -> Int
  {
    Kernels.adagrad(w, dw: dw, sum: s[0], d, epsilon: 1e-10)
  }

  private func adagrad<T: Real>(_ w: T, _: T, _ clipped: T, _ s: inout [T], _ d: Settings<T>) -> T {
    let g = clipped + d.weightDecay * w
    s[0] = s[0] + g * g
    return d.keptFraction * w - d.learningRate * g / (s[0].squareRoot() + 1e-10)
  }

  private func rmsprop<T: Real>(_ momentum: Bool, _ centered: Bool) -> Kernel<T> {
    {
      Kernels.rmsprop(
        $0, dw: $1, square: $2[0], momentum: momentum ? $2[1] : nil, mean: centered ? $2[momentum ? 2 : 1] : nil, $3,
        decay: ExponentialMovingAverage(0.99), correction: 1.5, epsilon: 1e-8, mu: 0.9)
    }
  }

  private func rmsprop<T: Real>(_ momentum: Bool, _ centered: Bool) -> Plain<T> {
    { w, _, clipped, s, d in
      let g = clipped + d.weightDecay * w, new = T(1 - 0.99)
      s[0] = s[0] * T(0.99) + new * g * g
      var v = s[0]
      if centered {
        let k = momentum ? 2 : 1
        s[k] = s[k] + new * (g - s[k])
        v = max(v - s[k] * s[k], 0)
      }
      let root = (v * 1.5).squareRoot() + 1e-8
      if !momentum { return d.keptFraction * w - d.learningRate * g / root }
      s[1] = s[1] * 0.9 + g / root
      return d.keptFraction * w - d.learningRate * s[1]
    }
  }

  private func adam<T: Real>(_ w: MatrixView<T>, _ dw: MatrixView<T>, _ s: [MatrixView<T>], _ d: OptimizerUpdate<T>)
    -> Int
  {
    Kernels.adam(
      w, dw: dw, mean: s[0], square: s[1], largest: s.count > 2 ? s[2] : nil, d, beta1: ExponentialMovingAverage(0.9),
      beta2: ExponentialMovingAverage(0.999),
      root: 0.625, epsilon: 1e-8)
  }

  private func adam<T: Real>(_ w: T, _: T, _ clipped: T, _ s: inout [T], _ d: Settings<T>) -> T {
    let g = clipped + d.weightDecay * w
    s[0] = s[0] + T(1 - 0.9) * (g - s[0])
    s[1] = s[1] * T(0.999) + T(1 - 0.999) * g * g
    var v = s[1]
    if s.count > 2 {
      v = max(s[2], v)
      s[2] = v
    }
    return d.keptFraction * w - d.learningRate * s[0] / (v.squareRoot() / 0.625 + 1e-8)
  }

  // MARK: Comparison

  private func compare<T: Real>(_ n: Int, slots count: Int, _: T.Type, kernel: Kernel<T>, plain: Plain<T>) {
    let settings = Settings<T>()
    for (d, gap) in [(1, 0), (2, 0), (5, 0), (1, 3), (2, 3), (5, 3)] {
      let w = StridedMatrix<T>(n, d, gap: gap, fraction(1)), expected = w.copy()
      let dw = StridedMatrix<T>(n, d, gap: gap) { 2 * fraction(2)($0, $1) }
      // contiguous state with strided weights
      let slots = (0..<count).map { k in StridedMatrix<T>(n, d) { abs(fraction(3 + k)($0, $1)) } }
      let expectedSlots = slots.map { $0.copy() }
      var beyond = 0
      for j in 0..<d {
        for i in 0..<n {
          let g = settings.gradientScale * dw[i, j]
          if abs(g) > settings.clipValue { beyond += 1 }
          var s = expectedSlots.map { $0[i, j] }
          expected[i, j] = plain(
            expected[i, j], dw[i, j], min(max(g, -settings.clipValue), settings.clipValue), &s, settings)
          for (slot, value) in zip(expectedSlots, s) { slot[i, j] = value }
        }
      }
      let clipped = kernel(w.view, dw.view, slots.map { $0.view }, settings.update)
      #expect(clipped == beyond)
      #expect(w.difference { expected[$0, $1] } == nil)
      #expect(dw.difference { _, _ in 0 } == nil)
      for (slot, expected) in zip(slots, expectedSlots) { #expect(slot.difference { expected[$0, $1] } == nil) }
    }
  }
}
