// One time step of one sequence without a graph: no recording, no allocation, weights read once.

import Kernels

extension Network {
  /// Computes one time step of one sequence. Only reads the network: such calls run concurrently.
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
    try requireStates("single time steps")
    let x = try memory(x, "x", inputSize, dtype)
    let state = try state.memory("state", stateCount(batchSize: 1), dtype)
    let y = try memory(y, "y", topSize, dtype)
    switch dtype {
    case .float32:
      try reading { (context) throws(RecurrentError) in
        try InferenceStep<Float>(self, context).run(token, x, state, y)
      }
    case .float64:
      try reading { (context) throws(RecurrentError) in
        try InferenceStep<Double>(self, context).run(token, x, state, y)
      }
    }
  }
}

/// The scratch of an inference step, as offsets in elements.
private struct InferenceWorkspace {
  /// The bottom layer's input, and the top layer's output.
  let input: Int, output: Int
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
    input = allocate(network.embedding ?? network.inputSize)
    output = allocate(network.widest)
    scores = allocate(network.topSize)
    logProbabilities = allocate(network.topSize)
    count = end
  }
}

/// Time steps of one sequence in the memory of a context.
struct InferenceStep<Scalar: Real> {
  private let network: Network
  private let input: UnsafeMutablePointer<Scalar>, output: UnsafeMutablePointer<Scalar>
  /// The decoder's output.
  let scores: UnsafeMutableBufferPointer<Scalar>
  /// What `logSoftmax` computes from the scores.
  let logProbabilities: UnsafeMutableBufferPointer<Scalar>
  /// The steps of the layers.
  private let steps: [ProgramStep<Scalar>]
  /// The bottom layer's products of every token; nil unless `prepare` computed them.
  private var tokenProducts: ProgramStep<Scalar>.TokenProducts?

  /// The input of the bottom layer.
  private enum Input {
    /// A vector in `input`.
    case vector
    /// A one-hot column, or a row of the table whose products were computed before.
    case token(Int)
  }

  init(_ network: Network, _ context: NetworkContext) throws(RecurrentError) {
    self.network = network
    let workspace = InferenceWorkspace(network)
    let scratch = try context.scratch(bytes: workspace.count * MemoryLayout<Scalar>.size)
      .assumingMemoryBound(to: Scalar.self)
    input = scratch + workspace.input
    output = scratch + workspace.output
    scores = UnsafeMutableBufferPointer(start: scratch + workspace.scores, count: network.topSize)
    logProbabilities = UnsafeMutableBufferPointer(
      start: scratch + workspace.logProbabilities, count: network.topSize)
    try network.parameters.flat.evaluate()
    steps = try context.steps(of: network.layers, Scalar.self).all
    for step in steps { try step.prepare() }
  }

  /// Precomputes the bottom layer's product of every embedded token, if `reads` steps repay it and the products have at
  /// most 2²⁰ elements.
  mutating func prepare(reads: Int) throws(RecurrentError) {
    guard let Wil = network.Wil, Wil.n <= reads / 2 else { return }
    tokenProducts = try steps[0].products(ofTable: Wil, limit: 1 << 20)
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
    if let Wil = network.Wil, tokenProducts == nil {
      lookUp(token, Wil)
      advance(.vector, state)
    } else {
      advance(.token(token), state)
    }
  }

  private func lookUp(_ token: Int, _ Wil: Mat) {
    var row = Int32(token)
    gatherRows(
      Wil.operandRef.w(Scalar.self), rows: &row, to: MatrixView(input, rows: Wil.d, columns: 1, columnStride: Wil.d))
  }

  /// All layers, from the bottom layer's input to `output`.
  private func advance(_ bottom: Input, _ state: UnsafeMutablePointer<Scalar>) {
    var (x, width) = (input, network.embedding ?? network.inputSize)
    var h = state
    for (k, step) in steps.enumerated() {
      if k == 0, case .token(let token) = bottom {
        step.run(token: token, tokenProducts) { s in state + network.stateOffsets[s][0] }
      } else {
        step.input.update(from: x, count: width)
        step.run { s in state + network.stateOffsets[s][k] }
      }
      width = network.layers[k].outputs
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

/// The steps of all layers of a network, as one object.
final class ProgramSteps<Scalar: Real> {
  let all: [ProgramStep<Scalar>]

  init(_ layers: [Layer]) throws(RecurrentError) {
    var all: [ProgramStep<Scalar>] = []
    for layer in layers { all.append(try ProgramStep(layer.program, layer.parameters)) }
    self.all = all
  }
}
