// Recurrent layers, one on the other, between an embedding and a decoder that may both be left out.

/// A stack of recurrent layers, each of its own width.
///
/// Below it, tokens may be looked up in a table `Wil`; on top of it, a decoder may compute `Whd·h + bd`. Where the two
/// are tied (Press and Wolf, arXiv:1608.05859) it computes `Wil·h + bd`, and there is no `Whd`. Without a table the input
/// is numbers, or tokens that each stand for a column of zeros with a 1.
///
/// Parameter names and their order are RecurrentJS's: `Wil`, for layer k of an LSTM `Wixk Wihk bik Wfxk … bck`, of an
/// RNN `Wxhk Whhk bhhk`, of a GRU `Wrxk … bnk` (and `bnhk`, the candidate's bias inside the reset), then `Whd bd`.
/// Matrices start uniform on ±0.08, biases at 0.
public final class Network {
  /// What a sequence carries from tick to tick, a Mat for each layer.
  public struct State {
    /// Outputs, [H × B].
    public var h: [Mat]
    /// Cells of an LSTM, [H × B]; empty for the others.
    public var c: [Mat]

    /// From outputs and cells, lowest layer first.
    public init(h: [Mat], c: [Mat]) { (self.h, self.c) = (h, c) }
  }

  /// The kind of layer.
  public let cell: Cell
  /// Rows of the input; how many tokens there are where it is tokens.
  public let inputSize: Int
  /// Numbers per token, or nil where the input is numbers already.
  public let embedding: Int?
  /// Width of each layer, lowest first.
  public let hiddenSizes: [Int]
  /// Rows of the decoder's output, or nil where there is none.
  public let outputSize: Int?
  /// Whether the decoder's matrix is the embedding's table.
  public let isTied: Bool
  /// The weights.
  public let parameters: Parameters
  /// What training steps drop between the layers; nothing else ever drops.
  public var dropout: Dropout?
  /// The type of all numbers.
  public var dtype: DType { parameters.flat.dtype }
  /// Rows of what comes out on top.
  public var topSize: Int { outputSize ?? hiddenSizes[hiddenSizes.count - 1] }

  let layers: [Weights]
  let Wil: Mat?
  let decoder: (Whd: Mat, bd: Mat)?
  /// What the array interface records on, and what it recorded last; see Network+Arrays.swift.
  let graph = Graph()
  var recorded: Recorded?
  /// The states of the last recording: their arrays serve the next one.
  var spare = (start: State(h: [], c: []), end: State(h: [], c: []))
  /// What a tick without a graph works in; made on first need.
  private var ticking: Storage?

  /// - Parameters:
  ///   - cell: the kind of layer.
  ///   - inputSize: rows of the input, or the number of tokens, at least 1.
  ///   - embedding: numbers per token; nil for an input of numbers.
  ///   - hiddenSizes: the width of each layer, at least one of them.
  ///   - outputSize: rows of the decoder's output; nil for none.
  ///   - tied: let the embedding's table be the decoder's matrix: embedding is the top layer's width, outputSize is
  ///     inputSize.
  ///   - dtype: the type of all numbers.
  ///   - random: draws the weights, matrix by matrix in creation order.
  public convenience init(
    _ cell: Cell, inputSize: Int, embedding: Int? = nil, hiddenSizes: [Int], outputSize: Int?,
    tied: Bool = false, dtype: DType = .float32, random: Random
  ) throws(RecurrentError) {
    try self.init(zeros: cell, inputSize, embedding, hiddenSizes, outputSize, tied: tied, dtype)
    try parameters.initialize(Network.initialRange, random)
  }

  /// Weights start uniform on ± this.
  static let initialRange = 0.08

