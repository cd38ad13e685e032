// Another order of evaluation than that of the recording.

/// Evaluates and backpropagates the nodes of a graph, some of them together.
///
/// A graph has one while its recording has nodes that must not be evaluated by themselves.
protocol GraphSchedule: AnyObject {
  /// Evaluates the nodes from index `start` on.
  ///
  /// - Returns: the number of evaluated nodes; fewer than all if the call is to stop.
  func forward(_ graph: Graph, from start: Int) throws(RecurrentError) -> Int
  /// Backpropagates through the nodes that a gradient reaches, or until the call is to stop.
  func backward(_ graph: Graph)
  /// Forgets the nodes from index `count` on, which are removed from the graph.
  ///
  /// - Returns: the number of nodes that are evaluated still.
  func removeLast(to count: Int) -> Int
  /// Forgets the recording.
  func removeAll()
}
