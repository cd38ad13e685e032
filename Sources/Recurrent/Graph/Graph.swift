// The tape: operations are recorded as data, computed when somebody looks, and walked back for gradients.

import Kernels

/// An expression graph, as RecurrentJS has it: call operations on Mats, then `backward()`.
///
/// Recording an operation checks its shapes and appends a node: operation, operands, shape. Values are computed
/// on the first look: reading a result, `evaluate()` or `backward()`. Asking for an operand's `w` also computes
/// what still waits on it, so that numbers written afterwards do not change what was recorded before.
///
/// With `needsBackprop` false nothing is kept: every result is computed at once and is a Mat of its own.
///
/// A graph's memory is an arena: `reset()` makes it empty, and recording again allocates nothing. One graph, its
/// Mats and their operands belong to one thread at a time.
public final class Graph {
  /// Whether operations are kept for `backward()`.
  public let needsBackprop: Bool
  /// Who may use this graph now.
  public let lock = Lock()

  var nodes: ContiguousArray<Node> = []
  var operands: ContiguousArray<Block> = []
  /// How many nodes have been computed.
  var evaluated = 0
  /// Which recording this is; Mats of an earlier one are stale.
  private(set) var generation: UInt32 = 1

  private var arena = Arena()
  private var roots: ContiguousArray<Storage> = []
  private var dtype: DType?
  /// The type of every Mat here.
  var type: DType { dtype ?? .float32 }
  private var walked = false

  /// - Parameter needsBackprop: keep operations for `backward()`; false for inference.
  public init(needsBackprop: Bool = true) { self.needsBackprop = needsBackprop }

  deinit { leaveRoots() }

  /// Operations recorded since the last `reset()`.
  public var count: Int { nodes.count }

  /// Computes everything recorded so far.
  ///
  /// - Throws: `.busy` if another thread uses an operand.
  public func evaluate() throws(RecurrentError) {
    // the lock first: another thread may be recording
    try lock.acquire()
    defer { lock.release() }
    if evaluated == nodes.count { return }
    try exclusively {
      run(from: evaluated)
      evaluated = nodes.count
      forgetPending()
    }
  }

  /// Adds every operand's gradient to its `dw`, from the gradients that were set on results.
  ///
  /// Walks the nodes in reverse, in a loop. As in RecurrentJS, set `dw` on the results first; `backward(from:)`
  /// does so for a loss.
  ///
  /// - Throws: `.stale` if this recording has been walked already or keeps no history, `.busy`.
  public func backward() throws(RecurrentError) {
    try require(
      needsBackprop, .stale, "this graph was made with needsBackprop false and keeps no history to walk back")
    try require(
      !walked, .stale,
      "backward() has already run on this recording and would count every gradient twice; reset() the graph")
    try evaluate()
    try exclusively { runBackward() }
    walked = true
  }

  /// Sets the gradient of `loss` to 1 and walks back.
  ///
  /// - Parameter loss: a 1 x 1 result of this graph.
  public func backward(from loss: Mat) throws(RecurrentError) {
    try require(
      loss.count == 1, .badShape, "backward starts from a 1 x 1 loss; this Mat is \(loss.shape): sum it, or set its dw")
    try require(
      loss.storage.arena === self && loss.node >= 0, .badValue, "the loss is not a result of this graph")
    try loss.checkFresh()
    try require(
      !walked, .stale,
      "backward() has already run on this recording and would count every gradient twice; reset() the graph")
    switch loss.dtype {
    case .float32: fill(loss.block.dw(Float.self), with: 1)
    case .float64: fill(loss.block.dw(Double.self), with: 1)
    }
    try backward()
  }

  /// Forgets everything recorded; the memory is kept for the next recording. Earlier results become stale.
  public func reset() {
    forgetPending()
    leaveRoots()
    nodes.removeAll(keepingCapacity: true)
    operands.removeAll(keepingCapacity: true)
    arena.reset()
    evaluated = 0
    walked = false
    dtype = nil
    generation = generation == .max ? 1 : generation + 1
  }

