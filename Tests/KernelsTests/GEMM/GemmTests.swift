// Matrix products against the triple loop.

import Kernels
import Testing

@Suite struct GemmTests {
  @Test(arguments: oddSizes) func products(n: Int) {
    for (gap, seed) in [(0, 1), (3, 2)] {
      compare(n, gap, seed, Float.self)
      compare(n, gap, seed, Double.self)
    }
  }

  private func compare<T: Real>(_ n: Int, _ gap: Int, _ seed: Int, _: T.Type) {
    for k in oddSizes {
      for d in [1, 2, 3, 4, 5, 7, 8, 9, 17, 33] {
        let w = StridedMatrix<T>(n, k, gap: gap, small(seed)), x = StridedMatrix<T>(k, d, gap: gap, small(seed + 1))
        let dy = StridedMatrix<T>(n, d, gap: gap, small(seed + 2))
        let y = StridedMatrix<T>(n, d, gap: gap, small(seed + 3))
        let product = triple(n, d, k) { w[$0, $2] * x[$2, $1] }

        let sum = y.copy()
        gemm(w.view, x.view, to: sum.view, accumulate: true)
        #expect(sum.difference { y[$0, $1] + product($0, $1) } == nil)
        gemm(w.view, x.view, to: y.view, accumulate: false)
        #expect(y.difference(from: product) == nil)

        let dw = StridedMatrix<T>(n, k, gap: gap, small(seed + 4)), dwBefore = dw.copy()
        gemmBackwardWeights(dy: dy.view, x.view, dw: dw.view)
        let dwTwin = triple(n, k, d) { dy[$0, $2] * x[$1, $2] }
        #expect(dw.difference { dwBefore[$0, $1] + dwTwin($0, $1) } == nil)

        let dx = StridedMatrix<T>(k, d, gap: gap, small(seed + 5)), dxBefore = dx.copy()
        gemmBackwardInput(w.view, dy: dy.view, dx: dx.view)
        let dxTwin = triple(k, d, n) { w[$2, $0] * dy[$2, $1] }
        #expect(dx.difference { dxBefore[$0, $1] + dxTwin($0, $1) } == nil)
      }
    }
  }

  /// Returns Σₖ f(i, j, k) for every element of an n × d matrix.
  private func triple<T: Real>(_ n: Int, _ d: Int, _ k: Int, _ f: (Int, Int, Int) -> T) -> (Int, Int) -> T {
    var sums = [T](repeating: 0, count: n * d)
    for j in 0..<d {
      for i in 0..<n {
        for t in 0..<k { sums[j * n + i] += f(i, j, t) }
      }
    }
    return { sums[$1 * n + $0] }
  }

  @Test(arguments: oddSizes) func matrixVector(n: Int) {
    for k in oddSizes {
      for (gap, stride) in [(0, 1), (3, 2)] {
        matrixVector(n, k, gap, stride, Float.self)
        matrixVector(n, k, gap, stride, Double.self)
      }
    }
  }

  private func matrixVector<T: Real>(_ n: Int, _ k: Int, _ gap: Int, _ stride: Int, _: T.Type) {
    // x is a row of a matrix of `stride` rows
    let w = StridedMatrix<T>(n, k, gap: gap, small(1)), x = StridedMatrix<T>(stride, k, small(2))
    let y = StridedMatrix<T>(n, 1, small(3)), before = y.copy()
    gemv(w.view, x.view.p, xStride: stride, into: y.view.p)
    #expect(y.difference { i, _ in (0..<k).reduce(before[i, 0]) { $0 + w[i, $1] * x[0, $1] } } == nil)
  }

  /// A column of a product has the same bits whether it is computed alone or with others.
  @Test func columnsAreIndependent() {
    let w = StridedMatrix<Float>(33, 65, fraction(1)), x = StridedMatrix<Float>(65, 9, fraction(2))
    let all = StridedMatrix<Float>(33, 9), one = StridedMatrix<Float>(33, 1)
    gemm(w.view, x.view, to: all.view, accumulate: false)
    for j in 0..<9 {
      let column = MatrixView(x.view.p + j * 65, rows: 65, columns: 1, columnStride: 65)
      gemm(w.view, column, to: one.view, accumulate: false)
      #expect(one.difference { i, _ in all[i, j] } == nil)
    }
  }
}
