// One tick without a graph: no recording, no allocation, weights read once. Streaming, and writing by sampling.

import Kernels

extension Model {
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
    case .float32: try Ticker<Float>(self).tick(token, x, state, y)
    case .float64: try Ticker<Double>(self).tick(token, x, state, y)
    }
  }

  /// Reads `prime`, then writes `count` tokens, each drawn from the scores and read in turn.
  ///
  /// - Parameters:
  ///   - prime: at least one token.
  ///   - temperature: scores are divided by it; above 0.
  ///   - state: `stateCount(columns: 1)` numbers, read and overwritten.
  ///   - random: draws the tokens; nil takes the likeliest each time.
  ///   - end: a token that ends the text and is not written, or nil.
  ///   - tokens: receives at most `count` tokens.
  /// - Returns: how many tokens were written.
  /// - Throws: `.badValue` for a model whose outputs are not its tokens, `.badIndex`, `.notFinite`.
  public func generate(
    prime: UnsafeBufferPointer<Int64>, count: Int, temperature: Double, state: UnsafeMutableRawPointer,
    _ random: Random?,
    until end: Int? = nil, to tokens: UnsafeMutablePointer<Int64>
  ) throws(RecurrentError) -> Int {
    try require(
      topSize == inputSize, .badValue,
      "only a model that scores the tokens it reads can write: it reads \(inputSize) tokens and puts out \(topSize) numbers"
    )
    try require(temperature, isPositive: "temperature")
    try require(!prime.isEmpty, .badShape, "prime is empty; expected at least one token")
    for (at, token) in prime.enumerated() {
      try require(token >= 0 && token < inputSize, .badIndex, "prime \(at) is \(token), outside 0..<\(inputSize)")
    }
    switch dtype {
    case .float32: return try Ticker<Float>(self).generate(prime, count, temperature, state, random, end, tokens)
    case .float64: return try Ticker<Double>(self).generate(prime, count, temperature, state, random, end, tokens)
    }
  }
}

/// The work of a tick over a model's own scratch.
private struct Ticker<T: Real> {
  let model: Model
  /// Pre-activations [4H], a layer's input and its output.
  let z: UnsafeMutablePointer<T>, input: UnsafeMutablePointer<T>, output: UnsafeMutablePointer<T>
  let scores: UnsafeMutablePointer<T>

