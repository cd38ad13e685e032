// Activations: the outputs, cells and gates of every layer in the last forward pass.

import Kernels

extension Network {
  /// The names of all activations, layer by layer: the cell's states, then what its step names (`Graph.name`). For an
  /// LSTM `h0 c0 i0 f0 o0 g0`, for a GRU `h0 r0 z0 n0`.
  ///
  /// h is the output and c the cell after a time step; i, f, o, r and z are gates, 0 to 1; g and n are the candidates,
  /// −1 to 1. With two directions, `h0r` and its like are those of the reverse one, each at the time step that it read.
  public var activationNames: [String] {
    layers.indices.flatMap { k in activations(ofLayer: k).map { $0.name } }
  }

  /// Copies one activation of one layer from the last forward pass. Available until backward is called.
  ///
  /// - Parameters:
  ///   - name: one of `activationNames`.
  ///   - values: receives T·B·rows elements as a C-contiguous array (T, B, rows); 0 beyond each sequence's length. H
  ///     rows, or those of the state.
  /// - Throws: `.badIndex` for an unknown name, `.invalidated` without a forward pass, `.badShape` or `.badType` for an
  ///   array of another length or type.
  public func activation(_ name: String, to values: consuming MutableElements) throws(RecurrentError) {
    let (layer, source, record) = try findActivation(name)
    let p = try values.memory("values", rows(source, layer) * record.T * record.B, dtype)
    switch dtype {
    case .float32: copy(source, ofLayer: layer, record, to: p.assumingMemoryBound(to: Float.self))
    case .float64: copy(source, ofLayer: layer, record, to: p.assumingMemoryBound(to: Double.self))
    }
  }

  /// The number of elements of an activation.
  package func activationCount(_ name: String) throws(RecurrentError) -> Int {
    let (layer, source, record) = try findActivation(name)
    return rows(source, layer) * record.T * record.B
  }

  private func findActivation(
    _ name: String
  ) throws(RecurrentError) -> (layer: Int, source: ActivationSource, record: ForwardRecord) {
    guard let index = activationNames.firstIndex(of: name) else {
      throw RecurrentError(
        .badIndex, "activation is unknown; expected one of \(activationNames.joined(separator: " ")), got '\(name)'")
    }
    guard let record = forwardRecord else {
      throw RecurrentError(
        .invalidated, "activation '\(name)' is unavailable; expected a forward pass whose backward was not called")
    }
    var kind = index
    for layer in layers.indices {
      let all = activations(ofLayer: layer)
      if kind < all.count { return (layer, all[kind].source, record) }
      kind -= all.count
    }
    return (0, .state(0), record)
  }

  private enum ActivationSource {
    case state(Int)
    /// A value with a name.
    case value(Int)
  }

  private func rows(_ source: ActivationSource, _ layer: Int) -> Int {
    switch source {
    case .state(let s): layers[layer].states[s]
    case .value(let i): layers[layer].program.plan.names[i].rows
    }
  }

  private func activations(ofLayer k: Int) -> [(name: String, source: ActivationSource)] {
    let states = cell.states.enumerated().map { (name: $1 + suffixes[k], source: ActivationSource.state($0)) }
    return states
      + layers[k].program.plan.names.enumerated().map { (name: $1.name + suffixes[k], source: .value($0)) }
  }

  private func copy<Scalar: Real>(
    _ source: ActivationSource, ofLayer layer: Int, _ record: ForwardRecord, to p: UnsafeMutablePointer<Scalar>
  ) {
    let graph = record.context.graph
    var k = 0
    graph.forEachNode(0..<graph.nodes.count) { node, operands in
      guard node.pointee.operation == ProgramScan.self else { return }
      defer { k += 1 }
      guard k == layer else { return }
      let run = ProgramRun(node.pointee.settings(ProgramScan.self), Operands<Scalar>(operands, node))
      let rows = rows(source, layer), columns = record.T * record.B
      let result = MatrixView(p, rows: rows, columns: columns, columnStride: rows)
      let pieces: [(row: Int, values: MatrixView<Scalar>)] =
        switch source {
        case .state(let s): [(0, run.states(s).columns(record.B, columns))]
        case .value(let i): run.values(i)
        }
      for (row, values) in pieces {
        let to = result.rows(row, values.rows)
        if layer % options.directions == 0 {
          Kernels.copy(values, to: to)
          continue
        }
        for j in 0..<columns {
          let (t, b) = j.quotientAndRemainder(dividingBy: record.B)
          let read = reversedStep(t, length: record.padding.map { Int($0.lengths[b]) } ?? record.T)
          Kernels.copy(values.columns(read * record.B + b, 1), to: to.columns(j, 1))
        }
      }
      guard let padding = record.padding else { return }
      for j in 0..<result.columns where padding.contains(j) { fill(result.column(j), with: 0) }
    }
  }
}
