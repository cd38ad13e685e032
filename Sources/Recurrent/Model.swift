// Recurrent layers, one on the other, and a linear decoder: RecurrentJS's initRNN and initLSTM.

/// The kinds of recurrent layer.
public enum Cell: Int32, Sendable, CaseIterable, CustomStringConvertible {
  /// Plain, with ReLU.
  case rnn = 0
  /// Long short-term memory.
  case lstm = 1

  /// RecurrentJS's word for it.
  public var description: String { self == .rnn ? "rnn" : "lstm" }
}

/// A stack of recurrent layers, each of its own width, and a decoder `Whd·h + bd` on the top one.
///
/// Parameter names and their order are RecurrentJS's: for layer k of an LSTM `Wixk Wihk bik Wfxk … bck`, of an
/// RNN `Wxhk Whhk bhhk`, then `Whd bd`. Matrices start uniform on ±0.08, biases at 0.
public final class Model {
  /// What a sequence carries from tick to tick, a Mat for each layer.
  public struct State {
    /// Outputs, [H × B].
    public var h: [Mat]
    /// Cells of an LSTM, [H × B]; empty for an RNN.
    public var c: [Mat]

    /// From outputs and cells, lowest layer first.
    public init(h: [Mat], c: [Mat]) { (self.h, self.c) = (h, c) }
  }

  /// The kind of layer.
  public let cell: Cell
  /// Rows of the input.
  public let inputSize: Int
  /// Width of each layer, lowest first.
  public let hiddenSizes: [Int]
  /// Rows of the output.
  public let outputSize: Int
  /// The weights.
  public let parameters: Parameters
  /// The type of all numbers.
  public var dtype: DType { parameters.flat.dtype }

  private struct Layer {
    let Wx: Mat, Wh: Mat, b: Mat
  }
  private let layers: [Layer]
  private let Whd: Mat, bd: Mat

  /// - Parameters:
  ///   - cell: the kind of layer.
  ///   - inputSize: rows of the input, at least 1.
  ///   - hiddenSizes: the width of each layer, at least one of them.
  ///   - outputSize: rows of the output.
  ///   - dtype: the type of all numbers.
  ///   - random: draws the weights, matrix by matrix in creation order.
  public convenience init(
    _ cell: Cell, inputSize: Int, hiddenSizes: [Int], outputSize: Int, dtype: DType = .float32, random: Random
  ) throws(RecurrentError) {
    try self.init(cell, inputSize, hiddenSizes, outputSize, dtype, Layout())
    try parameters.initialize(Model.initialRange, random)
  }

  /// Weights start uniform on ± this.
  static let initialRange = 0.08

  /// All zeros, after what `layout` holds already.
  init(
    _ cell: Cell, _ inputSize: Int, _ hiddenSizes: [Int], _ outputSize: Int, _ dtype: DType, _ layout: Layout
  ) throws(RecurrentError) {
    try require(inputSize > 0, .badShape, "input size is \(inputSize); expected at least 1")
    try require(outputSize > 0, .badShape, "output size is \(outputSize); expected at least 1")
    try require(!hiddenSizes.isEmpty, .badShape, "hidden sizes are empty; expected at least one layer")
    for (k, size) in hiddenSizes.enumerated() {
      try require(size > 0, .badShape, "hidden size \(k) is \(size); expected at least 1")
    }
    (self.cell, self.inputSize, self.hiddenSizes, self.outputSize) = (cell, inputSize, hiddenSizes, outputSize)

    var layout = layout
    var places: [(Wx: Layout.Place, Wh: Layout.Place, b: Layout.Place)] = []
    for (k, size) in hiddenSizes.enumerated() {
      let below = k == 0 ? inputSize : hiddenSizes[k - 1]
      let names = cell.names(layer: k)
      places.append(
        (
          try layout.stack(names.map { $0.Wx }, n: size, d: below),
          try layout.stack(names.map { $0.Wh }, n: size, d: size),
          try layout.stack(names.map { $0.b }, n: size, d: 1)
        ))
      for gate in names { layout.create([gate.Wx, gate.Wh, gate.b], biases: [gate.b]) }
    }
    let decoder = try layout.stack(["Whd"], n: outputSize, d: hiddenSizes[hiddenSizes.count - 1])
    let bias = try layout.stack(["bd"], n: outputSize, d: 1)
    layout.create(["Whd", "bd"], biases: ["bd"])

    let parameters = try Parameters(layout, dtype)
    self.parameters = parameters
    layers = places.map {
      Layer(Wx: parameters.stack($0.Wx), Wh: parameters.stack($0.Wh), b: parameters.stack($0.b))
    }
    Whd = parameters.stack(decoder)
    bd = parameters.stack(bias)
  }

