// Products over packed panels against the triple loop.

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
    // rows as they come, and four blocks of them
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
            guard let numbers = table.baseAddress else { return }
            let starts: [(InitialValue<T>, (Int, Int) -> T)] = [
              (.zero, { _, _ in 0 }),
              (.matrix(start.view.p, columnStride: start.stride), { start[$0, $1] }),
              (.broadcastColumn(start.view.p), { i, _ in start[i, 0] }),
              (.gather(start.view.p, columnStride: start.stride, indices: numbers), { start[$0, Int(table[$1])] }),
            ]
            for (from, value) in starts {
              let y = StridedMatrix<T>(height, columns, gap: gap, small(6)), cut = rows.panels / 2
              // the panels in two calls, as threads share them
              for panels in [0..<cut, cut..<rows.panels] {
                let first = Operand(p1.start, k: k1, x1.view.p, columnStride: x1.stride)
                if k2 > 0 {
                  let second = Operand(p2.start, k: k2, x2.view.p, columnStride: x2.stride)
                  T.gemmPacked(
                    rows, panels: panels, from, first, second, columns: columns, to: y.view.p,
                    columnStride: y.stride)
                } else {
                  T.gemmPacked(
                    rows, panels: panels, from, first, columns: columns, to: y.view.p, columnStride: y.stride)
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

  @Test(arguments: oddSizes) func transposedPanels(n: Int) {
    for k in oddSizes {
      for gap in [0, 3] {
        transposed(n, k, gap, Float.self)
        transposed(n, k, gap, Double.self)
      }
    }
  }

  private func transposed<T: Real>(_ n: Int, _ k: Int, _ gap: Int, _: T.Type) {
    let w = StridedMatrix<T>(k, n, gap: gap, small(1)), x = StridedMatrix<T>(k, 3, gap: gap, small(2))
    let rows = PanelLayout.contiguous(n, T.self), y = StridedMatrix<T>(n, 3, gap: gap), cut = rows.panels / 2
    let packed = Packed<T>(packedCount(rows, k: k, T.self))
    packTransposed(w.view, panels: 0..<cut, to: packed.start)
    packTransposed(w.view, panels: cut..<rows.panels, to: packed.start)
    #expect(packed.endIsWhole)
    T.gemmPacked(
      rows, panels: 0..<rows.panels, .zero, Operand(packed.start, k: k, x.view.p, columnStride: x.stride),
      columns: 3,
      to: y.view.p, columnStride: y.stride)
    #expect(y.difference { i, j in (0..<k).reduce(0) { $0 + w[$1, i] * x[$1, j] } } == nil)
  }

  /// Accumulators longer than a block and shorter.
  @Test(arguments: [1, 3, 191, 192, 193, 400]) func outerProducts(k: Int) {
    for m in [1, 7, 8, 17, 33, 65] {
      for n in [1, 2, 3, 4, 5, 9, 16] {
        rankKUpdate(m, n, k, 0, Float.self)
        rankKUpdate(m, n, k, 3, Double.self)
      }
    }
  }

  private func rankKUpdate<T: Real>(_ m: Int, _ n: Int, _ k: Int, _ gap: Int, _: T.Type) {
    let a = StridedMatrix<T>(m, k, gap: gap, small(1)), b = StridedMatrix<T>(n, k, gap: gap, small(2))
    let c = StridedMatrix<T>(m, n, gap: gap, small(3)), before = c.copy(),
      panels = PanelLayout.contiguous(m, T.self).panels
    let scratch = Packed<T>(rankKUpdateScratch(rows: m, columns: n, T.self))
    for part in [0..<panels / 2, panels / 2..<panels] {
      Kernels.rankKUpdate(a.view, b.view, into: c.view, panels: part, scratch: scratch.start)
    }
    #expect(scratch.endIsWhole)
    #expect(c.difference { i, j in (0..<k).reduce(before[i, j]) { $0 + a[i, $1] * b[j, $1] } } == nil)
  }

  /// Each column has the same bits whatever stands beside it, and whoever computes it.
  @Test func columnsDoNotDependOnTheirNeighbours() {
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
      // two terms of one column: all panels at once, and panel by panel
      let terms = (
        Operand(packed.start, k: 33, x.view.p, columnStride: 33),
        Operand(packed.start, k: 33, x.view.p + 33, columnStride: 33)
      )
      let whole = StridedMatrix<Float>(height, 1), parts = StridedMatrix<Float>(height, 1)
      Float.gemmPacked(
        rows, panels: 0..<rows.panels, .zero, terms.0, terms.1, columns: 1, to: whole.view.p, columnStride: height)
      for panel in 0..<rows.panels {
        Float.gemmPacked(
          rows, panels: panel..<panel + 1, .zero, terms.0, terms.1, columns: 1, to: parts.view.p, columnStride: height)
      }
      #expect(parts.difference { i, _ in whole[i, 0] } == nil)
    }
  }
}

/// Memory for packed panels, with a sentinel after it.
private final class Packed<T: Real> {
  let start: UnsafeMutablePointer<T>
  private let count: Int

  init(_ count: Int) {
    self.count = count
    start = .allocate(capacity: count + 8)
    // what is not written must not be read
    start.initialize(repeating: .nan, count: count)
    (start + count).initialize(repeating: -98765, count: 8)
  }

  convenience init(_ w: StridedMatrix<T>, _ rows: PanelLayout, k: Int) {
    self.init(packedCount(rows, k: k, T.self))
    pack(w.view, rows, panels: 0..<rows.panels, to: start)
    #expect(endIsWhole)
  }

  deinit { start.deallocate() }

  var endIsWhole: Bool { (0..<8).allSatisfy { start[count + $0] == -98765 } }
}
