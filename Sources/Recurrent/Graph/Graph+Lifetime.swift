// Lifetime of values: when they are computed, how long they are valid, and which thread may use them.
//
// Five invariants hold between Graph, Mat, Storage and Arena:
//
// 1. Memory never moves. It lives as long as a Mat of its storage, or a graph that recorded a read of it
//    (`inputStorages`), or a `Pin`. An arena reuses a chunk after `reset()` only if no other graph holds a recorded read
//    of it (`readerCount` is 0) and no pin (`pinCount` is 0); otherwise it drops the chunk.
// 2. A result is valid in the recording that produced it (`generation`). After `reset()`, or after the graph is freed,
//    every access throws `.invalidated` (`checkValid`).
// 3. A value is computed before it is read. Every access to `w` evaluates the graph that owns the memory
//    (`Storage.owner`, `Mat.evaluate`).
// 4. A value is read before it is overwritten. A graph that records a read of memory outside its arena becomes a reader
//    of the storage until its backward pass or `reset()`. Every access to `w` that permits a write (`synchronize`)
//    evaluates the readers and the producer first; then each of them copies those of the values that its backward pass
//    reads (`saveValues`). Values that are pinned when an operation is recorded can be written at any time: the
//    operation is evaluated at once and copies them.
// 5. Use is exclusive. Evaluation and backpropagation hold the locks of the graph and of all its input storages; a
//    second thread gets `.busy`, and nothing has changed. A graph that `holdsInputs` is no reader and takes no lock but
//    its own: its caller holds the locks of the inputs, perhaps shared, until the recording is evaluated and discarded.

extension Graph {
  /// Registers this graph as a reader that the storage must wait for before a write.
  func registerReader(of storage: Storage) throws(RecurrentError) {
    if storage.isRead(by: identity) { return }
    // A storage can be registered again after a backward pass; checking the last 8 entries avoids most duplicates.
    if !inputStorages.elements.suffix(8).contains(where: { $0 === storage }) {
      try inputStorages.append(storage)
      if storage.owner != nil { storage.readerCount.wrappingAdd(1, ordering: .relaxed) }
    }
    storage.add(reader: identity)
  }

  /// Removes this graph as a reader of its inputs, once it needs their values no more.
  func clearReaders() {
    for storage in inputStorages.elements {
      // A storage locked by another thread keeps its reader: that thread finds a graph that needs nothing.
      guard (try? storage.lock.acquire()) != nil else { continue }
      storage.remove(reader: identity)
      storage.lock.release()
    }
  }

  /// Gives up the storages that the recording reads.
  func releaseInputs() {
    for storage in inputStorages.elements where storage.owner != nil {
      storage.readerCount.wrappingSubtract(1, ordering: .releasing)
    }
    inputStorages.removeAll()
  }

  /// Runs `body` while holding the locks of the graph and of all its input storages.
  func exclusively(_ body: () throws(RecurrentError) -> Void) throws(RecurrentError) {
    try lock.acquire()
    defer { lock.release() }
    var held = 0
    defer { for storage in inputStorages.elements.prefix(held) { storage.lock.release() } }
    for storage in inputStorages.elements {
      try storage.lock.acquire()
      held += 1
    }
    try body()
  }
}

extension Mat {
  /// Makes the values current, for reading: evaluates their producer.
  func evaluate() throws(RecurrentError) {
    try checkValid()
    if storage.owner != nil { try producer().evaluate() }
  }

  /// Makes the values current and safe to overwrite: evaluates their producer and the graphs that still read them, and
  /// lets each copy what its backward pass reads.
  func synchronize() throws(RecurrentError) {
    try evaluate()
    // a result is read by its own node and by later ones
    if storage.owner != nil { try producer().saveValues(in: span, from: node) }
    try storage.forEachReader { (graph) throws(RecurrentError) in
      try graph.evaluate()
      try graph.saveValues(in: span)
    }
  }

  /// - Throws: `.invalidated` if the graph of this Mat was reset or freed.
  @inline(__always) func checkValid() throws(RecurrentError) {
    if let current = storage.owner?.generation, current != generation { throw invalidated }
  }

  /// The graph that computes the values.
  ///
  /// - Throws: `.invalidated` if another thread has freed it since `checkValid`.
  private func producer() throws(RecurrentError) -> Graph {
    guard let graph = storage.owner?.graph else { throw invalidated }
    return graph
  }

  private var invalidated: RecurrentError {
    RecurrentError(
      .invalidated,
      storage.owner?.graph == nil
        ? "Mat is invalid; expected a graph that lives as long as its Mats, got one whose graph is gone"
        : "Mat is invalid; expected a result of the current recording, got one from before the graph's reset()")
  }
}
