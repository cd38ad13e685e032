// Data movement against plain loops.

import Kernels
import Testing

@Suite struct CopyTests {
  @Test(arguments: oddSizes) func moves(n: Int) {
    for d in [1, 2, 5, 9, 17] {
      for gap in [0, 1, 5] {
        compare(n, d, gap, Float.self)
        compare(n, d, gap, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ n: Int, _ d: Int, _ gap: Int, _: T.Type) {
    let x = StridedMatrix<T>(n, d, gap: gap, small(1))

    let filled = StridedMatrix<T>(n, d, gap: gap, small(2))
    fill(filled.view, with: 2.5)
    #expect(filled.difference { _, _ in 2.5 } == nil)

    // a strided and a contiguous target for the same source
    for targetGap in [0, gap] {
      let y = StridedMatrix<T>(n, d, gap: targetGap, small(2))
      copy(x.view, to: y.view)
      #expect(y.difference { x[$0, $1] } == nil)

      let sum = StridedMatrix<T>(n, d, gap: targetGap, small(3)), before = sum.copy()
      accumulate(x.view, times: -3, into: sum.view)
      #expect(sum.difference { before[$0, $1] - 3 * x[$0, $1] } == nil)
    }

    let column = StridedMatrix<T>(n, 1, small(4)), wide = StridedMatrix<T>(n, d, gap: gap)
    copy(MatrixView(column.view.p, rows: n, columns: d, columnStride: 0), to: wide.view)
    #expect(wide.difference { i, _ in column[i, 0] } == nil)
    accumulate(x.view, times: 1, into: MatrixView(column.view.p, rows: n, columns: d, columnStride: 0))
    #expect(column.difference { i, _ in (0..<d).reduce(T(small(4)(i, 0))) { $0 + x[i, $1] } } == nil)

    let turned = StridedMatrix<T>(d, n, gap: gap, small(5)), turnedBefore = turned.copy()
    transposeBackward(dy: x.view, dx: turned.view)
    #expect(turned.difference { turnedBefore[$0, $1] + x[$1, $0] } == nil)
    transpose(x.view, to: turned.view)
    #expect(turned.difference { x[$1, $0] } == nil)
  }

  @Test(arguments: oddSizes) func gathersAndScattersRows(n: Int) {
    // the first, the last, and one row twice
    let rows = [0, n - 1, n / 2, n / 2].map { Int32($0) }
    for d in [1, 3, 8, 17] {
      for gap in [0, 2] {
        let m = StridedMatrix<Double>(n, d, gap: gap, small(1)), y = StridedMatrix<Double>(d, rows.count, gap: gap)
        gatherRows(m.view, rows: rows, to: y.view)
        #expect(y.difference { m[Int(rows[$1]), $0] } == nil)

        let dm = StridedMatrix<Double>(n, d, gap: gap, small(2)), before = dm.copy()
        scatterRows(dy: y.view, rows: rows, dm: dm.view)
        #expect(
          dm.difference { i, j in
            rows.indices.reduce(before[i, j]) { Int(rows[$1]) == i ? $0 + y[j, $1] : $0 }
          } == nil)
      }
    }
  }

  @Test(arguments: oddSizes) func gathers(n: Int) {
    let columns = [2, 0, 2, 1, 3].map { Int32($0) }
    for gap in [0, 3] {
      let table = StridedMatrix<Float>(n, 4, gap: gap, small(1)), b = StridedMatrix<Float>(n, 1, small(2)),
        y = StridedMatrix<Float>(n, columns.count, gap: gap)
      let one = MatrixView(b.view.p, rows: n, columns: columns.count, columnStride: 0)
      gatherColumns(table.view, columns, adding: one, to: y.view)
      #expect(y.difference { table[$0, Int(columns[$1])] + b[$0, 0] } == nil)
    }
  }

  @Test(arguments: oddSizes) func gathersWithNone(n: Int) {
    let columns = [2, -1, 2, 1, 3].map { Int32($0) }
    for gap in [0, 3] {
      let table = StridedMatrix<Float>(n, 4, gap: gap, small(1))
      let y = StridedMatrix<Float>(n, columns.count, gap: gap, small(2))
      gatherColumns(table.view, columns, to: y.view)
      #expect(y.difference { columns[$1] < 0 ? 0 : table[$0, Int(columns[$1])] } == nil)
    }
  }

  @Test(arguments: oddSizes) func places(n: Int) {
    let columns = [2, 4, 0].map { Int32($0) }
    for gap in [0, 3] {
      let x = StridedMatrix<Float>(n, columns.count, gap: gap, small(1))
      let y = StridedMatrix<Float>(n, 5, gap: gap, small(2)), before = y.copy()
      placeColumns(x.view, columns, to: y.view)
      #expect(
        y.difference { i, j in columns.firstIndex(of: Int32(j)).map { x[i, $0] } ?? before[i, j] } == nil)
    }
  }

  @Test(arguments: oddSizes) func accumulatesProducts(n: Int) {
    for gap in [0, 3] {
      let x = StridedMatrix<Double>(n, 3, gap: gap, small(1)), factors = StridedMatrix<Double>(n, 3, small(2))
      let y = StridedMatrix<Double>(n, 3, gap: gap, small(3)), before = y.copy()
      accumulate(x.view, times: factors.view, into: y.view)
      #expect(y.difference { before[$0, $1] + x[$0, $1] * factors[$0, $1] } == nil)
    }
  }

  @Test(arguments: oddSizes) func scatters(n: Int) {
    let columns = [2, 0, -1, 2, 1, 2].map { Int32($0) }
    for gap in [0, 3] {
      let x = StridedMatrix<Float>(n, columns.count, gap: gap, small(1)),
        y = StridedMatrix<Float>(n, 4, gap: gap, small(2))
      let before = y.copy()
      scatterColumns(x.view, columns, into: y.view)
      #expect(
        y.difference { i, j in
          columns.indices.reduce(before[i, j]) { Int(columns[$1]) == j ? $0 + x[i, $1] : $0 }
        } == nil)
    }
  }
}