  private func forgetPending() {
    for root in roots {
      // a root that another thread holds keeps its note: it will find nothing left to do
      guard (try? root.lock.acquire()) != nil else { continue }
      if root.pending === self { root.pending = nil }
      root.lock.release()
    }
  }

  private func leaveRoots() {
    for root in roots where root.isChunk { root.readers.wrappingSubtract(1, ordering: .releasing) }
    roots.removeAll(keepingCapacity: true)
  }

  /// Holds the graph and everything it reads or writes.
  private func exclusively(_ body: () -> Void) throws(RecurrentError) {
    try lock.acquire()
    defer { lock.release() }
    var held = 0
    defer { for root in roots.prefix(held) { root.lock.release() } }
    for root in roots {
      try root.lock.acquire()
      held += 1
    }
    body()
  }
}

// MARK: Recording

/// One recorded operation.
struct Node {
  var operation: Operation
  /// Its operands are `operands[first ..< first + count]`.
  var first: Int
  var count: Int
  var out: Block
  /// A factor, a slope or an ε.
  var scalar: Double
  /// What forward leaves for backward.
  var scratch: UnsafeMutableRawPointer
  /// Row or class numbers.
  var indices: UnsafeMutablePointer<Int32>
}

extension Graph {
  /// Runs one recording; if it fails, the graph is as it was.
  func recording<R>(_ body: () throws(RecurrentError) -> R) throws(RecurrentError) -> R {
    let before = (nodes: nodes.count, operands: operands.count, dtype: dtype)
    do {
      return try body()
    } catch {
      nodes.removeLast(nodes.count - before.nodes)
      operands.removeLast(operands.count - before.operands)
      dtype = before.dtype
      throw error
    }
  }

  /// Appends an operand. With `columns`, a single column stands for that many.
  func adopt(_ m: Mat, _ name: StaticString, columns: Int? = nil) throws(RecurrentError) {
    try m.checkFresh()
    let dtype = self.dtype ?? m.dtype
    try require(
      m.dtype == dtype, .badType, "\(name) is \(m.dtype), the other Mats of this graph are \(dtype)")
    if m.storage.arena !== self {
      // a leaf, or a result of another graph: that one does its work now
      try m.compute()
      if m.storage.pending !== self { try m.settle() }
      if needsBackprop { note(m.storage) }
    }
    self.dtype = dtype
    var block = m.block
    // a node of another graph is none of this one's
    if m.storage.arena !== self { block.node = -1 }
    if let columns, columns != m.d {
      block.d = columns
      block.stride = 0
    }
    operands.append(block)
  }

  /// Appends the node whose operands were adopted since `mark`; returns its result.
  func emit(
    _ operation: Operation, since mark: Int, n: Int, d: Int, scalar: Double = 0, scratch count: Int = 0,
    indices: UnsafeMutablePointer<Int32>? = nil
  ) throws(RecurrentError) -> Mat {
    let dtype = self.dtype ?? .float32
    let scratch = count == 0 ? nil : try take(count, dtype)
    let out = try place(n, d, dtype, node: nodes.count)
    nodes.append(
      Node(
        operation: operation, first: mark, count: operands.count - mark, out: out.block, scalar: scalar,
        scratch: scratch ?? out.wStart, indices: indices ?? Graph.noIndices))
    if !needsBackprop {
      run(from: 0)
      nodes.removeAll(keepingCapacity: true)
      operands.removeAll(keepingCapacity: true)
      arena.reset()
      self.dtype = nil
    }
    return out
  }

  /// A Mat of zeros that belongs to this recording: an operand that nobody keeps.
  func zeros(_ n: Int, _ d: Int, _ dtype: DType) throws(RecurrentError) -> Mat {
    let m = try place(n, d, dtype, node: -1)
    if m.storage.arena != nil { try m.fillNow(0) }
    return m
  }

