// Gradient reductions against plain loops.

import Kernels
import Testing

@Suite struct NormTests {
  @Test(arguments: oddSizes) func norms(n: Int) {
    for d in [1, 2, 5] {
      for gap in [0, 3] {
        let x = StridedMatrix<Float>(n, d, gap: gap, small(1)), y = StridedMatrix<Double>(n, d, gap: gap, small(1))
        var total = 0.0
        for j in 0..<d {
          for i in 0..<n { total += Double(x[i, j] * x[i, j]) }
        }
        #expect(squaredNorm(x.view) == total)
        #expect(squaredNorm(y.view) == total)
        #expect(firstNonFinite(x.view) == (-1, -1))
        let squares = StridedMatrix<Float>(n, d, gap: gap) { i, j in i == 0 ? -0.0 : Double(i + j) }
        #expect(firstNegative(squares.view) == (-1, -1))
        squares[n - 1, d - 1] = -1e-30
        #expect(firstNegative(squares.view) == (n - 1, d - 1))
        squares[n / 2, 0] = -.infinity
        #expect(firstNegative(squares.view) == (n / 2, 0))
        for bad in [Float.nan, .infinity, -.infinity] {
          let broken = x.copy()
          broken[n - 1, d - 1] = bad
          #expect(firstNonFinite(broken.view) == (n - 1, d - 1))
          broken[n / 2, 0] = bad
          #expect(firstNonFinite(broken.view) == (n / 2, 0))
        }
      }
    }
  }

  @Test(arguments: oddSizes) func zeros(n: Int) {
    for (d, gap) in [(1, 0), (3, 0), (3, 2)] {
      let x = StridedMatrix<Float>(n, d, gap: gap) { _, _ in 0 }
      #expect(isZero(x.view))
      for value in [Float.leastNonzeroMagnitude, -1, .nan, .infinity] {
        for (i, j) in [(0, 0), (n - 1, d - 1), (n / 2, d / 2)] {
          let other = x.copy()
          other[i, j] = value
          #expect(!isZero(other.view))
        }
      }
      x[n - 1, d - 1] = -0.0
      #expect(isZero(x.view))
    }
  }

  @Test func floatsAreSummedInDouble() {
    let x = StridedMatrix<Float>(3, 1) { i, _ in [1e30, 1, 1e-30][i] }
    #expect(squaredNorm(x.view).isFinite)
  }
}
