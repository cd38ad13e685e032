// A matrix in memory that a kernel does not own.

/// A non-owning view of a column-major matrix. Element (i, j) is `p[i + j · columnStride]`.
///
/// Kernels take views by value and keep none of them after they return.
public struct MatrixView<T: Real> {
  /// The first element of the first column.
  public let p: UnsafeMutablePointer<T>
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int
  /// Elements from the start of one column to the start of the next. With 0 every column is the same one.
  public let columnStride: Int

  /// Creates a view of the memory at `p`.
  ///
  /// - Parameters:
  ///   - p: the first element of the first column.
  ///   - rows: the number of rows.
  ///   - columns: the number of columns.
  ///   - columnStride: elements from one column to the next: at least `rows`, or 0.
  @inline(__always) public init(_ p: UnsafeMutablePointer<T>, rows: Int, columns: Int, columnStride: Int) {
    (self.p, self.rows, self.columns, self.columnStride) = (p, rows, columns, columnStride)
  }

  /// Returns the view of column `j`, an [n × 1] matrix.
  @inline(__always) public func column(_ j: Int) -> MatrixView<T> {
    MatrixView(columnPointer(j), rows: rows, columns: 1, columnStride: rows)
  }

  /// Returns the address of the first element of column `j`.
  @inline(__always) func columnPointer(_ j: Int) -> UnsafeMutablePointer<T> { p + j &* columnStride }

  /// Whether the view's elements are contiguous: no gap lies between columns.
  @inline(__always) var isContiguous: Bool { columnStride == rows || columns == 1 }
}
