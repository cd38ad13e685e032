// Accumulators against plain loops.

import Kernels
import Testing

@Suite struct SumTests {
  @Test(arguments: oddSizes) func sums(n: Int) {
    for d in [1, 2, 5, 9, 16, 33] {
      for gap in [0, 1, 6] {
        compare(n, d, gap, Float.self)
        compare(n, d, gap, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ n: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let a = StridedMatrix<T>(n, d, gap: gap, small(1)), b = StridedMatrix<T>(n, d, gap: 0, small(2))
    var (total, product, distance): (T, T, T) = (0, 0, 0)
    for j in 0..<d {
      for i in 0..<n {
        total += a[i, j]
        product += a[i, j] * b[i, j]
        distance += (a[i, j] - b[i, j]) * (a[i, j] - b[i, j])
      }
    }
    #expect(sum(a.view) == total)
    #expect(dot(a.view, b.view) == product)
    #expect(dot(b.view, a.view) == product)
    #expect(squaredDistance(a.view, b.view) == distance)

    let da = StridedMatrix<T>(n, d, gap: gap, small(3)), db = StridedMatrix<T>(n, d, gap: 0, small(4))
    let (oldA, oldB) = (da.copy(), db.copy())
    squaredDistanceBackward(a.view, b.view, dy: 3, da: da.view, db: db.view)
    #expect(da.difference { oldA[$0, $1] + 6 * (a[$0, $1] - b[$0, $1]) } == nil)
    #expect(db.difference { oldB[$0, $1] - 6 * (a[$0, $1] - b[$0, $1]) } == nil)

    let row = StridedMatrix<T>(1, d, gap: gap)
    sumRows(a.view, times: 2, to: row.view)
    #expect(row.difference { _, j in 2 * (0..<n).reduce(T(0)) { $0 + a[$1, j] } } == nil)
    let column = StridedMatrix<T>(n, 1, gap: gap)
    sumColumns(a.view, times: -1, to: column.view)
    #expect(column.difference { i, _ in -(0..<d).reduce(T(0)) { $0 + a[i, $1] } } == nil)

    let dx = StridedMatrix<T>(n, d, gap: gap, small(5)), before = dx.copy()
    sumRowsBackward(dy: row.view, times: 2, dx: dx.view)
    #expect(dx.difference { before[$0, $1] + 2 * row[0, $1] } == nil)
  }

  @Test func aStridedAndAGaplessSumAgree() {
    // 7 columns of 8 fractions: gapless it is one run, strided it is not
    let tight = StridedMatrix<Double>(8, 7, fraction(1)), loose = StridedMatrix<Double>(8, 7, gap: 1, fraction(1))
    #expect(abs(sum(tight.view) - sum(loose.view)) < 1e-15 * 56)
  }
}
