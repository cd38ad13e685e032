// Settings in JSON: the form that C, Python and files share for optimizers and networks.

/// Reads the settings of one object from a JSON object.
///
/// Each accessor reads one key; an absent key takes its default. `finish` refuses keys that no accessor has read.
struct SettingsReader {
  /// The owner of the settings, for messages.
  private(set) var owner: String
  /// Every setting that was read, with its effective value, in the order of reading.
  private(set) var values: [(key: String, value: JSON)] = []
  private let members: JSON.List<JSON.Member>

  /// - Throws: `.badValue` unless `text` is a JSON object.
  init(_ text: String, owner: String) throws(RecurrentError) { try self.init(SettingsReader.parse(text), owner: owner) }

  /// Parses settings.
  ///
  /// - Throws: `.badValue` for text that is not JSON: settings come from the caller, not from a file.
  static func parse(_ text: String) throws(RecurrentError) -> JSON {
    do {
      return try JSON(parsing: Array(text.utf8), "settings")
    } catch {
      throw RecurrentError(.badValue, error.description)
    }
  }

  /// - Throws: `.badValue` unless `json` is an object.
  init(_ json: JSON, owner: String) throws(RecurrentError) {
    guard case .object(let members) = json else {
      throw RecurrentError(
        .badValue, "settings of the \(owner) have the wrong type; expected an object, got \(json.kind)")
    }
    (self.members, self.owner) = (members, owner)
  }

  /// A string that selects one of `choices`. A key without a default is required.
  ///
  /// Returns the index in `choices`.
  mutating func choice(_ key: String, of choices: [String], default value: Int? = nil) throws(RecurrentError) -> Int {
    guard let json = member(key) ?? value.map({ .string(choices[$0]) }) else {
      throw RecurrentError(
        .badValue, "\(key) is missing from the settings of the \(owner); expected one of \(choices.listed), got none")
    }
    guard case .string(let name) = json else { throw wrongType(key, "a string", json) }
    guard let index = choices.firstIndex(of: name) else {
      throw RecurrentError(.badValue, "\(key) is unknown; expected one of \(choices.listed), got '\(name)'")
    }
    record(key, json)
    return index
  }

  /// A number. Ranges are the caller's to check.
  mutating func number(_ key: String, default value: Double) throws(RecurrentError) -> Double {
    let json = member(key) ?? .number(value)
    guard case .number(let value) = json else { throw wrongType(key, "a number", json) }
    record(key, json)
    return value
  }

  /// A finite number in a closed range.
  mutating func number(
    _ key: String, default value: Double, in range: ClosedRange<Double>
  ) throws(RecurrentError) -> Double {
    let value = try number(key, default: value)
    try require(value, key, in: range)
    return value
  }

  /// A boolean.
  mutating func flag(_ key: String, default value: Bool) throws(RecurrentError) -> Bool {
    let json = member(key) ?? .bool(value)
    guard case .bool(let value) = json else { throw wrongType(key, "a boolean", json) }
    record(key, json)
    return value
  }

  /// An array of two numbers.
  mutating func pair(_ key: String, default value: (Double, Double)) throws(RecurrentError) -> (Double, Double) {
    let json = member(key) ?? .array([.number(value.0), .number(value.1)])
    guard case .array(let items) = json else { throw wrongType(key, "an array", json) }
    guard items.count == 2 else {
      throw RecurrentError(.badValue, "\(key) has the wrong length; expected 2 numbers, got \(items.count)")
    }
    var numbers = [0.0, 0.0]
    for (i, item) in items.enumerated() {
      guard case .number(let number) = item else { throw wrongType("\(key)[\(i)]", "a number", item) }
      numbers[i] = number
    }
    record(key, json)
    return (numbers[0], numbers[1])
  }

  /// A whole number that a size can be, positive or not.
  mutating func integer(_ key: String, default value: Int? = nil) throws(RecurrentError) -> Int {
    guard let json = member(key) ?? value.map({ .number(Double($0)) }) else {
      throw RecurrentError(
        .badValue, "\(key) is missing from the settings of the \(owner); expected a whole number, got none")
    }
    record(key, json)
    return try integer(json, key)
  }

  /// A whole number, or nil for null.
  mutating func optionalInteger(_ key: String, default value: Int? = nil) throws(RecurrentError) -> Int? {
    let json = member(key) ?? value.map { .number(Double($0)) } ?? .null
    record(key, json)
    if case .null = json { return nil }
    return try integer(json, key)
  }

