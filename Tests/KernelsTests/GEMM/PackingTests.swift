// Packed panels: their products against the triple loop, and their size.

import Kernels
import Testing

@Suite struct PackingTests {
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
}

/// Memory for packed panels, followed by sentinels.
final class Packed<T: Real> {
  let start: UnsafeMutablePointer<T>
  private let count: Int

  init(_ count: Int) {
    self.count = count
    start = .allocate(capacity: count + 8)
    // NaN shows reads of elements that were not written
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
