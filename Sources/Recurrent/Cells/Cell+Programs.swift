// The programs of a cell's layers, and their form in settings.

extension Cell {
  /// The cell with the programs of a network's layers; a built-in cell as it is.
  ///
  /// - Throws: what the step throws, after the number of its layer; `.badShape` or `.badValue` for programs that do not
  ///   fit the layers.
  func recorded(
    inputs: Int, hiddenSizes: [Int], directions: Int, dtype: DType
  ) throws(RecurrentError) -> Cell {
    switch kind {
    case .builtin: return self
    case .programs(let programs):
      try check(programs, inputs: inputs, layers: hiddenSizes.count, directions, dtype)
      return self
    case .step(let step):
      var programs: [Program] = [], rows = inputs
      for (k, units) in hiddenSizes.enumerated() {
        do throws(RecurrentError) {
          programs.append(try step.program(inputs: rows, units: units, dtype: dtype))
        } catch {
          throw RecurrentError(error.kind, "layer \(k) of \(name): \(error.description)")
        }
        rows = directions * programs[k].states[0]
      }
      try check(programs, inputs: inputs, layers: hiddenSizes.count, directions, dtype)
      return try Cell(name, states, .programs(programs))
    }
  }

  /// Requires programs that fit each other and the network.
  private func check(
    _ programs: [Program], inputs: Int, layers: Int, _ directions: Int, _ dtype: DType
  ) throws(RecurrentError) {
    try require(
      programs.count == layers, .badShape,
      "layers of \(name) has the wrong length; expected \(layers), got \(programs.count)")
    var rows = inputs
    for (k, program) in programs.enumerated() {
      let place = "layer \(k) of \(name)"
      try require(
        program.inputs == rows, .badShape,
        "\(place) has the wrong inputs; expected \(rows) rows, got \(program.inputs)")
      try require(
        program.children == 1, .badShape,
        "\(place) has the wrong number of children; expected 1 in a sequence, got \(program.children)")
      try require(
        program.states.count == states.count, .badShape,
        "\(place) has the wrong number of states; expected \(states.count), got \(program.states.count)")
      try require(
        program.dtype == dtype, .badType, "\(place) has the wrong dtype; expected \(dtype), got \(program.dtype)")
      try require(
        !program.step.trace.captures, .badValue,
        "\(place) reads a Mat from outside; expected parameters of its own, got a Mat that no file can hold")
      for value in program.plan.names {
        try require(
          !states.contains(value.name), .badValue,
          "name of the value is taken; expected another than those of the states, got '\(value.name)'")
      }
      for parameter in program.settings.parameters {
        for name in parameter.parts.isEmpty ? [parameter.name] : parameter.parts {
          try requireIdentifier(name, "parameter of \(place)", beforeNumber: true)
        }
        try require(parameter.initial ?? 0, "initial of a parameter", fits: dtype)
      }
      rows = directions * program.states[0]
    }
  }

  // MARK: JSON

  /// The name of a cell of the library, {"name": "lstm", "peephole": true} with the options of `CellOptions`, or
  /// {"name": ..., "states": ["h"], "layers": [a program, ...]}.
  init(_ json: JSON) throws(RecurrentError) {
    if case .string(let name) = json {
      self = try Cell(name: name)
      return
    }
    guard case .object(let members) = json else {
      throw RecurrentError(
        .badValue, "cell has the wrong type; expected a string or an object, got \(json.kind)")
    }
    var reader = try SettingsReader(json, owner: "cell")
    let name = try reader.string("name")
    if !members.contains(where: { $0.key == "states" || $0.key == "layers" }) {
      let options = try CellOptions(&reader)
      try reader.finish()
      self = try Cell(Cell(name: name), options)
      return
    }
    let states = try reader.strings("states"), texts = try reader.array("layers")
    try reader.finish()
    var programs: [Program] = []
    for (k, text) in texts.enumerated() {
      do throws(RecurrentError) {
        programs.append(try Program(text))
      } catch {
        throw RecurrentError(error.kind, "cell.layers[\(k)]: \(error.description)")
      }
    }
    try self.init(name, states, .programs(programs))
  }

  /// The form that `init(_:)` reads; a step that is not recorded yet has only its name.
  var json: JSON {
    guard case .programs(let programs) = kind else { return .string(name) }
    return .object([
      ("name", .string(name)), ("states", .array(JSON.List(states.map { .string($0) }))),
      ("layers", .array(JSON.List(programs.map { $0.members }))),
    ])
  }
}
