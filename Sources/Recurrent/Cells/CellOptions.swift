// Options of the classic cells: what a long short-term memory, a gated unit or a plain layer can have besides.

/// Options of an LSTM, a GRU or a plain recurrent layer. Every combination is a step with a name of its own.
public struct CellOptions: Equatable, Sendable {
  /// What layer normalization normalizes: Ba, Kiros and Hinton, arXiv:1607.06450.
  public enum Norm: String, Sendable, CaseIterable {
    /// The products of all gates together; the default of haste, DyNet and the paper.
    case joint
    /// The product of each gate by itself.
    case gate
  }

  /// Layer normalization of both products, and of an LSTM's cell before its output; nil for none.
  public var norm: Norm?
  /// Gates that see the cell: Gers and Schmidhuber, IJCNN 2000. LSTM only.
  public var peephole = false
  /// A forget gate that is 1 − the input gate: Greff et al., arXiv:1503.04069. LSTM only.
  public var coupled = false
  /// Rows of the output, a product of the cell's: Sak et al., arXiv:1402.1128. nil for the units. LSTM only.
  public var projection: Int?
  /// The fraction of units whose output, or whose cell, stays: Krueger et al., arXiv:1606.01305.
  public var zoneoutH = 0.0, zoneoutC = 0.0
  /// Dropout of x, and of h in products, with one mask for all time steps: Gal and Ghahramani, arXiv:1512.05287.
  public var inputDropout = 0.0, recurrentDropout = 0.0
  /// Dropout of the candidate at each time step: Semeniuta et al., arXiv:1603.05118.
  public var candidateDropout = 0.0
  /// Dropout of the recurrent weights, one mask for all sequences: Merity et al., arXiv:1708.02182.
  public var weightDropout = 0.0
  /// The fraction of the way to its new output that a plain recurrent layer moves, above 0 and at most 1.
  public var leak = 1.0

  /// No options.
  public init() {}

  /// ε of layer normalization.
  static let epsilon = 1e-5

  /// - Throws: `.badValue` or `.badShape` naming the option.
  func validate(_ cell: BuiltinCell) throws(RecurrentError) {
    let isLSTM = cell == .lstm
    for (isOn, name) in [
      (peephole, "peephole"), (coupled, "coupled"), (projection != nil, "projection"), (zoneoutC > 0, "zoneout_c"),
    ] where isOn && !isLSTM {
      throw RecurrentError(.badValue, "\(name) is unused by \(cell.name); expected an lstm, got \(cell.name)")
    }
    try require(
      norm == nil || cell != .gruResetBefore, .badValue,
      "norm is unused by gru_reset_before; expected a gru, whose products are whole before the reset, got "
        + "gru_reset_before")
    try require(
      candidateDropout == 0 || cell == .lstm || cell == .gru || cell == .gruResetBefore, .badValue,
      "candidate_dropout is unused by \(cell.name); expected a cell with gates, got \(cell.name)")
    try require(
      (1...1 << 20).contains(projection ?? 1), .badShape,
      "projection is out of range; expected 1 to \(1 << 20), got \(projection ?? 0)")
    try require(
      leak == 1 || cell == .rnnTanh || cell == .rnnRelu, .badValue,
      "leak is unused by \(cell.name); expected a plain recurrent layer, got \(cell.name)")
    try require(
      leak > 0 && leak <= 1, .badValue, "leak is out of range; expected above 0 and at most 1, got \(leak)")
    for (rate, name) in rates {
      try require(
        rate >= 0 && rate < 1, .badValue, "\(name) is out of range; expected at least 0 and below 1, got \(rate)")
    }
  }

  /// Reads {"norm": "none", "peephole": false, "coupled": false, "projection": null, "zoneout_h": 0, "zoneout_c": 0,
  /// "leak": 1, "input_dropout": 0, "recurrent_dropout": 0, "candidate_dropout": 0, "weight_dropout": 0}, where each key
  /// is optional.
  init(_ reader: inout SettingsReader) throws(RecurrentError) {
    let norms = ["none"] + Norm.allCases.map { $0.rawValue }
    norm = Norm(rawValue: norms[try reader.choice("norm", of: norms, default: 0)])
    peephole = try reader.flag("peephole", default: false)
    coupled = try reader.flag("coupled", default: false)
    projection = try reader.optionalInteger("projection")
    zoneoutH = try reader.number("zoneout_h", default: 0)
    zoneoutC = try reader.number("zoneout_c", default: 0)
    leak = try reader.number("leak", default: 1)
    inputDropout = try reader.number("input_dropout", default: 0)
    recurrentDropout = try reader.number("recurrent_dropout", default: 0)
    candidateDropout = try reader.number("candidate_dropout", default: 0)
    weightDropout = try reader.number("weight_dropout", default: 0)
  }

