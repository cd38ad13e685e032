// Programs as JSON, the form in files and between languages.

import Kernels

extension Program.Settings {
  /// Reads {"inputs": 5, "states": [20, 20], "children": 1, "parameters": [{"name": "W", "n": 80, "d": 25,
  /// "initial": null}], "dtype": "float32"}; absent are one child, no parameters, float32 and a random matrix.
  ///
  /// - Throws: `.badValue` naming the setting.
  public init(json: String) throws(RecurrentError) {
    var reader = try SettingsReader(json, owner: "step")
    try self.init(&reader)
    try reader.finish()
  }

  init(_ reader: inout SettingsReader) throws(RecurrentError) {
    inputs = try reader.integer("inputs")
    states = try reader.integers("states")
    children = try reader.integer("children", default: 1)
    dtype = DType.allCases[try reader.choice("dtype", of: DType.allCases.map { $0.description }, default: 0)]
    parameters = []
    for (i, json) in try reader.array("parameters").enumerated() {
      var parameter = try SettingsReader(json, owner: "parameters[\(i)]")
      let name = try parameter.string("name"), n = try parameter.integer("n"), d = try parameter.integer("d")
      let initial = try parameter.optionalNumber("initial"), parts = try parameter.strings("parts")
      try parameter.finish()
      parameters.append(Program.Parameter(name, n, d, initial: initial, parts: parts))
    }
  }

  var members: [(key: String, value: JSON)] {
    func size(_ i: Int) -> JSON { .number(Double(i)) }
    return [
      ("inputs", size(inputs)), ("states", .array(JSON.List(states.map(size)))), ("children", size(children)),
      (
        "parameters",
        .array(
          JSON.List(
            parameters.map {
              .object([
                ("name", .string($0.name)), ("n", size($0.n)), ("d", size($0.d)),
                ("initial", $0.initial.map { .number($0) } ?? .null),
                ("parts", .array(JSON.List($0.parts.map { .string($0) }))),
              ])
            }))
      ),
      ("dtype", .string(dtype.description)),
    ]
  }
}

extension Program {
  /// The step with its sizes as a JSON object, in the form that `init(json:)` reads.
  ///
  /// - Throws: `.badValue` for a step that captured Mats, which no file can hold.
  public func json() throws(RecurrentError) -> String {
    try require(
      !step.trace.captures, .badValue,
      "step reads a Mat from outside; expected parameters of its own, got a Mat that no file can hold")
    return members.text
  }

  /// The members of the object, of a step that captured nothing.
  var members: JSON {
    var members = settings.members + [("operations", step.trace.operationsJSON), ("next", step.trace.nextJSON)]
    if !step.names.isEmpty { members.append(("names", step.trace.namesJSON)) }
    return .object(JSON.List(members))
  }

  /// Records and plans the step that `json()` describes. Every operation is checked as if a caller had recorded it.
  ///
  /// - Throws: `.badValue`, `.badShape`, `.badIndex` with the place in the text.
  public convenience init(json: String) throws(RecurrentError) {
    do throws(RecurrentError) {
      try self.init(SettingsReader.parse(json))
    } catch {
      throw RecurrentError(error.kind, "text: \(error.description)")
    }
  }

  convenience init(_ json: JSON) throws(RecurrentError) {
    var reader = try SettingsReader(json, owner: "step")
    let settings = try Settings(&reader)
    let operations = try reader.array("operations"), next = try reader.array("next")
    let names = try reader.object("names")
    try reader.finish()
    try require(
      operations.count <= StepValues.limit, .badValue,
      "operations is too long; expected at most \(StepValues.limit), got \(operations.count)")
    let recorder = try ProgramRecorder(settings)
    var replay = Replay(recorder: recorder)
    for (i, operation) in operations.enumerated() { try replay.record(operation, "operations[\(i)]") }
    var after: [Mat] = []
    for (k, operand) in next.enumerated() { after.append(try replay.operand(operand, "next[\(k)]")) }
    for (name, operand) in names { try recorder.graph.name(replay.operand(operand, "names.\(name)"), name) }
    let program = try recorder.finish(after)
    try self.init(settings, program.step)
  }
}

/// Records operations that a JSON document lists.
private struct Replay {
  let recorder: ProgramRecorder
  private var results: [Mat] = []

  init(recorder: ProgramRecorder) { self.recorder = recorder }

  mutating func record(_ json: JSON, _ place: String) throws(RecurrentError) {
    guard case .array(let items) = json, case .string(let name)? = items.first else {
      throw RecurrentError(.badValue, "\(place) has the wrong form; expected [name, operands], got \(json.kind)")
    }
    var operands = Array(items.dropFirst()), number: Double?
    if case .number(let value)? = operands.first {
      number = value
      operands.removeFirst()
    }
    var mats: [Mat] = []
    for (k, operand) in operands.enumerated() { mats.append(try self.operand(operand, "\(place)[\(k)]")) }
    do throws(RecurrentError) {
      guard let operation = RecordedOperation(name: name, number ?? 0) else {
        throw RecurrentError(.badValue, "operation is unknown; expected one of a step's, got '\(name)'")
      }
      let hasNumber = operation.number != nil, count = operation.operands(of: mats.count)
      try require(
        hasNumber == (number != nil), .badValue,
        "\(name) has the wrong form; expected \(hasNumber ? "a number" : "nothing but operands") after the name, got "
          + "\(number == nil ? "none" : "a number")")
      try require(
        mats.count == count, .badValue,
        "\(place) has the wrong number of operands; expected \(count) for \(name), got \(mats.count)")
      results.append(try operation.record(mats, on: recorder.graph))
    } catch {
      if error.description.hasPrefix(place) { throw error }
      throw RecurrentError(error.kind, "\(place): \(error.description)")
    }
  }

  func operand(_ json: JSON, _ place: String) throws(RecurrentError) -> Mat {
    let form = RecurrentError(
      .badValue,
      "\(place) has the wrong form; expected [source, row, rows] or [source, row, column, rows, columns], got another")
    guard case .array(let items) = json, case .string(let name)? = items.first else { throw form }
    var numbers: [Int] = []
    for item in items.dropFirst() {
      guard case .number(let value) = item, let number = Int(exactly: value), number >= 0 else { throw form }
      numbers.append(number)
    }
    guard let kind = name.first, let whole = source(kind, Int(name.dropFirst())) else {
      throw RecurrentError(
        .badIndex,
        "\(place) refers to nothing before it; expected x, a state, a parameter or an earlier result, got '\(name)'")
    }
    do throws(RecurrentError) {
      switch numbers.count {
      case 2: return try whole.view(row: numbers[0], column: 0, n: numbers[1], d: whole.d)
      case 4: return try whole.view(row: numbers[0], column: numbers[1], n: numbers[2], d: numbers[3])
      default: throw form
      }
    } catch {
      if error.description.hasPrefix(place) { throw error }
      throw RecurrentError(error.kind, "\(place): \(error.description)")
    }
  }

  private func source(_ kind: Character, _ index: Int?) -> Mat? {
    func element(_ mats: [Mat]) -> Mat? { index.flatMap { mats.indices.contains($0) ? mats[$0] : nil } }
    switch kind {
    case "x": return index == nil ? recorder.x : nil
    case "s": return element(recorder.states)
    case "p": return element(recorder.parameters)
    case "v": return element(results)
    default: return nil
    }
  }
}