  /// Numbers of this recording that have no gradient; not yet set.
  func constants(_ n: Int, _ d: Int, _ dtype: DType) throws(RecurrentError) -> Mat {
    if !needsBackprop { return try Mat(n, d, dtype) }
    try Mat.check(n, d)
    guard let bytes = Storage.bytes(n * d, of: dtype.size) else {
      throw RecurrentError(.noMemory, "a \(n) x \(d) Mat of \(dtype) does not fit in memory")
    }
    let (w, chunk) = try arena.take(bytes, self)
    return Mat(n, d, stride: n, dtype, chunk, w: w, dw: w, node: -1, generation: generation)
  }

  /// Somebody else's numbers as a Mat without a gradient, for a recording that ends before they go.
  func borrow(_ p: UnsafeRawPointer, _ n: Int, _ d: Int, _ dtype: DType) throws(RecurrentError) -> Mat {
    try Mat.check(n, d)
    let place = try zeros(n, d, dtype)
    return Mat(
      n, d, stride: n, dtype, place.storage, w: UnsafeMutableRawPointer(mutating: p), dw: place.dwStart, node: -1,
      generation: place.generation)
  }

  /// Indices copied into the arena, after checking that each is within `lowest`..<`bound`.
  func keep<C: Collection>(
    _ indices: C, below bound: Int, from lowest: Int = 0, _ name: StaticString
  ) throws(RecurrentError) -> UnsafeMutablePointer<Int32> where C.Element: BinaryInteger {
    for (at, index) in indices.enumerated() where index < lowest || index >= bound {
      throw RecurrentError(.badIndex, "\(name) \(at) is \(index), outside \(lowest)..<\(bound)")
    }
    guard let bytes = Storage.bytes(indices.count, of: 4) else {
      throw RecurrentError(.noMemory, "\(indices.count) indices do not fit in memory")
    }
    let p = try arena.take(bytes, self).0.bindMemory(to: Int32.self, capacity: indices.count)
    for (at, index) in indices.enumerated() { p[at] = Int32(index) }
    return p
  }

  private func take(_ count: Int, _ dtype: DType) throws(RecurrentError) -> UnsafeMutableRawPointer {
    guard let bytes = Storage.bytes(count, of: dtype.size) else {
      throw RecurrentError(.noMemory, "\(count) numbers of scratch do not fit in memory")
    }
    return try arena.take(bytes, self).0
  }

  /// Memory for a result: in the arena with its gradient zero, or of its own where no history is kept.
  private func place(_ n: Int, _ d: Int, _ dtype: DType, node: Int) throws(RecurrentError) -> Mat {
    if !needsBackprop { return try Mat(n, d, dtype) }
    try Mat.check(n, d)
    guard let half = Storage.bytes(n * d, of: dtype.size) else {
      throw RecurrentError(.noMemory, "a \(n) x \(d) result does not fit in memory")
    }
    let (w, chunk) = try arena.take(2 * half, self)
    (w + half).initializeMemory(as: UInt8.self, repeating: 0, count: half)
    return Mat(n, d, stride: n, dtype, chunk, w: w, dw: w + half, node: node, generation: generation)
  }

  private func note(_ storage: Storage) {
    if storage.pending === self { return }
    storage.pending = self
    // evaluating forgets who is pending, so a root can come again; a short look back finds most of them
    if !roots.suffix(8).contains(where: { $0 === storage }) {
      roots.append(storage)
      if storage.isChunk { storage.readers.wrappingAdd(1, ordering: .relaxed) }
    }
  }

  /// Stands where a node has no indices; never read.
  private static nonisolated(unsafe) let noIndices = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
}

extension Mat {
  /// `fill` for memory that no graph has read yet.
  fileprivate func fillNow(_ value: Double) throws(RecurrentError) {
    switch dtype {
    case .float32: Kernels.fill(block.w(Float.self), with: Float(value))
    case .float64: Kernels.fill(block.w(Double.self), with: value)
    }
  }
}