  init(_ model: Model) throws(RecurrentError) {
    self.model = model
    let widest = max(model.hiddenSizes.max() ?? 1, model.embedding ?? model.inputSize)
    let scratch = try model.tickScratch(numbers: 6 * widest + model.topSize)
    z = scratch.assumingMemoryBound(to: T.self)
    input = z + 4 * widest
    output = input + widest
    scores = output + widest
    try model.parameters.flat.settle()
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

  func generate(
    _ prime: UnsafeBufferPointer<Int64>, _ count: Int, _ temperature: Double, _ state: UnsafeMutableRawPointer,
    _ random: Random?, _ end: Int?, _ tokens: UnsafeMutablePointer<Int64>
  ) throws(RecurrentError) -> Int {
    // copies, so that a text that ends in numbers that are not finite has changed nothing
    let start = state.assumingMemoryBound(to: T.self), before = random?.state
    var carried = Array(UnsafeBufferPointer(start: start, count: model.stateCount(columns: 1)))
    do throws(RecurrentError) {
      let written = try write(prime, count, temperature, &carried, random, end)
      start.update(from: carried, count: carried.count)
      for (i, token) in written.enumerated() { tokens[i] = Int64(token) }
      return written.count
    } catch {
      if let random, let before { random.state = before }
      throw error
    }
  }

  private func write(
    _ prime: UnsafeBufferPointer<Int64>, _ count: Int, _ temperature: Double, _ state: inout [T], _ random: Random?,
    _ end: Int?
  ) throws(RecurrentError) -> [Int] {
    var written: [Int] = []
    for token in prime.dropLast() {
      state.withUnsafeMutableBufferPointer { read(Int(token), $0.baseAddress.unsafelyUnwrapped) }
    }
    var token = Int(prime[prime.count - 1])
    while written.count < count {
      state.withUnsafeMutableBufferPointer { read(token, $0.baseAddress.unsafelyUnwrapped) }
      decode(to: scores)
      do {
        token = try choose(temperature, random)
      } catch {
        throw RecurrentError(.notFinite, "the model's scores are not finite; its weights have diverged")
      }
      if token == end { break }
      written.append(token)
    }
    return written
  }

  /// A token by the scores, which are overwritten.
  private func choose(_ temperature: Double, _ random: Random?) throws(RecurrentError) -> Int {
    let column = Columns(scores, n: model.topSize, d: 1, stride: model.topSize)
    let numbers = UnsafeBufferPointer(start: UnsafePointer(scores), count: model.topSize)
    guard let random else { return try argmax(numbers) }
    if temperature != 1 {
      // the largest becomes 0 first: however cold, it stays, and the others go to −∞
      let top = scores[try argmax(numbers)], divisor = max(T(temperature), T.leastNormalMagnitude)
      for i in 0..<model.topSize { scores[i] = (scores[i] - top) / divisor }
    }
    Kernels.softmax(column, to: column)
    return try sample(numbers, random)
  }

  /// All layers, from a token to `output`.
  private func read(_ token: Int, _ state: UnsafeMutablePointer<T>) {
    guard let Wil = model.Wil else { return advance(state, column: token) }
    var row = Int32(token)
    pluck(Wil.block.w(T.self), rows: &row, to: Columns(input, n: Wil.d, d: 1, stride: Wil.d))
    advance(state)
  }

  /// All layers, from `input` to `output`; with `column`, from a column with a single 1 there.
  private func advance(_ state: UnsafeMutablePointer<T>, column: Int? = nil) {
    var column = column
    func addInput(_ Wx: Columns<T>, _ x: UnsafePointer<T>, to z: UnsafeMutablePointer<T>) {
      guard let column else { return multiplyColumn(Wx, x, into: z) }
      accumulate(Wx.columns(column, 1), times: 1, into: Columns(z, n: Wx.n, d: 1, stride: Wx.n))
    }
    var (x, width) = (input, model.embedding ?? model.inputSize)
    var h = state, c = state + model.hiddenSizes.reduce(0, +)
    for (layer, H) in zip(model.layers, model.hiddenSizes) {
      let Wx = layer.Wx.block.w(T.self), Wh = layer.Wh.block.w(T.self), b = layer.b.block.w(T.self).p
      let old = Columns(h, n: H, d: 1, stride: H)
      let gates = Columns(z, n: H, d: 1, stride: 4 * H)
      switch model.cell {
      case .lstm:
        z.update(from: b, count: 4 * H)
        addInput(Wx, x, to: z)
        multiplyColumn(Wh, h, into: z)
        let cells = Columns(c, n: H, d: 1, stride: H)
        lstmGates(gates, gate: H, cells, newH: old, newC: cells)
        c += H
      case .rnn, .rnnTanh:
        z.update(from: b, count: H)
        addInput(Wx, x, to: z)
        multiplyColumn(Wh, h, into: z)
        apply(model.cell == .rnn ? .relu : .tanh, 0, gates, to: old)
      case .gru:
        z.update(from: b, count: 2 * H)
        (z + 2 * H).update(from: layer.resetBias?.block.w(T.self).p ?? b, count: H)
        (z + 3 * H).update(from: b + 2 * H, count: H)
        addInput(Wx.rows(0, 2 * H), x, to: z)
        addInput(Wx.rows(2 * H, H), x, to: z + 3 * H)
        multiplyColumn(Wh, h, into: z)
        gruGates(gates, gate: H, old, newH: old)
      case .gruBefore:
        z.update(from: b, count: 2 * H)
        (z + 3 * H).update(from: b + 2 * H, count: H)
        addInput(Wx.rows(0, 2 * H), x, to: z)
        addInput(Wx.rows(2 * H, H), x, to: z + 3 * H)
        multiplyColumn(Wh.rows(0, 2 * H), h, into: z)
        gruReset(gates, gate: H, old)
        multiplyColumn(Wh.rows(2 * H, H), z + 2 * H, into: z + 3 * H)
        gruUpdate(gates, gate: H, old, newH: old)
      }
      (x, width, column) = (h, H, nil)
      h += H
    }
    output.update(from: x, count: width)
  }

  private func decode(to y: UnsafeMutablePointer<T>) {
    guard let (Whd, bd) = model.decoder else {
      return y.update(from: output, count: model.topSize)
    }
    y.update(from: bd.block.w(T.self).p, count: model.topSize)
    multiplyColumn(Whd.block.w(T.self), output, into: y)
  }
}
