// The arguments of a packed product: initial values and operands.

/// The initial value of the sums of a GEMM (β·C in BLAS): zero, one column for all, a matrix, or columns of a table.
public struct InitialValue<T: Real> {
  let base: UnsafePointer<T>?, columnStride: Int, indices: UnsafePointer<Int32>?

  /// Zero.
  public static var zero: InitialValue { InitialValue(base: nil, columnStride: 0, indices: nil) }

  /// The same column for every column of the result.
  public static func broadcastColumn(_ base: UnsafePointer<T>) -> InitialValue {
    InitialValue(base: base, columnStride: 0, indices: nil)
  }

  /// A matrix of the result's shape. It may be the result itself.
  public static func matrix(_ base: UnsafePointer<T>, columnStride: Int) -> InitialValue {
    InitialValue(base: base, columnStride: columnStride, indices: nil)
  }

  /// For column j, the column `indices[j]` of a table.
  public static func gather(
    _ base: UnsafePointer<T>, columnStride: Int, indices: UnsafePointer<Int32>
  ) -> InitialValue {
    InitialValue(base: base, columnStride: columnStride, indices: indices)
  }

  /// Whether the distance between columns is constant.
  @inline(__always) var isUniformStride: Bool { indices == nil }

  /// The address of the initial value of column `j`; nil for zero.
  @inline(__always) func columnPointer(_ j: Int) -> UnsafePointer<T>? {
    guard let base else { return nil }
    if let indices { return base + Int(indices[j]) &* columnStride }
    return base + j &* columnStride
  }
}

/// One product A·B of a GEMM: A in packed panels, B with strides. Element (i, j) of B is
/// `b[i · rowStride + j · columnStride]`.
public struct Operand<T: Real> {
  let panels: UnsafePointer<T>, k: Int, b: UnsafePointer<T>, rowStride: Int, columnStride: Int

  /// Creates an operand. It owns no memory.
  ///
  /// - Parameters:
  ///   - panels: A, as `pack` or `packTransposed` leaves it.
  ///   - k: the number of columns of A and of rows of B.
  ///   - b: element (0, 0) of B.
  ///   - rowStride: elements from one row of B to the next.
  ///   - columnStride: elements from one column of B to the next.
  public init(
    _ panels: UnsafePointer<T>, k: Int, _ b: UnsafePointer<T>, rowStride: Int = 1, columnStride: Int
  ) {
    (self.panels, self.k, self.b, self.rowStride, self.columnStride) = (panels, k, b, rowStride, columnStride)
  }

  /// An empty product, k = 0. `panels` may be any address; nothing is read.
  public static func none(_ panels: UnsafePointer<T>) -> Operand { Operand(panels, k: 0, panels, columnStride: 0) }

  @inline(__always) func panel(_ p: Int) -> UnsafePointer<T> { panels + p &* k &* 4 &* T.V.count }
  @inline(__always) func columnPointer(_ j: Int) -> UnsafePointer<T> { b + j &* columnStride }
}