  /// The state before the first tick: zeros for `columns` sequences side by side.
  public func zeroState(_ graph: Graph, columns: Int = 1) throws(RecurrentError) -> State {
    var state = State(h: [], c: [])
    for size in hiddenSizes {
      state.h.append(try graph.zeros(size, columns, dtype))
      if cell == .lstm { state.c.append(try graph.zeros(size, columns, dtype)) }
    }
    return state
  }

  /// Advances every layer by one tick; `state` becomes what the next tick starts from.
  ///
  /// - Parameters:
  ///   - graph: records the tick.
  ///   - x: [inputSize × B].
  ///   - state: replaced, unless the call fails.
  /// - Returns: the top layer's output, [H × B].
  public func advance(_ graph: Graph, _ x: Mat, _ state: inout State) throws(RecurrentError) -> Mat {
    try check(x, state)
    var input = x
    for (k, layer) in layers.enumerated() {
      switch cell {
      case .rnn:
        state.h[k] = try graph.rnn(input, state.h[k], Wx: layer.Wx, Wh: layer.Wh, b: layer.b)
      case .lstm:
        (state.h[k], state.c[k]) = try graph.lstm(
          input, state.h[k], state.c[k], Wx: layer.Wx, Wh: layer.Wh, b: layer.b)
      }
      input = state.h[k]
    }
    return input
  }

  /// The decoder: Whd·h + bd, [outputSize × B].
  public func decode(_ graph: Graph, _ h: Mat) throws(RecurrentError) -> Mat {
    try graph.add(graph.mul(Whd, h), bd)
  }

  /// One tick and its decoding.
  ///
  /// - Parameters:
  ///   - graph: records the tick.
  ///   - x: [inputSize × B].
  ///   - state: what the tick before returned; nil opens a sequence with zeros.
  /// - Returns: the output [outputSize × B], scores and not probabilities, and the state for the next tick.
  public func forward(_ graph: Graph, _ x: Mat, _ state: State? = nil) throws(RecurrentError) -> (o: Mat, state: State) {
    var next = State(h: [], c: [])
    if let state { next = state } else { next = try zeroState(graph, columns: x.d) }
    let top = try advance(graph, x, &next)
    return (try decode(graph, top), next)
  }

  private func check(_ x: Mat, _ state: State) throws(RecurrentError) {
    try require(x.n == inputSize, .badShape, "x is \(x.shape); expected \(inputSize) rows, the model's input size")
    try require(x.dtype == dtype, .badType, "x is \(x.dtype), the model is \(dtype)")
    let cells = cell == .lstm ? hiddenSizes.count : 0
    try require(
      state.h.count == hiddenSizes.count && state.c.count == cells, .badShape,
      "the state has \(state.h.count) outputs and \(state.c.count) cells; expected \(hiddenSizes.count) and \(cells)")
    for (k, size) in hiddenSizes.enumerated() {
      try require(
        state.h[k].n == size && state.h[k].d == x.d, .badShape,
        "h of layer \(k) is \(state.h[k].shape); expected \(size) x \(x.d)")
      if cell == .lstm {
        try require(
          state.c[k].n == size && state.c[k].d == x.d, .badShape,
          "c of layer \(k) is \(state.c[k].shape); expected \(size) x \(x.d)")
      }
    }
  }
}

extension Cell {
  /// A layer's parameter names, gate by gate in RecurrentJS's order.
  func names(layer k: Int) -> [(Wx: String, Wh: String, b: String)] {
    switch self {
    case .rnn: [("Wxh\(k)", "Whh\(k)", "bhh\(k)")]
    case .lstm: LSTM.gates.map { ("W\($0)x\(k)", "W\($0)h\(k)", "b\($0)\(k)") }
    }
  }
}
