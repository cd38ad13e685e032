// What a product is said in: the rows of packed panels, what their sums start from, and the terms that are added.

/// Where the rows of packed panels lie in a column: panel p's segment s, one register, begins at
/// `p·panel + s·segment`; it holds rows while `p·unit + s·step` is below `limit`.
///
/// Plain rows have segments side by side. In an LSTM the four segments are the same units' rows of the four gates,
/// so that a tile holds all that a unit needs.
public struct PanelLayout: Sendable {
  let panel: Int, segment: Int, unit: Int, step: Int, limit: Int

  /// `n` rows as they come.
  public static func contiguous<T: Real>(_ n: Int, _: T.Type) -> PanelLayout {
    let lanes = T.V.count
    return PanelLayout(panel: 4 * lanes, segment: lanes, unit: 4 * lanes, step: lanes, limit: n)
  }

  /// Four blocks of `n` rows, the same rows of each side by side.
  public static func interleavedGates<T: Real>(_ n: Int, _: T.Type) -> PanelLayout {
    let lanes = T.V.count
    return PanelLayout(panel: lanes, segment: n, unit: lanes, step: 0, limit: n)
  }

  /// Panels that hold all rows.
  public var panels: Int { (limit + unit - 1) / unit }

  /// Rows of one block that a panel covers.
  public var unitsPerPanel: Int { unit }

  @inline(__always) func offset(_ p: Int, _ s: Int) -> Int { p &* panel &+ s &* segment }

  /// How many lanes of a segment hold rows.
  @inline(__always) func lanes(_ p: Int, _ s: Int, of count: Int) -> Int {
    max(0, min(count, limit &- (p &* unit &+ s &* step)))
  }
}

/// What sums start from: nothing, a column for all, a column each, or for column j the column `rows[j]` of a table.
public struct InitialValue<T: Real> {
  let base: UnsafePointer<T>?, stride: Int, rows: UnsafePointer<Int32>?

  /// From 0.
  public static var zero: InitialValue { InitialValue(base: nil, stride: 0, rows: nil) }

  /// From one column, the same for every column.
  public static func broadcastColumn(_ base: UnsafePointer<T>) -> InitialValue {
    InitialValue(base: base, stride: 0, rows: nil)
  }

  /// From columns `columnStride` apart.
  public static func matrix(_ base: UnsafePointer<T>, columnStride: Int) -> InitialValue {
    InitialValue(base: base, stride: columnStride, rows: nil)
  }

  /// From the columns of a table, by number.
  public static func gather(_ base: UnsafePointer<T>, columnStride: Int, indices: UnsafePointer<Int32>) -> InitialValue {
    InitialValue(base: base, stride: columnStride, rows: indices)
  }

  /// Whether the columns are equally far from each other.
  @inline(__always) var isEven: Bool { rows == nil }

  @inline(__always) func columnPointer(_ j: Int) -> UnsafePointer<T>? {
    guard let base else { return nil }
    if let rows { return base + Int(rows[j]) &* stride }
    return base + j &* stride
  }
}

/// One term of a sum of products: packed panels times columns. Number i of column j is `b[i·rowStride + j·columnStride]`.
public struct Operand<T: Real> {
  let panels: UnsafePointer<T>, k: Int, b: UnsafePointer<T>, rowStride: Int, columnStride: Int

  /// - Parameters:
  ///   - panels: as `pack` leaves them.
  ///   - k: the length of the sum.
  ///   - b: the first number of the first column.
  ///   - rowStride: from one number of a column to the next.
  ///   - columnStride: from one column to the next.
  public init(_ panels: UnsafePointer<T>, k: Int, _ b: UnsafePointer<T>, rowStride: Int = 1, columnStride: Int) {
    (self.panels, self.k, self.b, self.rowStride, self.columnStride) = (panels, k, b, rowStride, columnStride)
  }

  /// No term at all.
  public static func none(_ panels: UnsafePointer<T>) -> Operand { Operand(panels, k: 0, panels, columnStride: 0) }

  @inline(__always) func panel(_ p: Int) -> UnsafePointer<T> { panels + p &* k &* 4 &* T.V.count }
  @inline(__always) func columnPointer(_ j: Int) -> UnsafePointer<T> { b + j &* columnStride }
}
