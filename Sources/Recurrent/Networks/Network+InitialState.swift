// The states of sequences that begin: zeros, or learned.

import Kernels

extension Network {
  /// Returns the state of `batchSize` sequences that begin: zeros, or the learned initial states.
  public func initialState(_ graph: Graph, batchSize: Int = 1) throws(RecurrentError) -> State {
    var state = State([])
    try begin(&state, graph, batchSize: batchSize)
    return state
  }

  /// Copies the state of `batchSize` sequences that begin.
  ///
  /// - Parameters:
  ///   - batchSize: at least 1.
  ///   - state: receives `stateCount(batchSize:)` elements.
  /// - Throws: `.badShape` or `.badType` for an array of another length or type.
  public func copyInitialState(
    batchSize: Int = 1, to state: consuming MutableElements
  ) throws(RecurrentError) {
    try require(batchSize > 0, .badShape, "batch_size is out of range; expected at least 1, got \(batchSize)")
    try copyInitialState(batchSize, state.memory("state", stateCount(batchSize: batchSize), dtype))
  }

  func copyInitialState(_ batchSize: Int, _ state: UnsafeMutableRawPointer) throws(RecurrentError) {
    try parameters.flat.evaluate()
    var start = state
    for s in cell.states.indices {
      for layer in layers {
        let bytes = layer.states[s] * dtype.size
        for _ in 0..<batchSize {
          if layer.initialStates.isEmpty {
            start.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
          } else {
            start.copyMemory(from: layer.initialStates[s].wStart, byteCount: bytes)
          }
          start += bytes
        }
      }
    }
  }

  /// Replaces the contents of `state` by zeros and reuses its arrays.
  func zero(_ state: inout State, _ graph: Graph, batchSize: Int) throws(RecurrentError) {
    while state.mats.count < cell.states.count { state.mats.append([]) }
    for s in cell.states.indices {
      state.mats[s].removeAll(keepingCapacity: true)
      for layer in layers { state.mats[s].append(try graph.zeros(layer.states[s], batchSize, dtype)) }
    }
  }

  /// Replaces the contents of `state` by the state of sequences that begin, recorded where it is learned: its gradient is
  /// the sum over the sequences.
  func begin(_ state: inout State, _ graph: Graph, batchSize: Int) throws(RecurrentError) {
    try zero(&state, graph, batchSize: batchSize)
    for (k, layer) in layers.enumerated() {
      for (s, learned) in layer.initialStates.enumerated() {
        state.mats[s][k] = try graph.add(state.mats[s][k], learned)
      }
    }
  }
}
