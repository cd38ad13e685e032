// The recording of a step between two calls.

import Kernels

extension Program {
  /// A parameter of a step: a Mat that each run receives.
  public struct Parameter: Equatable, Sendable {
    /// The name in a network's parameters, before the number of the layer.
    public var name: String
    /// Rows and columns; a single column is the same for every sequence.
    public var n: Int, d: Int
    /// The value that a network gives it at first; nil for a random matrix.
    public var initial: Double?
    /// The names of equal blocks of its rows, from the top, that a network's parameters have instead; empty for none.
    public var parts: [String]

    /// Stores the name and the shape; `Settings` are validated as a whole.
    public init(_ name: String, _ n: Int, _ d: Int, initial: Double? = nil, parts: [String] = []) {
      (self.name, self.n, self.d, self.initial, self.parts) = (name, n, d, initial, parts)
    }
  }

  /// The sizes of a step.
  public struct Settings: Equatable, Sendable {
    /// Rows of x; 0 for a step without.
    public var inputs: Int
    /// Rows of each state, at least one; the first is the output.
    public var states: [Int]
    /// How many nodes the step reads the states of: 1 in a sequence, the arity of a tree in `Graph.forest`.
    public var children: Int
    /// The Mats that each run receives.
    public var parameters: [Parameter]
    /// The type of all Mats.
    public var dtype: DType

    /// Stores the sizes; the recorder validates them.
    public init(
      inputs: Int, states: [Int], children: Int = 1, parameters: [Parameter] = [], dtype: DType = .float32
    ) {
      (self.inputs, self.states, self.children, self.dtype) = (inputs, states, children, dtype)
      self.parameters = parameters
    }

    /// The most rows of a state, and of x, which may be one-hot tokens. A step is recorded on a few columns: its values are
    /// small, whatever it is used for.
    static let maxRows = 1 << 20, maxInputs = 1 << 24

    /// Rows of each state that the step reads: those of the first child, then those of the second.
    var statesOfChildren: [Int] { (0..<children).flatMap { _ in states } }

    /// - Throws: `.badShape` or `.badValue` naming the setting.
    func validate() throws(RecurrentError) {
      let limit = Settings.maxRows
      try require(
        inputs >= 0 && inputs <= Settings.maxInputs, .badShape,
        "inputs is out of range; expected 0 to \(Settings.maxInputs), got \(inputs)")
      try require(!states.isEmpty, .badShape, "states is empty; expected the rows of at least one state, got 0")
      try require(
        states.count <= 64, .badShape, "states is too long; expected at most 64 states, got \(states.count)")
      try require(
        children >= 1 && children <= 64 / states.count, .badShape,
        "children is out of range; expected 1 to \(64 / states.count) with \(states.count) states, got \(children)")
      for (k, rows) in states.enumerated() {
        try require(
          rows >= 1 && rows <= limit, .badShape, "states[\(k)] is out of range; expected 1 to \(limit), got \(rows)")
      }
      var seen: Set<String> = []
      for (i, parameter) in parameters.enumerated() {
        do throws(RecurrentError) { try Mat.check(parameter.n, parameter.d) } catch {
          throw RecurrentError(error.kind, "parameters[\(i)]: \(error.description)")
        }
        try require(
          !parameter.name.isEmpty && seen.insert(parameter.name).inserted, .badValue,
          "name of parameters[\(i)] is unusable; expected one that no other parameter has, got '\(parameter.name)'")
        try require(
          parameter.parts.isEmpty
            || (parameter.n % parameter.parts.count == 0 && Set(parameter.parts).count == parameter.parts.count),
          .badValue,
          "parts of parameters[\(i)] is unusable; expected different names of equal blocks of \(parameter.n) rows, "
            + "got \(parameter.parts.count) names")
        try require(
          parameter.initial?.isFinite ?? true, .badValue,
          "initial of parameters[\(i)] is not finite; expected a finite number, got \(parameter.initial ?? 0)")
      }
    }
  }
}

/// Records a step between its creation and `finish`, for callers without closures.
///
///     let recorder = try ProgramRecorder(Program.Settings(inputs: 3, states: [8], parameters: [.init("W", 8, 11)]))
///     let g = recorder.graph
///     let h = try g.tanh(g.mul(recorder.parameters[0], g.concatRows([x, recorder.states[0]])))
///     let program = try recorder.finish([h])
public final class ProgramRecorder {
  /// Records the operations; it computes nothing.
  public let graph: Graph
  /// Stands for x; nil for a step without.
  public let x: Mat?
  /// Stand for the states before the step: those of the first child, then those of the second.
  public let states: [Mat]
  /// Stand for the parameters.
  public let parameters: [Mat]
  /// The sizes.
  public let settings: Program.Settings

  /// - Throws: `.badShape`, `.badValue` naming the setting, `.noMemory`.
  public init(_ settings: Program.Settings) throws(RecurrentError) {
    try settings.validate()
    let graph = Graph()
    graph.recordedOperands = []
    graph.keepsValues = false
    func placeholder(_ n: Int, _ d: Int) throws(RecurrentError) -> Mat {
      try Placeholder.mat(n, d, settings.dtype, of: graph)
    }
    x = settings.inputs > 0 ? try placeholder(settings.inputs, Placeholder.columns) : nil
    var states: [Mat] = [], parameters: [Mat] = []
    for rows in settings.statesOfChildren { states.append(try placeholder(rows, Placeholder.columns)) }
    for parameter in settings.parameters { parameters.append(try placeholder(parameter.n, parameter.d)) }
    (self.settings, self.graph, self.states, self.parameters) = (settings, graph, states, parameters)
  }

  /// Plans the step.
  ///
  /// - Parameter next: the states after the step.
  /// - Throws: `.badShape` for states of another shape; `.badValue` for an operation that a step cannot use.
  public func finish(_ next: [Mat]) throws(RecurrentError) -> Program {
    let placeholders =
      (x.map { [Placeholder(source: .input, mat: $0)] } ?? [])
      + states.enumerated().map { Placeholder(source: .state($0), mat: $1) }
      + parameters.enumerated().map { Placeholder(source: .argument($0), mat: $1) }
    var reader = StepReader(
      graph, placeholders, inputs: settings.inputs, states: settings.states, children: settings.children)
    try reader.readNodes()
    try reader.readNext(next)
    try reader.readNames()
    return try Program(settings, reader.step)
  }
}
