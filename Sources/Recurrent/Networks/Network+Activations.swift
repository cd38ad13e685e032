// Activations: the outputs, cells and gates of every layer in the last forward pass.

import Kernels

extension Network {
  /// The names of all activations, layer by layer: `h0`; for an LSTM then `c0 i0 f0 o0 g0`, for a GRU `r0 z0 n0`.
  ///
  /// h is the output and c the cell after a time step; i, f, o, r and z are gates, 0 to 1; g and n are the candidates,
  /// −1 to 1.
  public var activationNames: [String] {
    hiddenSizes.indices.flatMap { k in cellActivations.map { "\($0.letter)\(k)" } }
  }

  /// Copies one activation of one layer from the last forward pass. Available until backward is called.
  ///
  /// - Parameters:
  ///   - name: one of `activationNames`.
  ///   - values: receives T·B·H elements as a C-contiguous array (T, B, H); 0 beyond each sequence's length.
  /// - Throws: `.badIndex` for an unknown name, `.invalidated` without a forward pass, `.badShape` or `.badType` for an
  ///   array of another length or type.
  public func activation(_ name: String, to values: consuming MutableElements) throws(RecurrentError) {
    let (layer, source, record) = try findActivation(name)
    let p = try values.memory("values", hiddenSizes[layer] * record.T * record.B, dtype)
    switch dtype {
    case .float32: copy(source, ofLayer: layer, record, to: p.assumingMemoryBound(to: Float.self))
    case .float64: copy(source, ofLayer: layer, record, to: p.assumingMemoryBound(to: Double.self))
    }
  }

  /// The number of elements of an activation.
  package func activationCount(_ name: String) throws(RecurrentError) -> Int {
    let (layer, _, record) = try findActivation(name)
    return hiddenSizes[layer] * record.T * record.B
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
    case output, cell
    /// A block of z's rows.
    case gate(Int)
  }

  private var cellActivations: [(letter: Character, source: ActivationSource)] {
    switch cell {
    case .rnnTanh, .rnnRelu: [("h", .output)]
    case .lstm: [("h", .output), ("c", .cell), ("i", .gate(0)), ("f", .gate(1)), ("o", .gate(2)), ("g", .gate(3))]
    case .gru, .gruResetBefore: [("h", .output), ("r", .gate(0)), ("z", .gate(1)), ("n", .gate(3))]
    }
  }

  private func copy<Scalar: Real>(
    _ source: ActivationSource, ofLayer layer: Int, _ record: ForwardRecord, to p: UnsafeMutablePointer<Scalar>
  ) {
    var k = 0
    graph.forEachNode(0..<graph.nodes.count) { node, operands in
      guard node.pointee.operation == Scan.self else { return }
      defer { k += 1 }
      guard k == layer else { return }
      let scan = node.pointee.settings(Scan.self)
      let run = ScanRun(scan, Operands<Scalar>(operands, node)), H = run.H
      let values =
        switch source {
        case .output: run.y
        case .cell: run.c
        case .gate(let block): run.z.rows(block * H, H)
        }
      let result = MatrixView(p, rows: H, columns: record.T * record.B, columnStride: H)
      Kernels.copy(values, to: result)
      guard let padding = record.padding else { return }
      for j in 0..<result.columns where padding.contains(j) { fill(result.column(j), with: 0) }
    }
  }
}
