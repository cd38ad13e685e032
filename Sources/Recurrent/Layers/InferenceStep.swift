// One time step of one sequence without a graph: no recording, no allocation, weights read once.

import Kernels

extension Network {
  /// Computes one time step of one sequence.
  ///
  /// - Parameters:
  ///   - token: the input of a network with an embedding; one-hot in a network without one, if `x` is nil.
  ///   - x: the input otherwise, inputSize elements; nil for a token.
  ///   - state: `stateCount(batchSize: 1)` elements, read and overwritten; that of
  ///     `copyInitialState` for the first step.
  ///   - y: receives topSize elements; nil to skip the decoder.
  /// - Throws: `.badIndex` for a token out of range, `.nullArgument` without an input, `.badShape` or `.badType` naming
  ///   an array of another length or type.
  public func inferenceStep(
    token: Int?, x: Elements? = nil, state: consuming MutableElements, y: consuming MutableElements? = nil
  ) throws(RecurrentError) {
    try requireOneDirection("single time steps")
    let x = try memory(x, "x", inputSize, dtype)
    let state = try state.memory("state", stateCount(batchSize: 1), dtype)
    let y = try memory(y, "y", topSize, dtype)
    switch dtype {
    case .float32: try InferenceStep<Float>(self).run(token, x, state, y)
    case .float64: try InferenceStep<Double>(self).run(token, x, state, y)
    }
  }
}

/// The scratch of an inference step, as offsets in elements.
private struct InferenceWorkspace {
  /// Pre-activations of the widest layer, a layer's input, and the top layer's output.
  let z: Int, input: Int, output: Int
  /// The decoder's output and its logarithms of probabilities.
  let scores: Int, logProbabilities: Int
  /// Elements in total.
  let count: Int

  init(_ network: Network) {
    var end = 0
    func allocate(_ count: Int) -> Int {
      defer { end += count }
      return end
    }
    let widest = network.widest
    z = allocate((network.cell.builtin?.blocks ?? 0) * widest)
    input = allocate(network.embedding ?? network.inputSize)
    output = allocate(widest)
    scores = allocate(network.topSize)
    logProbabilities = allocate(network.topSize)
    count = end
  }
}

/// Time steps of one sequence in a network's scratch memory.
struct InferenceStep<Scalar: Real> {
  private let network: Network
  private let z: UnsafeMutablePointer<Scalar>
  private let input: UnsafeMutablePointer<Scalar>, output: UnsafeMutablePointer<Scalar>
  /// The decoder's output.
  let scores: UnsafeMutableBufferPointer<Scalar>
  /// What `logSoftmax` computes from the scores.
  let logProbabilities: UnsafeMutableBufferPointer<Scalar>
  /// The bottom layer's Wx·x + b for each token, [blocks·H × V]; nil unless `prepare` filled it.
  private var tokenProducts: Storage?
  /// The steps of layers that are programs.
  private let steps: ProgramSteps<Scalar>?

  /// The input of the bottom layer.
  private enum Input {
    /// A vector in `input`.
    case vector
    /// A one-hot column.
    case oneHot(Int)
    /// Wx·x + b, precomputed.
    case precomputed(UnsafePointer<Scalar>)
  }

  init(_ network: Network) throws(RecurrentError) {
    self.network = network
    let workspace = InferenceWorkspace(network)
    let scratch = try network.scratch(elements: workspace.count).assumingMemoryBound(to: Scalar.self)
    z = scratch + workspace.z
    input = scratch + workspace.input
    output = scratch + workspace.output
    scores = UnsafeMutableBufferPointer(start: scratch + workspace.scores, count: network.topSize)
    logProbabilities = UnsafeMutableBufferPointer(
      start: scratch + workspace.logProbabilities, count: network.topSize)
    try network.parameters.flat.evaluate()
    steps = try network.programSteps(Scalar.self)
    if let steps { for step in steps.all { try step.prepare() } }
  }

  /// Precomputes the bottom layer's product of every embedded token, if `reads` steps repay it and the products have at
  /// most 2²⁰ elements.
  mutating func prepare(reads: Int) throws(RecurrentError) {
    guard let Wil = network.Wil, case .builtin(let cell, let weights, let plan) = network.layers[0].body else { return }
    let width = cell.blocks * plan.H
    guard Wil.n <= reads / 2, Wil.n <= (1 << 20) / width else { return }
    let products = try Storage(bytes: Wil.n * width * MemoryLayout<Scalar>.stride)
    for token in 0..<Wil.n {
      lookUp(token, Wil)
      inputProduct(weights, plan, input)
      (products.start.assumingMemoryBound(to: Scalar.self) + token * width).update(from: z, count: width)
    }
    tokenProducts = products
  }

  func run(
    _ token: Int?, _ x: UnsafeRawPointer?, _ state: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer?
  ) throws(RecurrentError) {
    let state = state.assumingMemoryBound(to: Scalar.self)
    if let x, network.embedding == nil {
      input.update(from: x.assumingMemoryBound(to: Scalar.self), count: network.inputSize)
      advance(.vector, state)
    } else {
      guard let token else {
        throw RecurrentError(
          .nullArgument, "input is missing; expected a token\(network.embedding == nil ? " or x" : ""), got neither")
      }
      try require(
        token >= 0 && token < network.inputSize, .badIndex,
        "token is out of range; expected 0 to \(network.inputSize - 1), got \(token)")
      read(token, state)
    }
    if let y { decode(to: y.assumingMemoryBound(to: Scalar.self)) }
  }

