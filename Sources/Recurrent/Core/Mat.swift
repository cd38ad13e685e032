// A matrix with gradients: the value type of the library.

import Kernels

/// A matrix of `n` rows by `d` columns: values `w` and gradients `dw` of the same shape.
///
/// Column-major with a column stride; a column is one example, and an example is contiguous. A `Mat` is a view:
/// assigning it copies no elements, and its memory never moves. `copy()` copies.
///
/// The result of a graph operation is lazily evaluated: its values are computed on first access; see `Graph`.
public struct Mat {
  /// Rows.
  public let n: Int
  /// Columns.
  public let d: Int
  /// Elements from the start of one column to the next; at least `n`.
  public let stride: Int
  /// The type of the elements.
  public let dtype: DType

  let storage: Storage
  let wStart: UnsafeMutableRawPointer
  let dwStart: UnsafeMutableRawPointer
  /// Index of the node that produces this Mat; −1 for an input.
  let node: Int
  /// The recording it belongs to; 0 for a Mat that owns its memory.
  let generation: UInt32

  /// The largest number of elements: what an Int32 can index.
  static let maxCount = Int(Int32.max)

  /// Creates a matrix of zeros.
  ///
  /// - Throws: `.badShape` for sizes that are not positive or exceed 2³¹ − 1 elements, `.noMemory`.
  public init(_ n: Int, _ d: Int, _ dtype: DType = .float32) throws(RecurrentError) {
    try Mat.check(n, d)
    guard let half = Storage.bytes(n * d, of: dtype.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(n) x \(d) elements of \(dtype)")
    }
    let storage = try Storage(bytes: 2 * half)
    self.init(
      n, d, stride: n, dtype, storage, w: storage.start, dw: storage.start + half, node: -1, generation: 0)
  }

  init(
    _ n: Int, _ d: Int, stride: Int, _ dtype: DType, _ storage: Storage, w: UnsafeMutableRawPointer,
    dw: UnsafeMutableRawPointer, node: Int, generation: UInt32
  ) {
    (self.n, self.d, self.stride, self.dtype) = (n, d, stride, dtype)
    (self.storage, self.wStart, self.dwStart) = (storage, w, dw)
    (self.node, self.generation) = (node, generation)
  }

  /// - Throws: `.badShape` unless n and d are positive and n·d is at most `maxCount`.
  @inline(__always) static func check(_ n: Int, _ d: Int) throws(RecurrentError) {
    let (count, overflow) = n.multipliedReportingOverflow(by: d)
    if n <= 0 || d <= 0 || overflow || count > maxCount { throw wrongShape(n, d) }
  }

  @inline(never) private static func wrongShape(_ n: Int, _ d: Int) -> RecurrentError {
    RecurrentError(
      .badShape,
      n <= 0 || d <= 0
        ? "shape is empty; expected at least 1 x 1, got \(n) x \(d)"
        : "shape is too large; expected at most \(maxCount) elements, got \(n) x \(d)")
  }

  /// The number of elements, `n·d`.
  public var count: Int { n * d }

  /// `n x d`, for messages.
  public var shape: String { "\(n) x \(d)" }

  /// Exclusive-use lock: a second thread gets `.busy`.
  public var lock: Lock { storage.lock }

  /// The values, evaluated first if necessary.
  ///
  /// The view is valid while any Mat of the same storage lives. A write through it changes no earlier result and no
  /// gradient of one; to write after a later recording, access `w` again, or keep `pinW()`.
  ///
  /// - Throws: `.badType` unless `T` is the element type, `.invalidated` if the graph was reset or freed.
  public func w<T: Real>(_: T.Type) throws(RecurrentError) -> MatrixView<T> {
    try checkType(T.self)
    return MatrixView(try wPointer().assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }

  /// The gradients, as accumulated so far.
  ///
  /// - Throws: `.badType` unless `T` is the element type, `.invalidated` if the graph was reset or freed.
  public func dw<T: Real>(_: T.Type) throws(RecurrentError) -> MatrixView<T> {
    try checkType(T.self)
    return MatrixView(try dwPointer().assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }

  /// The first value, evaluated first if necessary.
  package func wPointer() throws(RecurrentError) -> UnsafeMutableRawPointer {
    try synchronize()
    return wStart
  }

  /// The first gradient.
  package func dwPointer() throws(RecurrentError) -> UnsafeMutableRawPointer {
    try checkValid()
    return dwStart
  }

  private func checkType<T: Real>(_: T.Type) throws(RecurrentError) {
    try require(
      DType(T.self) == dtype, .badType, "Mat has the wrong dtype; expected \(DType(T.self)), got \(dtype)")
  }
}
