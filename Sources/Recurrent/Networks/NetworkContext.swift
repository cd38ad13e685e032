// What a call of a network computes in besides the weights: one context for each call that runs at a time.

import Kernels

/// The memory of a call: a graph for sequences, scratch and steps for single time steps.
///
/// Calls that only read the weights run concurrently, each in a context of its own. A context is used by one call at a
/// time; a recording that waits for `backward` keeps its own.
final class NetworkContext {
  /// Records sequences.
  let graph = Graph()
  /// The states of the last recording, whose arrays the next one reuses.
  var reusableStates = (start: Network.State([]), end: Network.State([]))
  /// The working memory of `InferenceStep`, allocated on first use.
  private var scratch: Storage?
  /// The steps of the layers, created on first use.
  private var steps: AnyObject?

  /// Returns working memory of `bytes` bytes, the same memory at every call.
  func scratch(bytes: Int) throws(RecurrentError) -> UnsafeMutableRawPointer {
    if let scratch { return scratch.start }
    let storage = try Storage(bytes: bytes)
    scratch = storage
    return storage.start
  }

  /// Returns the steps of the layers, the same at every call.
  func steps<T: Real>(of layers: [Layer], _: T.Type) throws(RecurrentError) -> ProgramSteps<T> {
    if let steps = steps as? ProgramSteps<T> { return steps }
    let new = try ProgramSteps<T>(layers)
    steps = new
    return new
  }
}

/// The contexts of a network that no call uses.
final class NetworkContexts: @unchecked Sendable {
  // under `ForkSafeLock.contexts`; the runtime's check of each access would run at every step
  @exclusivity(unchecked) private var idle: [NetworkContext] = []

  /// The number of contexts that no call uses.
  var count: Int {
    ForkSafeLock.contexts.acquire()
    defer { ForkSafeLock.contexts.release() }
    return idle.count
  }

  /// Returns the context that was put back last, or a new one.
  func take() -> NetworkContext {
    ForkSafeLock.contexts.acquire()
    let context = idle.popLast()
    ForkSafeLock.contexts.release()
    return context ?? NetworkContext()
  }

  /// Makes a context available to other calls. Its recording is discarded.
  func putBack(_ context: NetworkContext) {
    if context.graph.count > 0 || !context.graph.inputStorages.isEmpty { context.graph.reset() }
    ForkSafeLock.contexts.acquire()
    idle.append(context)
    ForkSafeLock.contexts.release()
  }
}

extension Network {
  /// Runs `body` with the context of a call that only reads the weights: it holds their lock, perhaps shared.
  func reading<R>(_ body: (NetworkContext) throws(RecurrentError) -> R) throws(RecurrentError) -> R {
    let context = contexts.take()
    context.graph.holdsInputs = true
    defer { contexts.putBack(context) }
    return try body(context)
  }

  /// Runs `body` with the context of a call that may change the network, whose lock it holds alone. The recording that
  /// waits for `backward` is discarded.
  func changing<R>(_ body: (NetworkContext) throws(RecurrentError) -> R) throws(RecurrentError) -> R {
    discardForward()
    let context = contexts.take()
    context.graph.holdsInputs = false
    defer { contexts.putBack(context) }
    return try body(context)
  }

  /// Discards the recording that waits for `backward`.
  func discardForward() {
    guard let record = forwardRecord else { return }
    forwardRecord = nil
    contexts.putBack(record.context)
  }
}
