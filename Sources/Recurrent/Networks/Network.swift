// A stack of recurrent layers with an optional embedding and an optional decoder.

/// A stack of recurrent layers, each of its own width.
///
/// With an embedding, tokens select rows of a table `Wil`, and the lowest layer reads the rows. Without one, the input
/// is vectors, or tokens that stand for one-hot columns. A decoder computes `Whd·h + bd` from the top layer's output;
/// a tied decoder (Press and Wolf, arXiv:1608.05859) computes `Wil·h + bd` and has no `Whd`.
///
/// Parity: parameter names and their order are RecurrentJS's: `Wil`; for layer k of an LSTM `Wixk Wihk bik Wfxk … bck`,
/// of an RNN `Wxhk Whhk bhhk`, of a GRU `Wrxk … bnk` (and `bnhk`, the candidate's bias inside the reset); `Whd bd`.
/// Matrices are drawn uniform on ±0.08, biases are 0, except an LSTM's forget biases (`Settings.forgetBias`).
public final class Network {
  /// What a sequence carries from time step to time step, a Mat per layer.
  public struct State {
    /// Outputs, [H × B].
    public var h: [Mat]
    /// Cells of an LSTM, [H × B]; empty for other cells.
    public var c: [Mat]

    /// From outputs and cells, lowest layer first.
    public init(h: [Mat], c: [Mat]) { (self.h, self.c) = (h, c) }
  }

  /// The kind of layer.
  public let cell: Cell
  /// Rows of the input; the number of tokens if the input is tokens.
  public let inputSize: Int
  /// Elements of each token's embedding; nil without an embedding.
  public let embedding: Int?
  /// The width of each layer, lowest first.
  public let hiddenSizes: [Int]
  /// Rows of the decoder's output; nil without a decoder.
  public let outputSize: Int?
  /// Whether the decoder's matrix is the embedding table.
  public let isTied: Bool
  /// The initial bias of an LSTM's forget gates.
  public let forgetBias: Double
  /// The weights.
  public let parameters: Parameters
  /// The dropout of training steps, between the layers; every other call is without dropout.
  public var dropout: Dropout?
  /// The type of the elements.
  public var dtype: DType { parameters.flat.dtype }
  /// Rows of the network's output: the decoder's, or the top layer's without one.
  public var topSize: Int { outputSize ?? hiddenSizes[hiddenSizes.count - 1] }

  let layers: [Weights]
  /// The products of each layer's time step.
  let plans: [ScanPlan]
  let Wil: Mat?
  let decoder: (Whd: Mat, bd: Mat)?
  /// The graph of the array interface and its last forward pass; see Network+Arrays.swift.
  let graph = Graph()
  var forwardRecord: ForwardRecord?
  /// The states of the last recording, whose arrays the next one reuses.
  var reusableStates = (start: State(h: [], c: []), end: State(h: [], c: []))
  /// The working memory of `InferenceStep`, allocated on first use.
  private var inferenceScratch: Storage?

  /// Draws a new network.
  ///
  /// - Parameters:
  ///   - settings: sizes and options.
  ///   - random: draws the weights, matrix by matrix in creation order; then the dropout of training steps, if any.
  /// - Throws: `.badShape` or `.badValue` naming the setting; nothing was drawn.
  public convenience init(_ settings: Settings, random: Random) throws(RecurrentError) {
    try self.init(zeros: settings)
    try parameters.initialize(Network.initialRange, random)
    if settings.forgetBias != 0 {
      for k in hiddenSizes.indices {
        if let name = cell.forgetBias(layer: k) { try parameters[name]?.fill(settings.forgetBias) }
      }
    }
    if settings.dropout > 0 { dropout = try Dropout(rate: settings.dropout, random: random) }
  }

  /// Weights are drawn uniform on ± this.
  static let initialRange = 0.08

  /// A network of zeros, without dropout.
  init(zeros settings: Settings) throws(RecurrentError) {
    try settings.validate()
    let layout = try ParameterLayout(settings), parameters = try Parameters(layout.layout, settings.dtype)
    (cell, inputSize, embedding) = (settings.cell, settings.inputSize, settings.embedding)
    (hiddenSizes, outputSize, isTied) = (settings.hiddenSizes, settings.outputSize, settings.tied)
    (forgetBias, self.parameters) = (settings.forgetBias, parameters)
    Wil = layout.embedding.map { parameters.stack($0) }
    layers = layout.layers.map {
      Weights(
        Wx: parameters.stack($0.Wx), Wh: parameters.stack($0.Wh), b: parameters.stack($0.b),
        resetBias: $0.resetBias.map { parameters.stack($0) })
    }
    plans = settings.hiddenSizes.map { ScanPlan(settings.cell, H: $0) }
    decoder = layout.decoder.map { (parameters.stack($0.Whd), parameters.stack($0.bd)) }
  }

