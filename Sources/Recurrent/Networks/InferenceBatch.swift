// One time step of several sequences without a graph: the weights are packed once, and read once for all sequences.

import Kernels

/// The weights of a network in the form that the steps of several sequences read. Any number of threads reads them.
final class InferenceWeights<Scalar: Real> {
  fileprivate let layers: [PackedWeights<Scalar>]
  fileprivate let decoder: PackedDecoder<Scalar>?
  fileprivate let tokenProducts: ProgramStep<Scalar>.TokenProducts?

  /// - Parameters:
  ///   - steps: those of the layers, prepared.
  ///   - reads: the number of tokens that are read; enough of them repay products of every token.
  init(_ network: Network, _ steps: [ProgramStep<Scalar>], reads: Int) throws(RecurrentError) {
    var layers: [PackedWeights<Scalar>] = []
    for step in steps { layers.append(try PackedWeights(step)) }
    self.layers = layers
    decoder = if let (Whd, _) = network.decoder { try PackedDecoder(Whd.operandRef.w(Scalar.self)) } else { nil }
    tokenProducts =
      if let Wil = network.Wil, Wil.n <= reads / 2 { try steps[0].products(ofTable: Wil, limit: 1 << 20) } else { nil }
  }
}

/// A decoder's packed matrix.
private final class PackedDecoder<Scalar: Real> {
  let layout: PanelLayout, columns: Int
  private let storage: Storage

  var panels: UnsafeMutablePointer<Scalar> { storage.start.assumingMemoryBound(to: Scalar.self) }

  init(_ W: MatrixView<Scalar>) throws(RecurrentError) {
    (layout, columns) = (.contiguous(W.rows, Scalar.self), W.columns)
    let count = packedCount(layout, k: W.columns, Scalar.self)
    guard let bytes = Storage.bytes(count, of: MemoryLayout<Scalar>.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(count) elements")
    }
    storage = try Storage(bytes: bytes)
    pack(W, layout, panels: 0..<layout.panels, to: panels)
  }
}

/// Time steps of several sequences, in memory of its own, which holds their states: a column for each sequence.
final class InferenceBatch<Scalar: Real> {
  private let network: Network
  private let steps: [ProgramStep<Scalar>]
  private let storage: Storage
  /// The outputs that the decoder reads.
  private var top: UnsafeMutablePointer<Scalar>
  /// Sums of layers with residual connections; the decoder's outputs, and their logarithms of probabilities.
  private let outputs: UnsafeMutablePointer<Scalar>, allScores: UnsafeMutablePointer<Scalar>
  private let allLogProbabilities: UnsafeMutablePointer<Scalar>
  /// The token that each sequence reads.
  let tokens: UnsafeMutablePointer<Int32>

  /// - Parameter columns: the most sequences, at least 1.
  init(_ network: Network, columns: Int) throws(RecurrentError) {
    self.network = network
    var steps: [ProgramStep<Scalar>] = []
    for layer in network.layers { steps.append(try ProgramStep(layer.program, layer.parameters, columns: columns)) }
    for step in steps { try step.prepare() }
    self.steps = steps
    let (rows, width) = (network.topSize, network.layers[network.layers.count - 1].outputs)
    // a token is an Int32, at most the size of an element
    guard let bytes = Storage.bytes((2 * rows + width + 1) * columns, of: MemoryLayout<Scalar>.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate the scores of \(columns) sequences")
    }
    storage = try Storage(bytes: bytes)
    outputs = storage.start.assumingMemoryBound(to: Scalar.self)
    top = outputs
    allScores = outputs + width * columns
    allLogProbabilities = allScores + rows * columns
    tokens = UnsafeMutableRawPointer(allLogProbabilities + rows * columns).bindMemory(to: Int32.self, capacity: columns)
  }

  /// The weights for batches of this network.
  func weights(reads: Int) throws(RecurrentError) -> InferenceWeights<Scalar> {
    try InferenceWeights(network, steps, reads: reads)
  }

  // MARK: States

  /// Copies the state of a sequence, `stateCount(batchSize: 1)` elements, to column j.
  func load(_ state: UnsafePointer<Scalar>, to j: Int) {
    forEachState { before, rows, offset in (before + j * rows).update(from: state + offset, count: rows) }
  }

  /// Copies column j to the state of a sequence.
  func store(_ j: Int, to state: UnsafeMutablePointer<Scalar>) {
    forEachState { before, rows, offset in (state + offset).update(from: before + j * rows, count: rows) }
  }

  /// Replaces column j by another one.
  func move(_ other: Int, to j: Int) {
    if other == j { return }
    forEachState { before, rows, _ in (before + j * rows).update(from: before + other * rows, count: rows) }
  }

  private func forEachState(_ body: (_ before: UnsafeMutablePointer<Scalar>, _ rows: Int, _ offset: Int) -> Void) {
    for (k, step) in steps.enumerated() {
      for (s, before) in step.before.enumerated() { body(before, step.plan.states[s], network.stateOffsets[s][k]) }
    }
  }

  // MARK: Steps

  /// The scores of column j.
  func scores(_ j: Int) -> UnsafeMutableBufferPointer<Scalar> { column(allScores, j) }

  /// ln p of every token, of column j, once `logSoftmax` has computed it.
  func logProbabilities(_ j: Int) -> UnsafeMutableBufferPointer<Scalar> { column(allLogProbabilities, j) }

  private func column(_ p: UnsafeMutablePointer<Scalar>, _ j: Int) -> UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(start: p + j * network.topSize, count: network.topSize)
  }

  /// All layers of the first `count` sequences, from `tokens`.
  func read(_ count: Int, _ weights: InferenceWeights<Scalar>) {
    let tokens = UnsafePointer(tokens)
    var x = top
    for (k, step) in steps.enumerated() {
      let rows = network.layers[k].outputs
      if k > 0 {
        step.input.update(from: x, count: step.plan.inputs * count)
        step.run(count, weights.layers[k], tokens: nil, nil)
      } else if let Wil = network.Wil, weights.tokenProducts == nil {
        gatherRows(
          Wil.operandRef.w(Scalar.self), rows: tokens,
          to: MatrixView(step.input, rows: Wil.d, columns: count, columnStride: Wil.d))
        step.run(count, weights.layers[k], tokens: nil, nil)
      } else {
        step.run(count, weights.layers[k], tokens: tokens, weights.tokenProducts)
      }
      let h = step.before[0]
      if network.options.residual && k > 0 {
        for i in 0..<rows * count { outputs[i] = x[i] + h[i] }
        x = outputs
      } else {
        x = h
      }
    }
    top = x
  }

  /// The scores of the first `count` sequences, after `read`.
  func decode(_ count: Int, _ weights: InferenceWeights<Scalar>) {
    let rows = network.topSize
    guard let (_, bd) = network.decoder, let decoder = weights.decoder else {
      return allScores.update(from: top, count: rows * count)
    }
    Scalar.gemmPacked(
      decoder.layout, panels: 0..<decoder.layout.panels, .broadcastColumn(bd.operandRef.w(Scalar.self).p),
      Operand(decoder.panels, k: decoder.columns, top, columnStride: decoder.columns), columns: count, to: allScores,
      columnStride: rows)
  }

  /// Computes `logProbabilities` of column j from its scores.
  func logSoftmax(_ j: Int) {
    let n = network.topSize
    Kernels.logSoftmax(
      MatrixView(allScores + j * n, rows: n, columns: 1, columnStride: n),
      to: MatrixView(allLogProbabilities + j * n, rows: n, columns: 1, columnStride: n))
  }
}
