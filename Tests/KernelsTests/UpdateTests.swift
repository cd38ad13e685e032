// The solver's kernels against plain loops.

import Kernels
import Testing

@Suite struct UpdateTests {
  @Test(arguments: oddSizes) func rmspropIsThePlainLoop(n: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        compare(n, d, gap, Float.self)
        compare(n, d, gap, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ n: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let w = Rectangle<T>(n, d, gap: gap, fraction(1)), oldW = w.copy()
    let dw = Rectangle<T>(n, d, gap: gap) { 2 * fraction(2)($0, $1) }, oldDw = dw.copy()
    let cache = Rectangle<T>(n, d, gap: gap) { abs(fraction(3)($0, $1)) }, oldCache = cache.copy()
    let decay: T = 0.999, epsilon: T = 1e-8, alpha: T = 0.01, lambda: T = 1e-4, clip: T = 0.75
    let clipped = rmsprop(
      w.columns, dw: dw.columns, cache: cache.columns,
      RMSPropRates(decay: decay, epsilon: epsilon, stepSize: alpha, regularization: lambda, clip: clip))

    var count = 0
    let s: (Int, Int) -> T = { i, j in
      let g = oldDw[i, j]
      return oldCache[i, j] * decay + (1 - decay) * g * g
    }
    for j in 0..<d {
      for i in 0..<n where abs(oldDw[i, j]) > clip { count += 1 }
    }
    // the same operations in the same order, so the same bits
    #expect(clipped == count)
    #expect(cache.difference(from: s) == nil)
    #expect(dw.difference { _, _ in 0 } == nil)
    #expect(
      w.difference { i, j in
        let bounded = min(max(oldDw[i, j], -clip), clip)
        return oldW[i, j] - alpha * bounded / (s(i, j) + epsilon).squareRoot() - lambda * oldW[i, j]
      } == nil)
  }

  @Test(arguments: oddSizes) func norms(n: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        let x = Rectangle<Float>(n, d, gap: gap, small(1)), y = Rectangle<Double>(n, d, gap: gap, small(1))
        var total = 0.0
        for j in 0..<d {
          for i in 0..<n { total += Double(x[i, j] * x[i, j]) }
        }
        #expect(squaredNorm(x.columns) == total)
        #expect(squaredNorm(y.columns) == total)
        #expect(firstNonFinite(x.columns) == (-1, -1))
        for bad in [Float.nan, .infinity, -.infinity] {
          let broken = x.copy()
          broken[n - 1, d - 1] = bad
          #expect(firstNonFinite(broken.columns) == (n - 1, d - 1))
          broken[n / 2, 0] = bad
          #expect(firstNonFinite(broken.columns) == (n / 2, 0))
        }
      }
    }
  }

  @Test func floatsAreSummedInDouble() {
    let x = Rectangle<Float>(3, 1) { i, _ in [1e30, 1, 1e-30][i] }
    #expect(squaredNorm(x.columns).isFinite)
  }

  @Test(.enabled(if: harden)) func countsBeyondWhatAFloatCounts() {
    let d = 1 << 24 + 5
    let w = Rectangle<Float>(1, d, gap: 1), cache = Rectangle<Float>(1, d, gap: 1)
    let dw = Rectangle<Float>(1, d, gap: 1) { _, _ in 2 }
    let rates = RMSPropRates<Float>(decay: 0.5, epsilon: 1, stepSize: 0, regularization: 0, clip: 1)
    #expect(rmsprop(w.columns, dw: dw.columns, cache: cache.columns, rates) == d)
  }
}