  /// All weights zero.
  init(
    zeros cell: Cell, _ inputSize: Int, _ embedding: Int?, _ hiddenSizes: [Int], _ outputSize: Int?,
    tied: Bool = false, _ dtype: DType
  ) throws(RecurrentError) {
    try require(inputSize > 0, .badShape, "input size is \(inputSize); expected at least 1")
    try require(embedding ?? 1 > 0, .badShape, "embedding is \(embedding ?? 0); expected at least 1")
    try require(outputSize ?? 1 > 0, .badShape, "output size is \(outputSize ?? 0); expected at least 1")
    try require(!hiddenSizes.isEmpty, .badShape, "hidden sizes are empty; expected at least one layer")
    for (k, size) in hiddenSizes.enumerated() {
      try require(size > 0, .badShape, "hidden size \(k) is \(size); expected at least 1")
    }
    let top = hiddenSizes[hiddenSizes.count - 1]
    try require(
      !tied || embedding == top, .badShape,
      "the embedding is \(embedding ?? 0) wide; a tied decoder reads the top layer, \(top) wide, with the same table")
    try require(
      !tied || outputSize == inputSize, .badShape,
      "output size is \(outputSize ?? 0); a tied decoder scores the \(inputSize) tokens of its table")
    (self.cell, self.inputSize, self.embedding) = (cell, inputSize, embedding)
    (self.hiddenSizes, self.outputSize, isTied) = (hiddenSizes, outputSize, tied)

    var layout = Layout()
    let table = try embedding.map { (size) throws(RecurrentError) in try layout.stack(["Wil"], n: inputSize, d: size) }
    if table != nil { layout.create(["Wil"]) }
    typealias Places = (Wx: Layout.Place, Wh: Layout.Place, b: Layout.Place, resetBias: Layout.Place?)
    var places: [Places] = []
    for (k, size) in hiddenSizes.enumerated() {
      let below = k == 0 ? embedding ?? inputSize : hiddenSizes[k - 1]
      let names = cell.names(layer: k)
      var place: Places = (
        try layout.stack(names.map { $0.Wx }, n: size, d: below),
        try layout.stack(names.map { $0.Wh }, n: size, d: size),
        try layout.stack(names.map { $0.b }, n: size, d: 1), nil
      )
      for gate in names { layout.create([gate.Wx, gate.Wh, gate.b], biases: [gate.b]) }
      if let name = cell.resetBias(layer: k) {
        place.resetBias = try layout.stack([name], n: size, d: 1)
        layout.create([name], biases: [name])
      }
      places.append(place)
    }
    var decoder: (Layout.Place, Layout.Place)?
    if let outputSize {
      let Whd = tied ? nil : try layout.stack(["Whd"], n: outputSize, d: top)
      if let place = Whd ?? table { decoder = (place, try layout.stack(["bd"], n: outputSize, d: 1)) }
      layout.create(tied ? ["bd"] : ["Whd", "bd"], biases: ["bd"])
    }

    let parameters = try Parameters(layout, dtype)
    self.parameters = parameters
    Wil = table.map { parameters.stack($0) }
    layers = places.map {
      Weights(
        Wx: parameters.stack($0.Wx), Wh: parameters.stack($0.Wh), b: parameters.stack($0.b),
        resetBias: $0.resetBias.map { parameters.stack($0) })
    }
    self.decoder = decoder.map { (parameters.stack($0), parameters.stack($1)) }
  }

  /// Room for `numbers` numbers of the model's type, the same at every call.
  func tickScratch(numbers: Int) throws(RecurrentError) -> UnsafeMutableRawPointer {
    if let ticking { return ticking.start }
    let storage = try Storage(bytes: numbers * dtype.size)
    ticking = storage
    return storage.start
  }

  /// The state before the first tick: zeros for `columns` sequences side by side.
  public func zeroState(_ graph: Graph, columns: Int = 1) throws(RecurrentError) -> State {
    var state = State(h: [], c: [])
    try zero(&state, graph, columns: columns)
    return state
  }

