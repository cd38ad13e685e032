// Layer normalization against plain loops in float64.

import Kernels
import Testing

@Suite struct LayerNormTests {
  @Test(arguments: oddSizes) func twins(n: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        compare(n, d, gap, Float.self)
        compare(n, d, gap, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ n: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let bound = 20 * tolerance(T.self), epsilon = 0.125
    let x = StridedMatrix<T>(n, d, gap: gap) { 3 * fraction(1)($0, $1) }
    let gain = StridedMatrix<T>(n, 1, small(2)), bias = StridedMatrix<T>(n, 1, small(3))
    let normal = StridedMatrix<T>(n, d), scale = StridedMatrix<T>(1, d), y = StridedMatrix<T>(n, d, gap: gap)
    layerNorm(
      x.view, gain: gain.view, bias: bias.view, epsilon: T(epsilon), normal: normal.view,
      scale: scale.view, to: y.view)

    let scales = (0..<d).map { j in
      let v = (0..<n).map { Double(x[$0, j]) }, mean = v.reduce(0, +) / Double(n)
      return (mean, 1 / (v.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(n) + epsilon).squareRoot())
    }
    let hat: (Int, Int) -> Double = { (Double(x[$0, $1]) - scales[$1].0) * scales[$1].1 }
    #expect(normal.distance(from: hat) < bound)
    #expect(scale.distance { scales[$1].1 } < bound)
    #expect(y.distance { Double(gain[$0, 0]) * hat($0, $1) + Double(bias[$0, 0]) } < bound)

    let dy = StridedMatrix<T>(n, d, gap: gap, small(4)), dx = StridedMatrix<T>(n, d, gap: gap, small(5))
    let dgain = StridedMatrix<T>(n, 1, small(6)), dbias = StridedMatrix<T>(n, 1, small(7)),
      work = StridedMatrix<T>(n, 1)
    let (oldX, oldGain, oldBias) = (dx.copy(), dgain.copy(), dbias.copy())
    layerNormBackward(
      gain: gain.view, normal: normal.view, scale: scale.view, dy: dy.view, dx: dx.view,
      dgain: dgain.view, dbias: dbias.view, work: work.view)
    let g: (Int, Int) -> Double = { Double(dy[$0, $1]) * Double(gain[$0, 0]) }
    #expect(
      dx.distance { i, j in
        let mean = (0..<n).reduce(0) { $0 + g($1, j) } / Double(n)
        let along = (0..<n).reduce(0) { $0 + g($1, j) * hat($1, j) } / Double(n)
        return Double(oldX[i, j]) + scales[j].1 * (g(i, j) - mean - hat(i, j) * along)
      } < bound)
    #expect(
      dgain.distance { i, _ in (0..<d).reduce(Double(oldGain[i, 0])) { $0 + Double(dy[i, $1]) * hat(i, $1) } }
        < bound)
    #expect(
      dbias.distance { i, _ in (0..<d).reduce(Double(oldBias[i, 0])) { $0 + Double(dy[i, $1]) } } < bound)
    #expect(work.gapsAreWhole)
  }

  @Test func aConstantColumnStaysFinite() {
    let x = StridedMatrix<Float>(9, 1) { _, _ in 7 }, one = StridedMatrix<Float>(9, 1) { _, _ in 1 }
    let normal = StridedMatrix<Float>(9, 1), scale = StridedMatrix<Float>(1, 1), y = StridedMatrix<Float>(9, 1)
    layerNorm(
      x.view, gain: one.view, bias: one.view, epsilon: 1e-5, normal: normal.view,
      scale: scale.view,
      to: y.view)
    #expect(y.difference { _, _ in 1 } == nil)
  }
}
