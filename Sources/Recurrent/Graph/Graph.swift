// A tape for reverse-mode differentiation. Operations are recorded as data, evaluated lazily on first access, and
// backpropagated in reverse order.

import Kernels

/// An expression graph: operations on Mats, then `backward()`, as in RecurrentJS.
///
/// Recording an operation checks its shapes and appends a node: operation, operands, result. Values are computed on
/// first access: by reading a result, `evaluate()` or `backward()`. Access to an operand's `w` also evaluates the
/// recorded operations that read it, and copies what `backward()` reads of it: a later write changes neither earlier
/// results nor their gradients.
///
/// With `needsBackprop` false no history is kept: every result is computed at once and owns its memory.
///
/// The memory of a graph is an arena: `reset()` empties it, and the next recording reuses it without allocation. One
/// graph, its Mats and their operands belong to one thread at a time.
public final class Graph {
  /// Whether operations are kept for `backward()`.
  public let needsBackprop: Bool
  /// Exclusive-use lock: a second thread gets `.busy`.
  public let lock = Lock()
  /// What memory and Mats refer to the graph by.
  let identity = GraphIdentity()

  // The lock makes accesses exclusive. The runtime's check of each access takes as long as the recording itself.
  @exclusivity(unchecked) var nodes = Buffer<Node>()
  @exclusivity(unchecked) var operands = Buffer<OperandRef>()
  /// The number of evaluated nodes.
  @exclusivity(unchecked) var evaluated = 0
  /// The index of the current recording, from 1; results of an earlier one are invalid.
  var generation: UInt32 { identity.generation }
  /// Whether `backward()` has run on the current recording, if only in part.
  public internal(set) var backwardDone = false

  /// Whether the caller can write to operands before `backward()`; false for a recording inside one call.
  var keepsValues = true
  /// Whether the caller holds the locks of all inputs, perhaps shared, from the recording to its evaluation, which no
  /// backward pass follows: inputs are not registered, and results have no gradient.
  var holdsInputs = false
  /// The values that were copied before a write.
  var saved = SavedValues()
  /// The operands of the node being recorded that the caller can write to at any time.
  @exclusivity(unchecked) var pinnedOperands = Buffer<Int>()

  /// For a graph that records a step: the Mat of each operand. Such a graph computes nothing.
  @exclusivity(unchecked) var recordedOperands: [Mat]?
  /// The values of a step with a name.
  var recordedNames: [(name: String, mat: Mat)] = []
  /// What nodes refer to besides memory; released by `reset()`.
  var retained: [AnyObject] = []

  /// The order of evaluation; nil for that of the recording.
  @exclusivity(unchecked) var schedule: (any GraphSchedule)?

  @exclusivity(unchecked) var arena = Arena()
  /// The storages outside the arena that recorded operations read.
  @exclusivity(unchecked) var inputStorages = Buffer<Storage>()
  /// The type of every Mat in the recording; nil before the first.
  @exclusivity(unchecked) var dtype: DType?

  /// - Parameter needsBackprop: whether to keep operations for `backward()`; false for inference.
  public init(needsBackprop: Bool = true) {
    self.needsBackprop = needsBackprop
    identity.identify(self)
  }

  deinit {
    identity.invalidate()
    releaseInputs()
  }

  /// The number of operations recorded since the last `reset()`.
  public var count: Int { nodes.count }

  /// Evaluates every recorded operation.
  ///
  /// - Throws: `.busy` if another thread uses an operand; `.interrupted`, and a later evaluation continues.
  public func evaluate() throws(RecurrentError) {
    try require(
      recordedOperands == nil, .invalidated,
      "step is being recorded and has no numbers yet; expected operations on its values, got a read of one")
    // the lock comes before the count: another thread may be recording
    try lock.acquire()
    defer { lock.release() }
    if evaluated == nodes.count { return }
    try exclusively { () throws(RecurrentError) in
      evaluated = try runForward(from: evaluated)
      try Interrupt.ofThread.throwIfRequested()
    }
  }

  /// Adds the gradient of every operand to its `dw`, from the gradients in the results' `dw`.
  ///
  /// Set `dw` on the results first, as in RecurrentJS; `backward(from:)` does so for a loss. May be called once per
  /// recording. An operation that no gradient reaches is skipped: `dw` of its result is 0, and no operation that is
  /// reached reads its result.
  ///
  /// - Throws: `.invalidated` after an earlier `backward()` or without history, `.busy`; `.interrupted`, which leaves
  ///   the gradients of the operands incomplete.
  public func backward() throws(RecurrentError) {
    try require(
      needsBackprop, .invalidated, "graph has no history; expected needsBackprop true, got needsBackprop false")
    try checkBackwardNotDone()
    try evaluate()
    try exclusively { () throws(RecurrentError) in
      // gradients change from here on: a pass that ends early is not repeated
      backwardDone = true
      defer { clearReaders() }
      runBackward()
      try Interrupt.ofThread.throwIfRequested()
    }
  }

  /// Sets the gradient of `loss` to 1 and backpropagates.
  ///
  /// - Parameter loss: a 1 x 1 result of this graph.
  public func backward(from loss: Mat) throws(RecurrentError) {
    try require(
      loss.count == 1, .badShape, "loss has the wrong shape; expected 1 x 1 (sum it, or set its dw), got \(loss.shape)")
    try require(
      loss.storage.owner === identity && loss.node >= 0, .badValue,
      "loss is foreign; expected a result of this graph, got another Mat")
    try loss.checkValid()
    try checkBackwardNotDone()
    switch loss.dtype {
    case .float32: fill(loss.operandRef.dw(Float.self), with: 1)
    case .float64: fill(loss.operandRef.dw(Double.self), with: 1)
    }
    try backward()
  }

  /// Discards the recording and keeps the memory for the next one. Earlier results become invalid.
  public func reset() {
    clearReaders()
    releaseInputs()
    saved.removeAll()
    schedule?.removeAll()
    nodes.removeAll()
    operands.removeAll()
    if recordedOperands != nil { recordedOperands = [] }
    recordedNames = []
    if !retained.isEmpty { retained.removeAll(keepingCapacity: true) }
    arena.reset()
    evaluated = 0
    backwardDone = false
    dtype = nil
    identity.nextRecording()
  }

  private func checkBackwardNotDone() throws(RecurrentError) {
    try require(
      !backwardDone, .invalidated,
      "graph has been backpropagated already; expected reset() before another backward(), got a call that would count "
        + "every gradient twice")
  }
}