  /// Zeros in the place of what `state` holds.
  func zero(_ state: inout State, _ graph: Graph, columns: Int) throws(RecurrentError) {
    state.h.removeAll(keepingCapacity: true)
    state.c.removeAll(keepingCapacity: true)
    for size in hiddenSizes {
      state.h.append(try graph.zeros(size, columns, dtype))
      if cell.hasCell { state.c.append(try graph.zeros(size, columns, dtype)) }
    }
  }

  /// Advances every layer by one tick; `state` becomes what the next tick starts from.
  ///
  /// - Parameters:
  ///   - graph: records the tick.
  ///   - x: the lowest layer's input, [I × B]: numbers, or letter vectors already looked up.
  ///   - state: replaced, unless the call fails.
  /// - Returns: the top layer's output, [H × B].
  public func advance(_ graph: Graph, _ x: Mat, _ state: inout State) throws(RecurrentError) -> Mat {
    try check(x, columns: x.d, state)
    var next = state
    let top = try graph.recording { () throws(RecurrentError) in
      var input = x
      for (k, layer) in layers.enumerated() {
        switch cell {
        case .rnn:
          next.h[k] = try graph.rnn(input, next.h[k], Wx: layer.Wx, Wh: layer.Wh, b: layer.b)
        case .lstm:
          (next.h[k], next.c[k]) = try graph.lstm(
            input, next.h[k], next.c[k], Wx: layer.Wx, Wh: layer.Wh, b: layer.b)
        default:
          next.h[k] = try graph.sequence(cell, input, steps: 1, h: next.h[k], c: nil, layer).y
        }
        input = next.h[k]
      }
      return input
    }
    state = next
    return top
  }

  /// The decoder: Whd·h + bd (tied: Wil·h + bd), [outputSize × B]; h itself where there is none.
  public func decode(_ graph: Graph, _ h: Mat) throws(RecurrentError) -> Mat {
    guard let (Whd, bd) = decoder else { return h }
    return try graph.add(graph.mul(Whd, h), bd)
  }

  /// One tick and its decoding.
  ///
  /// - Parameters:
  ///   - graph: records the tick.
  ///   - x: [inputSize × B], or letter vectors [embedding × B].
  ///   - state: what the tick before returned; nil opens a sequence with zeros.
  /// - Returns: the output [outputSize × B], scores and not probabilities, and the state for the next tick.
  public func forward(_ graph: Graph, _ x: Mat, _ state: State? = nil) throws(RecurrentError) -> (o: Mat, state: State)
  {
    let rows = embedding ?? inputSize
    try require(x.n == rows, .badShape, "x is \(x.shape); expected \(rows) rows, the model's input size")
    return try graph.recording { () throws(RecurrentError) in
      var next = State(h: [], c: [])
      if let state { next = state } else { next = try zeroState(graph, columns: x.d) }
      let top = try advance(graph, x, &next)
      return (o: try decode(graph, top), state: next)
    }
  }

  /// Checks an input and a state of `columns` sequences side by side.
  func check(_ x: Mat, columns: Int, _ state: State) throws(RecurrentError) {
    let rows = embedding ?? inputSize
    try require(x.n == rows, .badShape, "x is \(x.shape); expected \(rows) rows, the model's input size")
    try require(x.dtype == dtype, .badType, "x is \(x.dtype), the model is \(dtype)")
    let cells = cell.hasCell ? hiddenSizes.count : 0
    try require(
      state.h.count == hiddenSizes.count && state.c.count == cells, .badShape,
      "the state has \(state.h.count) outputs and \(state.c.count) cells; expected \(hiddenSizes.count) and \(cells)")
    for (name, mats) in [("h", state.h), ("c", state.c)] {
      for (k, mat) in mats.enumerated() {
        try require(
          mat.n == hiddenSizes[k] && mat.d == columns, .badShape,
          "\(name) of layer \(k) is \(mat.shape); expected \(hiddenSizes[k]) x \(columns)")
      }
    }
  }
}
