// One tick without a graph: no recording, no allocation, weights read once.

import Kernels

extension Network {
  /// One tick of one sequence.
  ///
  /// - Parameters:
  ///   - token: what comes in, for a model with an embedding; for one without where x is nil, one-hot.
  ///   - x: what comes in otherwise, inputSize numbers.
  ///   - state: `stateCount(columns: 1)` numbers, read and overwritten; zeros open a sequence.
  ///   - y: receives topSize numbers; nil to skip the decoder.
  /// - Throws: `.badIndex` for a token out of range, `.nullArgument` where what comes in is missing.
  public func tick(
    token: Int?, x: UnsafeRawPointer?, state: UnsafeMutableRawPointer, y: UnsafeMutableRawPointer?
  ) throws(RecurrentError) {
    switch dtype {
    case .float32: try InferenceStep<Float>(self).tick(token, x, state, y)
    case .float64: try InferenceStep<Double>(self).tick(token, x, state, y)
    }
  }
}

/// The work of a tick over a model's own scratch.
struct InferenceStep<T: Real> {
  let model: Network
  /// Pre-activations [4H], a layer's input and its output.
  private let z: UnsafeMutablePointer<T>, input: UnsafeMutablePointer<T>, output: UnsafeMutablePointer<T>
  /// Room for the decoder's output, and for as much again.
  let scores: UnsafeMutableBufferPointer<T>, spare: UnsafeMutableBufferPointer<T>
  /// The bottom layer's z for each token before the output's product, [blocks·H × V]; empty unless `prepare` filled it.
  private var products: [T] = []

  init(_ model: Network) throws(RecurrentError) {
    self.model = model
    let widest = max(model.hiddenSizes.max() ?? 1, model.embedding ?? model.inputSize)
    let scratch = try model.tickScratch(numbers: 6 * widest + 2 * model.topSize)
    z = scratch.assumingMemoryBound(to: T.self)
    input = z + 4 * widest
    output = input + widest
    scores = UnsafeMutableBufferPointer(start: output + widest, count: model.topSize)
    spare = UnsafeMutableBufferPointer(start: output + widest + model.topSize, count: model.topSize)
    try model.parameters.flat.settle()
  }

  /// Before many reads of tokens: looks each of them up and multiplies it once, where the results are few.
  mutating func prepare(reads: Int) {
    guard let Wil = model.Wil, let H = model.hiddenSizes.first else { return }
    let width = model.cell.blocks * H
    guard Wil.n <= reads / 2, Wil.n <= (1 << 20) / width else { return }
    products.reserveCapacity(Wil.n * width)
    for token in 0..<Wil.n {
      lookUp(token, Wil)
      begin(model.layers[0], H, input)
      products += UnsafeBufferPointer(start: z, count: width)
    }
  }

  func tick(
    _ token: Int?, _ x: UnsafeRawPointer?, _ state: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer?
  ) throws(RecurrentError) {
    if let x, model.embedding == nil {
      input.update(from: x.assumingMemoryBound(to: T.self), count: model.inputSize)
      advance(state.assumingMemoryBound(to: T.self))
    } else {
      guard let token else {
        throw RecurrentError(.nullArgument, "there is no token\(model.embedding == nil ? ", and x is NULL" : "")")
      }
      try require(
        token >= 0 && token < model.inputSize, .badIndex, "the token is \(token), outside 0..<\(model.inputSize)")
      read(token, state.assumingMemoryBound(to: T.self))
    }
    if let y { decode(to: y.assumingMemoryBound(to: T.self)) }
  }

  /// All layers, from a token to `output`.
  func read(_ token: Int, _ state: UnsafeMutablePointer<T>) {
    guard let Wil = model.Wil else { return advance(state, column: token) }
    if products.isEmpty {
      lookUp(token, Wil)
      advance(state)
    } else {
      let width = products.count / Wil.n
      products.withUnsafeBufferPointer { advance(state, begun: $0.baseAddress.unsafelyUnwrapped + token * width) }
    }
  }

