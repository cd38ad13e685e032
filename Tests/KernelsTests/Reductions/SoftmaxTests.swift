// Softmax and cross-entropy against plain loops in float64.

import Foundation
import Kernels
import Testing

@Suite struct SoftmaxTests {
  @Test(arguments: oddSizes) func twins(n: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        compare(n, d, gap, Float.self)
        compare(n, d, gap, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ n: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let bound = tolerance(T.self)
    let x = StridedMatrix<T>(n, d, gap: gap) { 6 * fraction(1)($0, $1) }
    let shares = (0..<d).map { j in
      let top = (0..<n).map { Double(x[$0, j]) }.max() ?? 0
      let e = (0..<n).map { exp(Double(x[$0, j]) - top) }, total = e.reduce(0, +)
      return e.map { $0 / total }
    }

    let p = StridedMatrix<T>(n, d, gap: gap)
    softmax(x.view, to: p.view)
    #expect(p.distance { shares[$1][$0] } < bound)
    let y = StridedMatrix<T>(n, d, gap: gap)
    logSoftmax(x.view, to: y.view)
    #expect(y.distance { log(shares[$1][$0]) } < bound)

    let dy = StridedMatrix<T>(n, d, gap: gap, small(2)), dx = StridedMatrix<T>(n, d, gap: gap, small(3)),
      before = dx.copy()
    softmaxBackward(p.view, dp: dy.view, dx: dx.view)
    #expect(
      dx.distance { i, j in
        let mean = (0..<n).reduce(0) { $0 + shares[j][$1] * Double(dy[$1, j]) }
        return Double(before[i, j]) + shares[j][i] * (Double(dy[i, j]) - mean)
      } < 4 * bound)

    let dz = before.copy()
    logSoftmaxBackward(y.view, dy: dy.view, dx: dz.view)
    #expect(
      dz.distance { i, j in
        let total = (0..<n).reduce(0) { $0 + Double(dy[$1, j]) }
        return Double(before[i, j]) + Double(dy[i, j]) - shares[j][i] * total
      } < 8 * bound)

    let targets = (0..<d).map { Int32(($0 * 5 + 2) % n) }
    let kept = StridedMatrix<T>(n, d)
    let loss = totalLoss(x.view, targets: targets, to: kept.view)
    let expected = (0..<d).reduce(0) { $0 - log(shares[$1][Int(targets[$1])]) }
    #expect(abs(Double(loss) - expected) < 4 * bound * max(1, expected))
    #expect(kept.distance { shares[$1][$0] } < bound)
    let ds = before.copy()
    crossEntropyBackward(kept.view, targets: targets, dy: 0.5, dx: ds.view)
    #expect(
      ds.distance { i, j in
        Double(before[i, j]) + 0.5 * (shares[j][i] - (Int(targets[j]) == i ? 1 : 0))
      } < bound)
  }

  /// A column without a target has no loss and no gradient.
  @Test func columnsWithoutTargets() {
    let x = StridedMatrix<Double>(5, 3, fraction(1)), p = StridedMatrix<Double>(5, 3, small(1)),
      dx = StridedMatrix<Double>(5, 3, small(2))
    let before = dx.copy(), one = StridedMatrix<Double>(5, 1) { i, _ in fraction(1)(i, 1) },
      q = StridedMatrix<Double>(5, 1)
    let loss = totalLoss(x.view, targets: [-1, 3, -1], to: p.view)
    #expect(loss == totalLoss(one.view, targets: [3], to: q.view))
    #expect(p.difference { i, j in j == 1 ? q[i, 0] : 0 } == nil)
    crossEntropyBackward(p.view, targets: [-1, 3, -1], dy: 2, dx: dx.view)
    #expect(dx.distance { i, j in before[i, j] + (j == 1 ? 2 * (q[i, 0] - (i == 3 ? 1 : 0)) : 0) } < 1e-15)
  }

  @Test func equalScoresShareEqually() {
    for n in [1, 2, 4, 8, 16, 64] {
      let x = StridedMatrix<Float>(n, 2) { _, j in j == 0 ? 3e38 : -3e38 }, p = StridedMatrix<Float>(n, 2)
      softmax(x.view, to: p.view)
      #expect(p.difference { _, _ in 1 / Float(n) } == nil)
    }
  }

  @Test func scoresFarApartGiveZeroAndOne() {
    let x = StridedMatrix<Double>(3, 1) { i, _ in [1e308, 0, -1e308][i] }, p = StridedMatrix<Double>(3, 1)
    softmax(x.view, to: p.view)
    #expect(p.difference { i, _ in i == 0 ? 1 : 0 } == nil)
    let loss = totalLoss(x.view, targets: [1], to: p.view)
    #expect(loss == 1e308)
  }

  @Test(arguments: [0, 5, 10]) func nanFillsItsColumnOnly(row: Int) {
    let x = StridedMatrix<Float>(11, 2, fraction(1)), p = StridedMatrix<Float>(11, 2), y = StridedMatrix<Float>(11, 2)
    x[row, 0] = .nan
    softmax(x.view, to: p.view)
    logSoftmax(x.view, to: y.view)
    for i in 0..<11 {
      #expect(p[i, 0].isNaN && y[i, 0].isNaN)
      #expect(p[i, 1] > 0 && y[i, 1] < 0)
    }
  }
}

/// Returns the sum of the losses of all columns.
private func totalLoss<T: Real>(_ x: MatrixView<T>, targets: [Int32], to p: MatrixView<T>) -> T {
  var losses = [T](repeating: .nan, count: x.columns)
  crossEntropy(x, targets: targets, to: p, losses: &losses)
  return losses.reduce(0, +)
}
