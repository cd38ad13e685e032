// Parts of matrix views.

import Kernels

extension MatrixView {
  /// Rows `from ..< from + count`.
  func rows(_ from: Int, _ count: Int) -> MatrixView {
    MatrixView(p + from, rows: count, columns: columns, columnStride: columnStride)
  }

  /// Columns `from ..< from + count`.
  func columns(_ from: Int, _ count: Int) -> MatrixView {
    MatrixView(p + from * columnStride, rows: rows, columns: count, columnStride: columnStride)
  }
}