  private func lookUp(_ token: Int, _ Wil: Mat) {
    var row = Int32(token)
    gatherRows(Wil.block.w(T.self), rows: &row, to: MatrixView(input, rows: Wil.d, columns: 1, columnStride: Wil.d))
  }

  /// z = Wx·x + b, as a layer's gates need it; with `column`, of a column with a single 1 there.
  private func begin(_ layer: Weights, _ H: Int, _ x: UnsafePointer<T>, column: Int? = nil) {
    let Wx = layer.Wx.block.w(T.self), b = layer.b.block.w(T.self).p
    func addInput(_ Wx: MatrixView<T>, to z: UnsafeMutablePointer<T>) {
      guard let column else { return gemv(Wx, x, into: z) }
      accumulate(Wx.columns(column, 1), times: 1, into: MatrixView(z, rows: Wx.n, columns: 1, columnStride: Wx.n))
    }
    switch model.cell {
    case .lstm, .rnn, .rnnTanh:
      z.update(from: b, count: Wx.n)
      addInput(Wx, to: z)
    case .gru, .gruBefore:
      z.update(from: b, count: 2 * H)
      (z + 2 * H).update(from: layer.resetBias?.block.w(T.self).p ?? b, count: H)
      (z + 3 * H).update(from: b + 2 * H, count: H)
      addInput(Wx.rows(0, 2 * H), to: z)
      addInput(Wx.rows(2 * H, H), to: z + 3 * H)
    }
  }

  /// All layers, from `input` to `output`; with `column`, from a column with a single 1 there; with `begun`, from the
  /// bottom layer's z.
  private func advance(
    _ state: UnsafeMutablePointer<T>, column: Int? = nil, begun: UnsafePointer<T>? = nil
  ) {
    var (column, begun) = (column, begun)
    var (x, width) = (input, model.embedding ?? model.inputSize)
    var h = state, c = state + model.hiddenSizes.reduce(0, +)
    for (layer, H) in zip(model.layers, model.hiddenSizes) {
      let Wh = layer.Wh.block.w(T.self)
      let old = MatrixView(h, rows: H, columns: 1, columnStride: H)
      let gates = MatrixView(z, rows: H, columns: 1, columnStride: 4 * H)
      if let begun { z.update(from: begun, count: model.cell.blocks * H) } else { begin(layer, H, x, column: column) }
      switch model.cell {
      case .lstm:
        gemv(Wh, h, into: z)
        let cells = MatrixView(c, rows: H, columns: 1, columnStride: H)
        lstmGates(gates, gate: H, cells, newH: old, newC: cells)
        c += H
      case .rnn, .rnnTanh:
        gemv(Wh, h, into: z)
        apply(model.cell == .rnn ? .relu : .tanh, 0, gates, to: old)
      case .gru:
        gemv(Wh, h, into: z)
        gruGates(gates, gate: H, old, newH: old)
      case .gruBefore:
        gemv(Wh.rows(0, 2 * H), h, into: z)
        gruReset(gates, gate: H, old)
        gemv(Wh.rows(2 * H, H), z + 2 * H, into: z + 3 * H)
        gruUpdate(gates, gate: H, old, newH: old)
      }
      (x, width, column, begun) = (h, H, nil, nil)
      h += H
    }
    output.update(from: x, count: width)
  }

  /// From `output` to `scores`.
  func decode() { decode(to: scores.baseAddress.unsafelyUnwrapped) }

  /// From `scores` to their logarithms of probabilities in `spare`.
  func logSoftmax() {
    let n = model.topSize
    Kernels.logSoftmax(
      MatrixView(scores.baseAddress.unsafelyUnwrapped, rows: n, columns: 1, columnStride: n),
      to: MatrixView(spare.baseAddress.unsafelyUnwrapped, rows: n, columns: 1, columnStride: n))
  }

  private func decode(to y: UnsafeMutablePointer<T>) {
    guard let (Whd, bd) = model.decoder else {
      return y.update(from: output, count: model.topSize)
    }
    y.update(from: bd.block.w(T.self).p, count: model.topSize)
    gemv(Whd.block.w(T.self), output, into: y)
  }
}
