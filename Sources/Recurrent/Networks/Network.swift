// A stack of recurrent layers with an optional embedding and an optional decoder.

import Kernels

/// A stack of recurrent layers, each of its own width.
///
/// With an embedding, tokens select rows of a table `Wil`, and the lowest layer reads the rows. Without one, the input
/// is vectors, or tokens that stand for one-hot columns. A decoder computes `Whd·h + bd` from the top layer's output;
/// a tied decoder (Press and Wolf, arXiv:1608.05859) computes `Wil·h + bd` and has no `Whd`.
///
/// Parity: parameter names and their order are RecurrentJS's: `Wil`; for layer k of an LSTM `Wixk Wihk bik Wfxk … bck`,
/// of an RNN `Wxhk Whhk bhhk`, of a GRU `Wrxk … bnk` (and `bnhk`, the candidate's bias inside the reset); `Whd bd`.
/// Matrices are drawn as `Settings.initialization` says, uniform on ±0.08 by default; biases are 0, except an LSTM's
/// forget biases (`Settings.forgetBias`), 1 by default. A cell of the caller's own has the names of its parameters,
/// followed by the layer's number. `Network.Options` has further ones.
public final class Network {
  /// What a sequence carries from time step to time step.
  public struct State {
    /// For each state of the cell a Mat per layer, lowest first: [rows × B]. With two directions, both of each layer, the
    /// forward one first.
    public var mats: [[Mat]]

    /// From the Mats of each state, in the order of `Cell.states`.
    public init(_ mats: [[Mat]]) { self.mats = mats }

    /// From outputs and, for an LSTM, cells, lowest layer first.
    public init(h: [Mat], c: [Mat] = []) { mats = c.isEmpty ? [h] : [h, c] }

    /// The first state, the outputs.
    public var h: [Mat] {
      get { mats.first ?? [] }
      set { mats = [newValue] + mats.dropFirst() }
    }
    /// The second state, the cells of an LSTM; empty for cells without.
    public var c: [Mat] {
      get { mats.count > 1 ? mats[1] : [] }
      set { mats = [h, newValue] + mats.dropFirst(2) }
    }
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
  /// The options of the layers.
  public let options: Options
  /// The weights.
  public let parameters: Parameters
  /// The dropout of training steps, between the layers, with the generator of dropout and zoneout inside a cell; every
  /// other call is without. nil for none, inside a cell neither.
  public var dropout: Dropout?
  /// Text of the caller's by key, saved with the network.
  public var metadata: [String: String] = [:]
  /// Whether a cell draws random numbers in training.
  var isRandom: Bool { layers.contains { $0.isRandom } }
  /// The type of the elements.
  public var dtype: DType { parameters.flat.dtype }
  /// Rows of the network's output: the decoder's, or the top layer's without one.
  public var topSize: Int { outputSize ?? options.directions * layers[layers.count - 1].outputs }

  /// Lowest layer first, of each the forward direction first.
  let layers: [Layer]
  /// The suffixes of the layers' parameters and states.
  let suffixes: [String]
  let Wil: Mat?
  let decoder: (Whd: Mat, bd: Mat)?
  /// What calls compute in.
  let contexts = NetworkContexts()
  /// The last forward pass that `backward` can follow; see Network+Arrays.swift.
  var forwardRecord: ForwardRecord?
  /// The most rows of a Mat with a column for each time step.
  let widest: Int
  /// The first element of each state of each layer in the state of one sequence.
  let stateOffsets: [[Int]]

  /// Draws a new network.
  ///
  /// - Parameters:
  ///   - settings: sizes and options.
  ///   - random: draws the weights, matrix by matrix in creation order; then the dropout of training steps, if any.
  /// - Throws: `.badShape` or `.badValue` naming the setting; nothing was drawn.
  public convenience init(_ settings: Settings, random: Random) throws(RecurrentError) {
    try self.init(zeros: settings)
    try draw(settings, random)
    if settings.dropout > 0 || isRandom { dropout = try Dropout(rate: settings.dropout, random: random) }
  }