  /// An array of whole numbers. A key without a default is required.
  mutating func integers(_ key: String, default value: [Int]? = nil) throws(RecurrentError) -> [Int] {
    guard let json = member(key) ?? value.map({ .array(JSON.List($0.map { .number(Double($0)) })) }) else {
      throw RecurrentError(
        .badValue, "\(key) is missing from the settings of the \(owner); expected an array of whole numbers, got none")
    }
    guard case .array(let items) = json else { throw wrongType(key, "an array", json) }
    var integers: [Int] = []
    for (i, item) in items.enumerated() { integers.append(try integer(item, "\(key)[\(i)]")) }
    record(key, json)
    return integers
  }

  /// An array of strings, empty for an absent key.
  mutating func strings(_ key: String) throws(RecurrentError) -> [String] {
    let json = member(key) ?? .array([])
    guard case .array(let items) = json else { throw wrongType(key, "an array of strings", json) }
    var strings: [String] = []
    for (i, item) in items.enumerated() {
      guard case .string(let string) = item else { throw wrongType("\(key)[\(i)]", "a string", item) }
      strings.append(string)
    }
    record(key, json)
    return strings
  }

  /// A string, or nil for an absent key or null.
  mutating func optionalString(_ key: String) throws(RecurrentError) -> String? {
    let json = member(key) ?? .null
    record(key, json)
    switch json {
    case .null: return nil
    case .string(let string): return string
    default: throw wrongType(key, "a string", json)
    }
  }

  /// A required string.
  mutating func string(_ key: String) throws(RecurrentError) -> String {
    guard let string = try optionalString(key) else {
      throw RecurrentError(
        .badValue, "\(key) is missing from the settings of the \(owner); expected a string, got none")
    }
    return string
  }

  /// A number, or nil for an absent key or null.
  mutating func optionalNumber(_ key: String) throws(RecurrentError) -> Double? {
    let json = member(key) ?? .null
    record(key, json)
    switch json {
    case .null: return nil
    case .number(let number): return number
    default: throw wrongType(key, "a number", json)
    }
  }

  /// A value of any type. A key without a default is required.
  mutating func any(_ key: String, default value: JSON? = nil) throws(RecurrentError) -> JSON {
    guard let json = member(key) ?? value else {
      throw RecurrentError(
        .badValue, "\(key) is missing from the settings of the \(owner); expected a value, got none")
    }
    record(key, json)
    return json
  }

  /// The elements of an array, none for an absent key.
  mutating func array(_ key: String) throws(RecurrentError) -> JSON.List<JSON> {
    let json = member(key) ?? .array([])
    guard case .array(let items) = json else { throw wrongType(key, "an array", json) }
    record(key, json)
    return items
  }

  /// The members of an object, none for an absent key.
  mutating func object(_ key: String) throws(RecurrentError) -> JSON.List<(key: String, value: JSON)> {
    let json = member(key) ?? .object([])
    guard case .object(let members) = json else { throw wrongType(key, "an object", json) }
    record(key, json)
    return members
  }

  /// Names a more specific owner: an optimizer's algorithm after its name was read.
  mutating func setOwner(_ owner: String) { self.owner = owner }

  /// Refuses keys that no accessor has read.
  func finish() throws(RecurrentError) {
    let known = values.map { $0.key }
    let unknown = members.map { $0.key }.filter { !known.contains($0) }
    if !unknown.isEmpty {
      let verb = unknown.count == 1 ? "is not a setting" : "are not settings"
      throw RecurrentError(.badValue, "\(unknown.listed) \(verb) of the \(owner); expected one of \(known.listed)")
    }
  }

  private func member(_ key: String) -> JSON? { members.first { $0.key == key }?.value }

  private mutating func record(_ key: String, _ value: JSON) { values.append((key, value)) }

  private func integer(_ json: JSON, _ key: String) throws(RecurrentError) -> Int {
    guard case .number(let number) = json else { throw wrongType(key, "a whole number", json) }
    guard let integer = Int(exactly: number), integer.magnitude <= 1 << 53 else {
      throw RecurrentError(.badValue, "\(key) is out of range; expected a whole number, got \(number)")
    }
    return integer
  }

  private func wrongType(_ key: String, _ expected: String, _ json: JSON) -> RecurrentError {
    RecurrentError(.badValue, "\(key) has the wrong type; expected \(expected), got \(json.kind)")
  }
}

extension [String] {
  /// The elements separated by commas, for messages.
  fileprivate var listed: String { joined(separator: ", ") }
}