  private var rates: [(Double, String)] {
    [
      (zoneoutH, "zoneout_h"), (zoneoutC, "zoneout_c"), (inputDropout, "input_dropout"),
      (recurrentDropout, "recurrent_dropout"), (candidateDropout, "candidate_dropout"),
      (weightDropout, "weight_dropout"),
    ]
  }

  /// The name of a cell with the options.
  func name(_ cell: BuiltinCell) -> String {
    let parts: [(Bool, String)] = [
      (coupled, "coupled"), (peephole, "peephole"), (norm == .joint, "norm"), (norm == .gate, "norm_gate"),
      (projection != nil, "projection"), (zoneoutH > 0 || zoneoutC > 0, "zoneout"),
      (inputDropout > 0 || recurrentDropout > 0 || candidateDropout > 0, "dropout"),
      (weightDropout > 0, "weight_dropout"), (leak < 1, "leaky"),
    ]
    return ([cell.name] + parts.filter { $0.0 }.map { $0.1 }).joined(separator: "_")
  }
}

extension Cell {
  /// A classic cell with options.
  ///
  /// - Parameters:
  ///   - base: a built-in cell.
  ///   - options: with none of them the built-in cell itself.
  /// - Throws: `.badValue` or `.badShape` for an option out of range, or one that the cell does not have.
  public init(_ base: Cell, _ options: CellOptions) throws(RecurrentError) {
    guard let cell = base.builtin else {
      throw RecurrentError(.badValue, "base is no built-in cell; expected one with options, got \(base.name)")
    }
    try options.validate(cell)
    if options == CellOptions() {
      self = base
      return
    }
    self = Cell(named: options.name(cell), cell.states, cell.step(options))
  }

  /// Long short-term memory with peepholes.
  static let peepholeLSTM: Cell = {
    var options = CellOptions()
    options.peephole = true
    return Cell(named: options.name(.lstm), BuiltinCell.lstm.states, .lstm(options))
  }()

  /// Long short-term memory that forgets as much as it reads.
  static let coupledLSTM: Cell = {
    var options = CellOptions()
    options.coupled = true
    return Cell(named: options.name(.lstm), BuiltinCell.lstm.states, .lstm(options))
  }()
}

// MARK: What the steps share

extension CellOptions {
  /// The parameters of stacked gates: Wx, Wh and b, and the gains of layer normalization.
  func parameters(_ gates: [String], inputs I: Int, units H: Int, output P: Int) -> [Program.Parameter] {
    let G = gates.count
    func stack(_ name: String, _ d: Int, _ initial: Double?, _ parts: [String]) -> Program.Parameter {
      Program.Parameter(name, G * H, d, initial: initial, parts: parts)
    }
    var all = [
      stack("Wx", I, nil, gates.map { "W\($0)x" }), stack("Wh", P, nil, gates.map { "W\($0)h" }),
      stack("b", 1, 0, gates.map { $0 == "h" ? "bhh" : "b\($0)" }),
    ]
    if gates == ["h"] { all[0].parts = ["Wxh"] }
    if norm != nil {
      all += [
        stack("gx", 1, 1, gates == ["h"] ? ["gxh"] : gates.map { "g\($0)x" }),
        stack("gh", 1, 1, gates.map { "g\($0)h" }),
      ]
    }
    return all
  }

  /// W·v for all gates, with layer normalization times `gain` where there is one.
  func product(
    _ g: Graph, _ W: Mat, _ v: Mat, gates G: Int, gain: Mat?
  ) throws(RecurrentError) -> Mat {
    let u = try g.mul(W, v)
    guard let norm, let gain else { return u }
    if norm == .joint || G == 1 { return try g.eltmul(g.layerNorm(u, epsilon: CellOptions.epsilon), gain) }
    let H = u.n / G
    var blocks: [Mat] = []
    for k in 0..<G { blocks.append(try g.layerNorm(g.sliceRows(u, k * H, H), epsilon: CellOptions.epsilon)) }
    return try g.eltmul(g.concatRows(blocks), gain)
  }

  /// x as products read it.
  func input(_ g: Graph, _ x: Mat) throws(RecurrentError) -> Mat {
    try g.dropout(x, rate: inputDropout, per: .sequence)
  }

  /// h as products read it.
  func recurrent(_ g: Graph, _ h: Mat) throws(RecurrentError) -> Mat {
    try g.dropout(h, rate: recurrentDropout, per: .sequence)
  }

  /// The recurrent weights.
  func weights(_ g: Graph, _ Wh: Mat) throws(RecurrentError) -> Mat { try g.dropout(Wh, rate: weightDropout) }
}
