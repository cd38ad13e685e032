// Activations: the outputs, cells and gates of every layer in the last forward pass.

import Kernels

extension Network {
  /// The names of all activations, layer by layer: `h0`; for an LSTM then `c0 i0 f0 o0 g0`, for a GRU `r0 z0 n0`; for a
  /// cell of the caller's own its states.
  ///
  /// h is the output and c the cell after a time step; i, f, o, r and z are gates, 0 to 1; g and n are the candidates,
  /// −1 to 1. With two directions, `h0r` and its like are those of the reverse one, each at the time step that it read.
  public var activationNames: [String] {
    suffixes.flatMap { suffix in cellActivations.map { "\($0.name)\(suffix)" } }
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
    let (layer, kind) = index.quotientAndRemainder(dividingBy: cellActivations.count)
    return (layer, cellActivations[kind].source, record)
  }

  private enum ActivationSource {
    case state(Int)
    /// A block of z's rows.
    case gate(Int)
  }

  private func rows(_ source: ActivationSource, _ layer: Int) -> Int {
    if case .state(let s) = source { layers[layer].states[s] } else { hiddenSizes[layer / options.directions] }
  }

  private var cellActivations: [(name: String, source: ActivationSource)] {
    let states = cell.states.enumerated().map { (name: $1, source: ActivationSource.state($0)) }
    switch cell.builtin {
    case .rnnTanh, .rnnRelu, nil: return states
    case .lstm: return states + [("i", .gate(0)), ("f", .gate(1)), ("o", .gate(2)), ("g", .gate(3))]
    case .gru, .gruResetBefore: return states + [("r", .gate(0)), ("z", .gate(1)), ("n", .gate(3))]
    }
  }

  private func copy<Scalar: Real>(
    _ source: ActivationSource, ofLayer layer: Int, _ record: ForwardRecord, to p: UnsafeMutablePointer<Scalar>
  ) {
    var k = 0
    graph.forEachNode(0..<graph.nodes.count) { node, operands in
      guard node.pointee.operation == Scan.self || node.pointee.operation == ProgramScan.self else { return }
      defer { k += 1 }
      guard k == layer else { return }
      let args = Operands<Scalar>(operands, node), rows = rows(source, layer)
      let values: MatrixView<Scalar>
      if node.pointee.operation == Scan.self {
        let run = ScanRun(node.pointee.settings(Scan.self), args)
        switch source {
        case .state(let s): values = s == 0 ? run.y : run.c
        case .gate(let block): values = run.z.rows(block * rows, rows)
        }
      } else {
        let run = ProgramRun(node.pointee.settings(ProgramScan.self), args)
        guard case .state(let s) = source else { return }
        values = run.states(s).columns(record.B, record.T * record.B)
      }
      let result = MatrixView(p, rows: rows, columns: record.T * record.B, columnStride: rows)
      if layer % options.directions == 0 {
        Kernels.copy(values, to: result)
      } else {
        for j in 0..<result.columns {
          let (t, b) = j.quotientAndRemainder(dividingBy: record.B)
          let read = reversedStep(t, length: record.padding.map { Int($0.lengths[b]) } ?? record.T)
          Kernels.copy(values.columns(read * record.B + b, 1), to: result.columns(j, 1))
        }
      }
      guard let padding = record.padding else { return }
      for j in 0..<result.columns where padding.contains(j) { fill(result.column(j), with: 0) }
    }
  }
}
