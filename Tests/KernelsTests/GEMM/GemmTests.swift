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

  /// Σₖ f(i, j, k) for every place of an n x d matrix view.
  private func triple<T: Real>(_ n: Int, _ d: Int, _ k: Int, _ f: (Int, Int, Int) -> T) -> (Int, Int) -> T {
    var sums = [T](repeating: 0, count: n * d)
    for j in 0..<d {
      for i in 0..<n {
        for t in 0..<k { sums[j * n + i] += f(i, j, t) }
      }
    }
    return { sums[$1 * n + $0] }
  }

  @Test(arguments: oddSizes) func oneColumn(n: Int) {
    for k in oddSizes {
      for (gap, along) in [(0, 1), (3, 2)] {
        oneColumn(n, k, gap, along, Float.self)
        oneColumn(n, k, gap, along, Double.self)
      }
    }
  }

  private func oneColumn<T: Real>(_ n: Int, _ k: Int, _ gap: Int, _ along: Int, _: T.Type) {
    // the numbers of x stand `along` apart: a row of a matrix view of that height
    let w = StridedMatrix<T>(n, k, gap: gap, small(1)), x = StridedMatrix<T>(along, k, small(2))
    let y = StridedMatrix<T>(n, 1, small(3)), before = y.copy()
    gemv(w.view, x.view.p, xStride: along, into: y.view.p)
    #expect(y.difference { i, _ in (0..<k).reduce(before[i, 0]) { $0 + w[i, $1] * x[0, $1] } } == nil)
  }

  /// Each column of a product has the same bits whether it is computed alone or among others.
  @Test func columnsDoNotDependOnTheirNeighbours() {
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