  /// All layers, from a token in range to `output`.
  func read(_ token: Int, _ state: UnsafeMutablePointer<Scalar>) {
    guard let Wil = network.Wil else { return advance(.oneHot(token), state) }
    guard let tokenProducts, let cell = network.cell.builtin else {
      lookUp(token, Wil)
      return advance(.vector, state)
    }
    let width = cell.blocks * network.layers[0].outputs
    advance(.precomputed(tokenProducts.start.assumingMemoryBound(to: Scalar.self) + token * width), state)
  }

  private func lookUp(_ token: Int, _ Wil: Mat) {
    var row = Int32(token)
    gatherRows(
      Wil.operandRef.w(Scalar.self), rows: &row, to: MatrixView(input, rows: Wil.d, columns: 1, columnStride: Wil.d))
  }

  /// z = Wx·x + b, of a vector or a one-hot column.
  private func inputProduct(
    _ layer: Weights, _ plan: ScanPlan, _ x: UnsafePointer<Scalar>, oneHot column: Int? = nil
  ) {
    let Wx = layer.Wx.operandRef.w(Scalar.self), b = layer.b.operandRef.w(Scalar.self).p
    for i in 0..<4 {
      guard let product = plan.merged[i] else { continue }
      let rows = product.rows, resetBias = product.readsInput ? nil : layer.resetBias
      (z + rows.z).update(from: resetBias?.operandRef.w(Scalar.self).p ?? b + rows.w, count: rows.count)
      if !product.readsInput { continue }
      let Wx = Wx.rows(rows.w, rows.count)
      if let column {
        accumulate(
          Wx.columns(column, 1), times: 1,
          into: MatrixView(z + rows.z, rows: rows.count, columns: 1, columnStride: rows.count))
      } else {
        gemv(Wx, x, into: z + rows.z)
      }
    }
  }

  /// All layers, from the bottom layer's input to `output`.
  private func advance(_ bottom: Input, _ state: UnsafeMutablePointer<Scalar>) {
    var (x, width) = (input, network.embedding ?? network.inputSize)
    var h = state
    for k in network.layers.indices {
      let layer = network.layers[k], bottom = k == 0 ? bottom : .vector
      switch layer.body {
      case .builtin(let cell, let weights, let plan):
        switch bottom {
        case .vector: inputProduct(weights, plan, x)
        case .oneHot(let column): inputProduct(weights, plan, x, oneHot: column)
        case .precomputed(let product): z.update(from: product, count: cell.blocks * plan.H)
        }
        recurrentStep(cell, weights, plan, h, state + network.stateOffsets[cell.hasCell ? 1 : 0][k])
      case .program: advance(k, bottom, x, width, state)
      }
      width = layer.outputs
      if network.options.residual && k > 0 {
        for i in 0..<width { output[i] = x[i] + h[i] }
        x = output
      } else {
        x = h
      }
      h += width
    }
    output.update(from: x, count: width)
  }

  /// A layer that is a program.
  private func advance(
    _ k: Int, _ bottom: Input, _ x: UnsafePointer<Scalar>, _ width: Int, _ state: UnsafeMutablePointer<Scalar>
  ) {
    guard let step = steps?.all[k] else { return }
    var token: Int?
    if case .oneHot(let column) = bottom { token = column } else { step.input.update(from: x, count: width) }
    step.run(oneHot: token) { s in state + network.stateOffsets[s][k] }
  }

  /// The recurrent products and the gates of one layer: z and the state become the next state.
  private func recurrentStep(
    _ cell: BuiltinCell, _ layer: Weights, _ plan: ScanPlan, _ h: UnsafeMutablePointer<Scalar>,
    _ c: UnsafeMutablePointer<Scalar>
  ) {
    let H = plan.H, Wh = layer.Wh.operandRef.w(Scalar.self)
    let state = MatrixView(h, rows: H, columns: 1, columnStride: H),
      gates = MatrixView(z, rows: H, columns: 1, columnStride: 4 * H)
    gemv(Wh.rows(plan.outputRows.w, plan.outputRows.count), h, into: z + plan.outputRows.z)
    switch cell {
    case .lstm:
      let cells = MatrixView(c, rows: H, columns: 1, columnStride: H)
      lstmGates(gates, gate: H, cells, newH: state, newC: cells)
    case .rnnTanh, .rnnRelu: apply(cell == .rnnRelu ? .relu : .tanh, 0, gates, to: state)
    case .gru: gruGates(gates, gate: H, state, newH: state)
    case .gruResetBefore:
      gruReset(gates, gate: H, state)
      gemv(Wh.rows(2 * H, H), z + 2 * H, into: z + 3 * H)
      gruUpdate(gates, gate: H, state, newH: state)
    }
  }

  /// From `output` to `scores`.
  func decode() { decode(to: scores.baseAddress.unsafelyUnwrapped) }

  /// From `scores` to `logProbabilities`.
  func logSoftmax() {
    let n = network.topSize
    Kernels.logSoftmax(
      MatrixView(scores.baseAddress.unsafelyUnwrapped, rows: n, columns: 1, columnStride: n),
      to: MatrixView(logProbabilities.baseAddress.unsafelyUnwrapped, rows: n, columns: 1, columnStride: n))
  }

  private func decode(to y: UnsafeMutablePointer<Scalar>) {
    guard let (Whd, bd) = network.decoder else {
      return y.update(from: output, count: network.topSize)
    }
    y.update(from: bd.operandRef.w(Scalar.self).p, count: network.topSize)
    gemv(Whd.operandRef.w(Scalar.self), output, into: y)
  }
}
