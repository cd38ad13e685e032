// The rank-k update against the triple loop.

import Kernels
import Testing

@Suite struct RankKUpdateTests {
  /// Sums shorter and longer than a block.
  @Test(arguments: [1, 3, 191, 192, 193, 400]) func updates(k: Int) {
    for m in [1, 7, 8, 17, 33, 65] {
      for n in [1, 2, 3, 4, 5, 9, 16] {
        compare(m, n, k, 0, Float.self)
        compare(m, n, k, 3, Double.self)
      }
    }
  }

  private func compare<T: Real>(_ m: Int, _ n: Int, _ k: Int, _ gap: Int, _: T.Type) {
    let a = StridedMatrix<T>(m, k, gap: gap, small(1)), b = StridedMatrix<T>(n, k, gap: gap, small(2))
    let c = StridedMatrix<T>(m, n, gap: gap, small(3)), before = c.copy(),
      panels = PanelLayout.contiguous(m, T.self).panels
    let scratch = Packed<T>(rankKUpdateScratch(rows: m, columns: n, T.self))
    for part in [0..<panels / 2, panels / 2..<panels] {
      rankKUpdate(a.view, b.view, into: c.view, panels: part, scratch: scratch.start)
    }
    #expect(scratch.endIsWhole)
    #expect(c.difference { i, j in (0..<k).reduce(before[i, j]) { $0 + a[i, $1] * b[j, $1] } } == nil)
  }
}
