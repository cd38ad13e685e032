// The packed GEMM against the triple loop.

import Kernels
import Testing

@Suite struct MicroKernelTests {
  @Test(arguments: oddSizes) func products(n: Int) {
    for gap in [0, 3] {
      compare(n, gap, Float.self)
      compare(n, gap, Double.self)
    }
  }

  private func compare<T: Real>(_ n: Int, _ gap: Int, _: T.Type) {
    // contiguous rows, and four blocks
    for (rows, height) in [(PanelLayout.contiguous(n, T.self), n), (PanelLayout.interleavedGates(n, T.self), 4 * n)] {
      for (k1, k2) in [(1, 0), (3, 8), (9, 1), (33, 17)] {
        for columns in 1...8 {
          let w1 = StridedMatrix<T>(height, k1, gap: gap, small(1)),
            x1 = StridedMatrix<T>(k1, columns, gap: gap, small(2))
          let w2 = StridedMatrix<T>(height, max(1, k2), gap: gap, small(3))
          let x2 = StridedMatrix<T>(max(1, k2), columns, gap: gap, small(4))
          let start = StridedMatrix<T>(height, max(3, columns), gap: gap, small(5))
          let p1 = Packed(w1, rows, k: k1), p2 = Packed(w2, rows, k: max(1, k2))
          let table = (0..<columns).map { Int32($0 * 2 % 3) }

          table.withUnsafeBufferPointer { table in
            guard let indices = table.baseAddress else { return }
            let initialValues: [(InitialValue<T>, (Int, Int) -> T)] = [
              (.zero, { _, _ in 0 }),
              (.matrix(start.view.p, columnStride: start.stride), { start[$0, $1] }),
              (.broadcastColumn(start.view.p), { i, _ in start[i, 0] }),
              (.gather(start.view.p, columnStride: start.stride, indices: indices), { start[$0, Int(table[$1])] }),
            ]
            for (initial, value) in initialValues {
              let y = StridedMatrix<T>(height, columns, gap: gap, small(6)), cut = rows.panels / 2
              // the panels in two calls, as with two threads
              for panels in [0..<cut, cut..<rows.panels] {
                let first = Operand(p1.start, k: k1, x1.view.p, columnStride: x1.stride)
                if k2 > 0 {
                  let second = Operand(p2.start, k: k2, x2.view.p, columnStride: x2.stride)
                  T.gemmPacked(
                    rows, panels: panels, initial, first, second, columns: columns, to: y.view.p,
                    columnStride: y.stride)
                } else {
                  T.gemmPacked(
                    rows, panels: panels, initial, first, columns: columns, to: y.view.p, columnStride: y.stride)
                }
              }
              #expect(
                y.difference { i, j in
                  (0..<k1).reduce(value(i, j)) { $0 + w1[i, $1] * x1[$1, j] }
                    + (0..<k2).reduce(0) { $0 + w2[i, $1] * x2[$1, j] }
                } == nil)
            }
          }
        }
      }
    }
  }

  /// A column has the same bits with any other columns and any division of the panels.
  @Test func columnsAreIndependent() {
    for rows in [PanelLayout.contiguous(65, Float.self), .interleavedGates(65, Float.self)] {
      let height = rows.panels == PanelLayout.contiguous(65, Float.self).panels ? 65 : 260
      let w = StridedMatrix<Float>(height, 33, fraction(1)), x = StridedMatrix<Float>(33, 8, fraction(2))
      let packed = Packed(w, rows, k: 33), all = StridedMatrix<Float>(height, 8),
        one = StridedMatrix<Float>(height, 1)
      Float.gemmPacked(
        rows, panels: 0..<rows.panels, .zero, Operand(packed.start, k: 33, x.view.p, columnStride: 33), columns: 8,
        to: all.view.p, columnStride: height)
      for j in 0..<8 {
        Float.gemmPacked(
          rows, panels: 0..<rows.panels, .zero, Operand(packed.start, k: 33, x.view.p + 33 * j, columnStride: 33),
          columns: 1,
          to: one.view.p, columnStride: height)
        #expect(one.difference { i, _ in all[i, j] } == nil)
      }
      // two operands and one column: all panels in one call, and one panel per call
      let operands = (
        Operand(packed.start, k: 33, x.view.p, columnStride: 33),
        Operand(packed.start, k: 33, x.view.p + 33, columnStride: 33)
      )
      let whole = StridedMatrix<Float>(height, 1), parts = StridedMatrix<Float>(height, 1)
      Float.gemmPacked(
        rows, panels: 0..<rows.panels, .zero, operands.0, operands.1, columns: 1, to: whole.view.p, columnStride: height
      )
      for panel in 0..<rows.panels {
        Float.gemmPacked(
          rows, panels: panel..<panel + 1, .zero, operands.0, operands.1, columns: 1, to: parts.view.p,
          columnStride: height)
      }
      #expect(parts.difference { i, _ in whole[i, 0] } == nil)
    }
  }
}
