// The recurrent cells of a network: built-in ones, and steps of the caller's own.

/// The kind of a network's layers: what they compute at a time step, and with which parameters.
///
/// A cell of the caller's own is a step, written with the operations of a graph. It is recorded once for each layer, and
/// works wherever the built-in cells do, at their speed:
///
///     let leaky = try Cell("leaky", states: ["h"]) { (I, H) throws(RecurrentError) in
///       Cell.Sizes(states: [H], parameters: [.init("W", H, I + H), .init("b", H, 1, initial: 0)])
///     } step: { (g, x, states, p) throws(RecurrentError) in
///       let h = states[0], n = try g.tanh(g.add(g.mul(p[0], g.concatRows([x, h])), p[1]))
///       return [try g.add(h, g.scale(g.sub(n, h), by: 0.1))]
///     }
///     let network = try Network(Network.Settings(leaky, inputSize: 3, hiddenSizes: [20]), random: Random(seed: 1))
public struct Cell: Sendable {
  /// h′ = tanh(Wx·x + Wh·h + b).
  public static let rnnTanh = Cell(.rnnTanh)
  /// h′ = relu(Wx·x + Wh·h + b), RecurrentJS's.
  public static let rnnRelu = Cell(.rnnRelu)
  /// Long short-term memory.
  public static let lstm = Cell(.lstm)
  /// Gated recurrent unit that resets after the recurrent product, as PyTorch and cuDNN.
  public static let gru = Cell(.gru)
  /// Gated recurrent unit that resets before the recurrent product, as Cho et al., arXiv:1406.1078.
  public static let gruResetBefore = Cell(.gruResetBefore)
  /// The built-in cells.
  public static let builtin = BuiltinCell.allCases.map { Cell($0) }
  /// The cells that are steps of this library.
  public static let steps = [minGRU, minLSTM, indRNN, peepholeLSTM, coupledLSTM, sru, mgu, liGRU]

  /// The sizes of a step in a layer.
  public struct Sizes: Sendable {
    /// Rows of each state, in the order of their names; the first is the layer's output.
    public var states: [Int]
    /// The layer's parameters.
    public var parameters: [Program.Parameter]

    /// Stores the sizes.
    public init(states: [Int], parameters: [Program.Parameter]) {
      (self.states, self.parameters) = (states, parameters)
    }
  }

  /// A step that is recorded for each layer.
  final class Step: Sendable {
    let sizes: @Sendable (_ inputs: Int, _ units: Int) throws(RecurrentError) -> Sizes
    let record: @Sendable (_ g: Graph, _ x: Mat, _ states: [Mat], _ p: [Mat]) throws(RecurrentError) -> [Mat]
    /// The bias of what forgets, and its sign; nil for cells without.
    let forgetBias: (name: String, sign: Double)?

    init(
      forgetBias: (name: String, sign: Double)? = nil,
      sizes: @escaping @Sendable (_ inputs: Int, _ units: Int) throws(RecurrentError) -> Sizes,
      record: @escaping @Sendable (_ g: Graph, _ x: Mat, _ states: [Mat], _ p: [Mat]) throws(RecurrentError) -> [Mat]
    ) { (self.sizes, self.record, self.forgetBias) = (sizes, record, forgetBias) }

    func program(inputs: Int, units: Int, dtype: DType) throws(RecurrentError) -> Program {
      // before products of them, which could overflow
      for (size, limit, name) in [
        (inputs, Program.Settings.maxInputs, "inputs"), (units, Program.Settings.maxRows, "units"),
      ] {
        try require(
          size >= 1 && size <= limit, .badShape, "\(name) is out of range; expected 1 to \(limit), got \(size)")
      }
      let sizes = try sizes(inputs, units)
      let recorder = try ProgramRecorder(
        Program.Settings(inputs: inputs, states: sizes.states, parameters: sizes.parameters, dtype: dtype))
      guard let x = recorder.x else {
        throw RecurrentError(.badShape, "inputs is out of range; expected at least 1, got \(inputs)")
      }
      return try recorder.finish(record(recorder.graph, x, recorder.states, recorder.parameters))
    }
  }

  enum Kind: Sendable {
    // first: the references of later cases have a tag, which hides the objects of static cells from LeakSanitizer
    case step(Step)
    case builtin(BuiltinCell)
    /// The programs of a network's layers, lowest layer first.
    case programs([Program])
  }

  /// The name in settings, files and every interface.
  public let name: String
  /// The names of the states that a sequence carries from time step to time step; the first is the output.
  public let states: [String]
  let kind: Kind