  /// A network of zeros, without dropout.
  init(zeros settings: Settings) throws(RecurrentError) {
    try settings.validate()
    let settings = try settings.recorded()
    let layout = try ParameterLayout(settings), parameters = try Parameters(layout.layout, settings.dtype)
    (cell, inputSize, embedding) = (settings.cell, settings.inputSize, settings.embedding)
    (hiddenSizes, outputSize, isTied) = (settings.hiddenSizes, settings.outputSize, settings.tied)
    (forgetBias, options, self.parameters) = (settings.forgetBias, settings.options, parameters)
    Wil = layout.embedding.map { parameters.stack($0) }
    layers = layout.layers.map { $0.layer(parameters) }
    suffixes = settings.suffixes
    decoder = layout.decoder.map { (parameters.stack($0.Whd), parameters.stack($0.bd)) }
    widest = max(
      settings.outputSize ?? 1, settings.inputSize, settings.hiddenSizes.max() ?? 1, settings.widths.max() ?? 1)
    var end = 0
    stateOffsets = cell.states.indices.map { [layers] s in
      layers.map { layer in
        defer { end += layer.states[s] }
        return end
      }
    }
  }

  /// The settings that a network of the same kind is created from. `initialization` is the default: the weights replace
  /// what they were drawn from.
  public var settings: Settings {
    Settings(
      cell, inputSize: inputSize, embedding: embedding, hiddenSizes: hiddenSizes, outputSize: outputSize, tied: isTied,
      dropout: dropout?.rate ?? 0, forgetBias: forgetBias, options: options, dtype: dtype)
  }

  /// The program of a layer: its step, of a built-in cell too. Both directions of a layer have the same.
  ///
  /// Its parameters stack those of the network that `Program.Parameter.parts` names.
  ///
  /// - Parameter index: 0 for the lowest layer.
  /// - Throws: `.badIndex` for a layer that the network does not have.
  public func program(layer index: Int) throws(RecurrentError) -> Program {
    try require(
      hiddenSizes.indices.contains(index), .badIndex,
      "index is out of range; expected 0 to \(hiddenSizes.count - 1), got \(index)")
    return layers[index * options.directions].program
  }

  /// Records one time step of every layer.
  ///
  /// - Parameters:
  ///   - graph: records the step.
  ///   - x: the lowest layer's input, [I × B]: vectors, or rows of the embedding.
  ///   - state: replaced by the next state, unless the call fails.
  /// - Returns: the top layer's output, [H × B].
  public func advance(_ graph: Graph, _ x: Mat, _ state: inout State) throws(RecurrentError) -> Mat {
    try requireStates("single time steps")
    try check(x, batchSize: x.d, state)
    var next = state
    let top = try graph.recording { () throws(RecurrentError) in
      var input = x
      for (k, layer) in layers.enumerated() {
        let y = try layer.scan(
          graph, input, tokens: nil, steps: 1, &next, k, lengths: nil, wantsInput: true, random: nil)
        input = options.residual && k > 0 ? try graph.add(input, y) : y
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
  ///   - state: the state after the previous step; nil for sequences that begin.
  /// - Returns: the output [outputSize × B], scores and not probabilities, and the next state.
  public func forward(_ graph: Graph, _ x: Mat, _ state: State? = nil) throws(RecurrentError) -> (o: Mat, state: State)
  {
    try checkRows(x)
    return try graph.recording { () throws(RecurrentError) in
      var next = State([])
      if let state { next = state } else { next = try initialState(graph, batchSize: x.d) }
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
    try require(
      state.mats.count == cell.states.count, .badShape,
      "state has the wrong length; expected \(cell.states.joined(separator: ", ")), got \(state.mats.count) states")
    for (s, name) in cell.states.enumerated() {
      let mats = state.mats[s]
      try require(
        mats.count == layers.count, .badShape,
        "\(name) has the wrong length; expected \(layers.count) layers, got \(mats.count)")
      for (k, mat) in mats.enumerated() {
        let rows = layers[k].states[s]
        try require(
          mat.n == rows && mat.d == batchSize, .badShape,
          "\(name) of layer \(suffixes[k]) has the wrong shape; expected \(rows) x \(batchSize), got \(mat.shape)")
      }
    }
  }
}
