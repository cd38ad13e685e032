// Elements in another order, chosen and limited, against plain loops.

import Kernels
import Testing

@Suite struct RearrangementTests {
  @Test(arguments: oddSizes) func rows(n: Int) {
    let indices: [Int32] = [0, Int32(n - 1), Int32(n / 2), 0]
    let m = StridedMatrix<Float>(n, 3, gap: 2, small(1)), y = StridedMatrix<Float>(4, 3, gap: 1)
    selectRows(m.view, rows: indices, to: y.view)
    #expect(y.difference { m[Int(indices[$0]), $1] } == nil)
    let dm = m.copy()
    selectRowsBackward(dy: y.view, rows: indices, dm: dm.view)
    #expect(
      dm.difference { i, j in (0..<4).reduce(m[i, j]) { $0 + (Int(indices[$1]) == i ? y[$1, j] : 0) } } == nil)
  }

  @Test(arguments: oddSizes) func reshaped(n: Int) {
    for d in [1, 2, 6] {
      for rows in 1...n * d where n * d % rows == 0 {
        let columns = n * d / rows
        let x = StridedMatrix<Double>(n, d, gap: 1, small(1)), y = StridedMatrix<Double>(rows, columns, gap: 2)
        reshape(x.view, to: y.view)
        #expect(
          y.difference {
            let k = $0 * columns + $1; return x[k / d, k % d]
          } == nil)
        let dx = x.copy()
        reshapeBackward(dy: y.view, dx: dx.view)
        #expect(dx.difference { 2 * x[$0, $1] } == nil)
      }
    }
  }

  @Test(arguments: oddSizes) func placedRows(n: Int) {
    let x = StridedMatrix<Float>(n, 2, gap: 1, small(1)), y = StridedMatrix<Float>(3 * n, 2, gap: 2, small(2))
    let before = y.copy()
    placeRows(x.view, first: 1, step: 3, to: y.view)
    #expect(y.difference { $0 % 3 == 1 ? x[$0 / 3, $1] : before[$0, $1] } == nil)
    let dx = x.copy()
    placeRowsBackward(dy: y.view, first: 1, step: 3, dx: dx.view)
    #expect(dx.difference { 2 * x[$0, $1] } == nil)
  }

  /// Every operand whole, or one row of it; more rows than a block of them has.
  @Test(arguments: oddSizes + [255, 256, 257, 600]) func chosen(n: Int) {
    for tall in 0..<8 where tall > 0 {
      let rows = (0..<3).map { tall >> $0 & 1 == 1 ? n : 1 }
      let c = StridedMatrix<Float>(rows[0], 2, gap: 1, small(1)), a = StridedMatrix<Float>(rows[1], 2, gap: 0, small(2))
      let b = StridedMatrix<Float>(rows[2], 2, gap: 2, small(3)), y = StridedMatrix<Float>(n, 2, gap: 1)
      func at(_ m: StridedMatrix<Float>, _ i: Int, _ j: Int) -> Float { m[m.n == 1 ? 0 : i, j] }
      choose(c.view, a.view, b.view, to: y.view)
      #expect(y.difference { at(c, $0, $1) != 0 ? at(a, $0, $1) : at(b, $0, $1) } == nil)
      let da = a.copy(), db = b.copy(), expectedA = a.copy(), expectedB = b.copy()
      chooseBackward(c.view, dy: y.view, da: da.view, db: db.view)
      for j in 0..<2 {
        for i in 0..<n {
          if at(c, i, j) != 0 {
            expectedA[a.n == 1 ? 0 : i, j] += y[i, j]
          } else {
            expectedB[b.n == 1 ? 0 : i, j] += y[i, j]
          }
        }
      }
      #expect(da.difference { expectedA[$0, $1] } == nil)
      #expect(db.difference { expectedB[$0, $1] } == nil)
    }
  }

  /// The derivative is 1 at the ends of the interval; NaN stays NaN, without a gradient.
  @Test(arguments: oddSizes) func clipped(n: Int) {
    let x = StridedMatrix<Double>(n, 2, gap: 1, small(1)), y = StridedMatrix<Double>(n, 2)
    clip(x.view, low: -2, high: 1, to: y.view)
    #expect(y.difference { min(max(x[$0, $1], -2), 1) } == nil)
    let dx = StridedMatrix<Double>(n, 2, small(2)), before = dx.copy(), dy = StridedMatrix<Double>(n, 2, small(3))
    clipBackward(x.view, low: -2, high: 1, dy: dy.view, dx: dx.view)
    #expect(dx.difference { before[$0, $1] + (x[$0, $1] >= -2 && x[$0, $1] <= 1 ? dy[$0, $1] : 0) } == nil)
    let none = StridedMatrix<Double>(n, 2) { _, _ in .nan }
    clip(none.view, low: -2, high: 1, to: y.view)
    #expect((0..<n).allSatisfy { y[$0, 0].isNaN })
    let after = dx.copy()
    clipBackward(none.view, low: -2, high: 1, dy: dy.view, dx: dx.view)
    #expect(dx.difference { after[$0, $1] } == nil)
  }
}