  /// The settings that a network of the same kind is created from.
  public var settings: Settings {
    Settings(
      cell, inputSize: inputSize, embedding: embedding, hiddenSizes: hiddenSizes, outputSize: outputSize, tied: isTied,
      dropout: dropout?.rate ?? 0, forgetBias: forgetBias, dtype: dtype)
  }

  /// Returns working memory of `elements` elements, the same memory at every call.
  func scratch(elements: Int) throws(RecurrentError) -> UnsafeMutableRawPointer {
    if let inferenceScratch { return inferenceScratch.start }
    let storage = try Storage(bytes: elements * dtype.size)
    inferenceScratch = storage
    return storage.start
  }

  /// Returns the initial state of `batchSize` sequences: zeros.
  public func zeroState(_ graph: Graph, batchSize: Int = 1) throws(RecurrentError) -> State {
    var state = State(h: [], c: [])
    try zero(&state, graph, batchSize: batchSize)
    return state
  }

  /// Replaces the contents of `state` by zeros and reuses its arrays.
  func zero(_ state: inout State, _ graph: Graph, batchSize: Int) throws(RecurrentError) {
    state.h.removeAll(keepingCapacity: true)
    state.c.removeAll(keepingCapacity: true)
    for size in hiddenSizes {
      state.h.append(try graph.zeros(size, batchSize, dtype))
      if cell.hasCell { state.c.append(try graph.zeros(size, batchSize, dtype)) }
    }
  }

  /// Records one time step of every layer.
  ///
  /// - Parameters:
  ///   - graph: records the step.
  ///   - x: the lowest layer's input, [I × B]: vectors, or rows of the embedding.
  ///   - state: replaced by the next state, unless the call fails.
  /// - Returns: the top layer's output, [H × B].
  public func advance(_ graph: Graph, _ x: Mat, _ state: inout State) throws(RecurrentError) -> Mat {
    try check(x, batchSize: x.d, state)
    var next = state
    let top = try graph.recording { () throws(RecurrentError) in
      var input = x
      for (k, layer) in layers.enumerated() {
        switch cell {
        case .rnnRelu:
          next.h[k] = try graph.rnn(input, next.h[k], Wx: layer.Wx, Wh: layer.Wh, b: layer.b)
        case .lstm:
          (next.h[k], next.c[k]) = try graph.lstm(
            input, next.h[k], next.c[k], Wx: layer.Wx, Wh: layer.Wh, b: layer.b)
        default:
          next.h[k] = try graph.scan(cell, input, steps: 1, h: next.h[k], c: nil, layer).y
        }
        input = next.h[k]
      }
      return input
    }
    state = next
    return top
  }

  /// Records the decoder: Whd·h + bd, tied Wil·h + bd, [outputSize × B]; returns h without a decoder.
  public func decode(_ graph: Graph, _ h: Mat) throws(RecurrentError) -> Mat {
    guard let (Whd, bd) = decoder else { return h }
    return try graph.add(graph.mul(Whd, h), bd)
  }

  /// Records one time step and its decoder.
  ///
  /// - Parameters:
  ///   - graph: records the step.
  ///   - x: [inputSize × B], or rows of the embedding, [embedding × B].
  ///   - state: the state after the previous step; nil for zeros.
  /// - Returns: the output [outputSize × B], scores and not probabilities, and the next state.
  public func forward(_ graph: Graph, _ x: Mat, _ state: State? = nil) throws(RecurrentError) -> (o: Mat, state: State)
  {
    try checkRows(x)
    return try graph.recording { () throws(RecurrentError) in
      var next = State(h: [], c: [])
      if let state { next = state } else { next = try zeroState(graph, batchSize: x.d) }
      let top = try advance(graph, x, &next)
      return (o: try decode(graph, top), state: next)
    }
  }

  private func checkRows(_ x: Mat) throws(RecurrentError) {
    let rows = embedding ?? inputSize
    try require(x.n == rows, .badShape, "x has the wrong shape; expected \(rows) x B, got \(x.shape)")
  }

  /// Checks an input and a state of `batchSize` sequences.
  private func check(_ x: Mat, batchSize: Int, _ state: State) throws(RecurrentError) {
    try checkRows(x)
    try require(x.dtype == dtype, .badType, "x has the wrong type; expected \(dtype), got \(x.dtype)")
    let cells = cell.hasCell ? hiddenSizes.count : 0
    for (name, mats, count) in [("h", state.h, hiddenSizes.count), ("c", state.c, cells)] {
      try require(
        mats.count == count, .badShape, "\(name) has the wrong length; expected \(count) layers, got \(mats.count)")
      for (k, mat) in mats.enumerated() {
        try require(
          mat.n == hiddenSizes[k] && mat.d == batchSize, .badShape,
          "\(name) of layer \(k) has the wrong shape; expected \(hiddenSizes[k]) x \(batchSize), got \(mat.shape)")
      }
    }
  }
}