  init(_ cell: BuiltinCell) {
    (name, states, kind) = (cell.name, cell.states, .builtin(cell))
  }

  /// A cell of the caller's own.
  ///
  /// - Parameters:
  ///   - name: letters, digits and underscores.
  ///   - states: the names of the states, at least one; the first is the output.
  ///   - sizes: rows of the states and shapes of the parameters of a layer, from the rows of its input and its units.
  ///   - step: records a time step; see `Program`. Receives x, the states before the step and the parameters; returns
  ///     the states after it.
  /// - Throws: `.badValue` for names that are unusable.
  public init(
    _ name: String, states: [String],
    sizes: @escaping @Sendable (_ inputs: Int, _ units: Int) throws(RecurrentError) -> Sizes,
    step: @escaping @Sendable (_ g: Graph, _ x: Mat, _ states: [Mat], _ p: [Mat]) throws(RecurrentError) -> [Mat]
  ) throws(RecurrentError) {
    try self.init(name, states, .step(Step(sizes: sizes, record: step)))
  }

  /// A step of this library.
  init(
    named name: String, states: [String], forgetBias: (name: String, sign: Double)? = nil,
    sizes: @escaping @Sendable (_ inputs: Int, _ units: Int) throws(RecurrentError) -> Sizes,
    step: @escaping @Sendable (_ g: Graph, _ x: Mat, _ states: [Mat], _ p: [Mat]) throws(RecurrentError) -> [Mat]
  ) {
    self.init(named: name, states, Step(forgetBias: forgetBias, sizes: sizes, record: step))
  }

  /// A step of this library.
  init(named name: String, _ states: [String], _ step: Step) {
    (self.name, self.states, kind) = (name, states, .step(step))
  }

  init(_ name: String, _ states: [String], _ kind: Kind) throws(RecurrentError) {
    try requireIdentifier(name, "name of the cell")
    try require(
      !BuiltinCell.allCases.contains { $0.name == name }, .badValue,
      "name of the cell is taken; expected another than those of the built-in cells, got '\(name)'")
    try require(!states.isEmpty, .badValue, "states is empty; expected the name of at least one state, got none")
    for (s, state) in states.enumerated() {
      try requireIdentifier(state, "states[\(s)]", beforeNumber: true)
      try require(
        !states[..<s].contains(state), .badValue, "states[\(s)] is used twice; expected another name, got '\(state)'")
    }
    (self.name, self.states, self.kind) = (name, states, kind)
  }

  /// A cell of the library from its name.
  ///
  /// - Throws: `.badValue` with the list of names.
  public init(name: String) throws(RecurrentError) {
    let known = Cell.builtin + Cell.steps
    guard let cell = known.first(where: { $0.name == name }) else {
      let names = known.map { $0.name }.joined(separator: ", ")
      throw RecurrentError(.badValue, "cell is unknown; expected one of \(names), got '\(name)'")
    }
    self = cell
  }

  /// The biases that decide how long a unit remembers, with the signs of the logarithm of that time in them.
  var memoryBiases: [(name: String, sign: Double)] {
    // a cell with options begins with the name of the cell
    if name.hasPrefix("lstm_coupled") { return [("bi", -1)] }
    if name.hasPrefix("lstm") || name == "min_lstm" { return [("bf", 1), ("bi", -1)] }
    if name.hasPrefix("gru") { return [("bz", 1)] }
    return name == "min_gru" ? [("bz", -1)] : []
  }

  /// The bias of what forgets, before the layer's number, and its sign; nil for cells without, and for recorded ones.
  var forgetBias: (name: String, sign: Double)? {
    switch kind {
    case .builtin(let cell): cell.step().forgetBias
    case .step(let step): step.forgetBias
    case .programs: nil
    }
  }

  /// The built-in cell; nil for a step.
  var builtin: BuiltinCell? { if case .builtin(let cell) = kind { cell } else { nil } }
}

extension Cell: Equatable {
  /// Whether both are the same built-in cell, the same step, or have the same name and equal programs.
  public static func == (a: Cell, b: Cell) -> Bool {
    guard a.name == b.name && a.states == b.states else { return false }
    switch (a.kind, b.kind) {
    case (.builtin(let a), .builtin(let b)): return a == b
    case (.step(let a), .step(let b)): return a === b
    case (.programs(let a), .programs(let b)):
      return a.elementsEqual(b) { $0 === $1 || $0.members.text == $1.members.text }
    default: return false
    }
  }
}
