// What remains of a graph for the memory and the Mats that refer to it.

import Synchronization

/// The identity of a graph, which outlives it.
///
/// Memory refers to a graph by its identity: a comparison of two references. A weak reference takes a lock-free counter
/// at each load; only what uses the graph itself loads one.
final class GraphIdentity {
  /// The graph; nil once it is freed.
  ///
  /// Weak because a graph may be freed by one thread while another reads a Mat.
  private(set) weak var graph: Graph?
  /// The index of the graph's current recording, from 1; 0 once the graph is freed.
  private let current = Atomic<UInt32>(1)

  /// The index of the current recording: results of an earlier one are invalid.
  @inline(__always) var generation: UInt32 { current.load(ordering: .relaxed) }

  /// Sets the graph, once.
  func identify(_ graph: Graph) { self.graph = graph }

  /// Invalidates the results of the current recording.
  func nextRecording() {
    let last = generation
    current.store(last == .max ? 1 : last + 1, ordering: .relaxed)
  }

  /// Invalidates all results, for a graph that is freed.
  func invalidate() { current.store(0, ordering: .relaxed) }
}
