// Numbers and their gradients: the one kind of value that everything else is made of.

import Kernels

/// `n` rows by `d` columns of numbers `w`, with their gradients `dw` beside them.
///
/// Column-major, a column every `stride` numbers: a column is one example, and an example is contiguous.
/// A `Mat` is a view: copying it copies no numbers, and the memory under it never moves. `copy()` copies.
///
/// A Mat that a graph made is computed when somebody looks; see `Graph`.
public struct Mat {
  /// PanelLayout.
  public let n: Int
  /// Columns.
  public let d: Int
  /// Numbers from one column's start to the next; at least `n`.
  public let stride: Int
  /// The type of the numbers.
  public let dtype: DType

  let storage: Storage
  let wStart: UnsafeMutableRawPointer
  let dwStart: UnsafeMutableRawPointer
  /// The graph's node that computes this Mat, −1 if none does; and the recording it belongs to.
  let node: Int
  let generation: UInt32

  /// The largest number of elements: what an Int32 can index.
  static let maxCount = Int(Int32.max)

  /// Zeros.
  ///
  /// - Throws: `.badShape` for sizes that are not positive or exceed 2³¹ − 1 elements, `.noMemory`.
  public init(_ n: Int, _ d: Int, _ dtype: DType = .float32) throws(RecurrentError) {
    try Mat.check(n, d)
    guard let half = Storage.bytes(n * d, of: dtype.size) else {
      throw RecurrentError(.noMemory, "a \(n) x \(d) Mat of \(dtype) does not fit in memory")
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

  static func check(_ n: Int, _ d: Int) throws(RecurrentError) {
    try require(n > 0 && d > 0, .badShape, "a Mat is at least 1 x 1; asked for \(n) x \(d)")
    let (count, overflow) = n.multipliedReportingOverflow(by: d)
    try require(
      !overflow && count <= maxCount, .badShape, "\(n) x \(d) is more than \(maxCount) elements, the most a Mat holds")
  }

  /// Elements, `n·d`.
  public var count: Int { n * d }

  /// `n x d`, for messages.
  public var shape: String { "\(n) x \(d)" }

  /// Who may use this Mat now.
  public var lock: Lock { storage.lock }

  /// The numbers, computed first if they have not been.
  ///
  /// The pointer inside is valid while any Mat of the same storage lives.
  ///
  /// - Throws: `.badType` if `T` is not the Mat's type, `.stale` if its graph was reset or is gone.
  public func w<T: Real>(_: T.Type) throws(RecurrentError) -> MatrixView<T> {
    try require(DType(T.self) == dtype, .badType, "this Mat is \(dtype), not \(DType(T.self))")
    return MatrixView(try wPointer().assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }

  /// The gradients, as they are now.
  ///
  /// - Throws: as `w`.
  public func dw<T: Real>(_: T.Type) throws(RecurrentError) -> MatrixView<T> {
    try require(DType(T.self) == dtype, .badType, "this Mat is \(dtype), not \(DType(T.self))")
    return MatrixView(try dwPointer().assumingMemoryBound(to: T.self), rows: n, columns: d, columnStride: stride)
  }

  /// Where the numbers are, computed first if they have not been.
  public func wPointer() throws(RecurrentError) -> UnsafeMutableRawPointer {
    try settle()
    return wStart
  }

  /// Where the gradients are.
  public func dwPointer() throws(RecurrentError) -> UnsafeMutableRawPointer {
    try checkFresh()
    return dwStart
  }

  /// Does the work that still waits on these numbers: computes them, or lets a graph read them before
  /// somebody writes.
  func settle() throws(RecurrentError) {
    try checkFresh()
    try compute()
    if let graph = storage.pending { try graph.evaluate() }
  }

  /// Lets the graph that makes these numbers catch up: it may owe them, or the reading of them by a later node.
  func compute() throws(RecurrentError) {
    if let graph = storage.arena { try graph.evaluate() }
  }

  func checkFresh() throws(RecurrentError) {
    if let graph = storage.arena {
      try require(
        graph.generation == generation, .stale,
        "this Mat was recorded before its graph was reset; its numbers are gone")
    } else if generation != 0 {
      throw RecurrentError(.stale, "the graph that computes this Mat is gone; keep the graph as long as its Mats")
    }
  }
}
