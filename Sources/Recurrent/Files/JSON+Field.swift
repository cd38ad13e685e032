// Access to the values of a JSON document, with paths in messages.

/// A JSON value and the path that leads to it, for messages.
struct Field {
  let path: String
  let json: JSON

  init(_ json: JSON) { self.init(json, "") }

  /// - Parameter path: the name of the document in messages.
  init(_ json: JSON, _ path: String) { (self.json, self.path) = (json, path) }

  /// A required member.
  subscript(key: String) -> Field {
    get throws(RecurrentError) {
      guard let field = try optional(key) else {
        throw RecurrentError(.badFormat, "\(join(key)) is missing; expected a value, got none")
      }
      return field
    }
  }

  func optional(_ key: String) throws(RecurrentError) -> Field? {
    guard case .object(let members) = json else { throw wrong("an object") }
    return members.first { $0.key == key }.map { Field($0.value, join(key)) }
  }

  func members() throws(RecurrentError) -> some RandomAccessCollection<(key: String, value: Field)> {
    guard case .object(let members) = json else { throw wrong("an object") }
    return members.lazy.map { (key: $0.key, value: Field($0.value, join($0.key))) }
  }

  /// Requires an object whose keys are all known.
  func check(keys known: [String]) throws(RecurrentError) {
    try requireKnown(members().lazy.map { $0.key }, among: known, at: path)
  }

  func items() throws(RecurrentError) -> some RandomAccessCollection<Field> {
    guard case .array(let items) = json else { throw wrong("an array") }
    return items.indices.lazy.map { Field(items[$0], "\(path)[\($0)]") }
  }

  func string() throws(RecurrentError) -> String {
    guard case .string(let text) = json else { throw wrong("a string") }
    return text
  }

  func number() throws(RecurrentError) -> Double {
    if case .number(let value) = json { return value }
    if case .null = json {
      throw RecurrentError(
        .badFormat,
        "\(path) is not a number; expected one, got null, which JavaScript writes for NaN and Infinity: the model has diverged"
      )
    }
    throw wrong("a number")
  }

  /// A whole number from 1 to the largest count of a Mat.
  func size() throws(RecurrentError) -> Int { try whole(1...Mat.maxCount) }

  /// A whole number in a range within ±2⁵³.
  func whole(_ range: ClosedRange<Int>) throws(RecurrentError) -> Int {
    let value = try number()
    guard let whole = Int(exactly: value), range.contains(whole) else {
      throw RecurrentError(
        .badFormat,
        "\(path) is out of range; expected a whole number from \(range.lowerBound) to \(range.upperBound), got \(value)"
      )
    }
    return whole
  }

  private func join(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  func wrong(_ expected: String) -> RecurrentError {
    RecurrentError(
      .badFormat, "\(path.isEmpty ? "the document" : path) has the wrong type; expected \(expected), got \(json.kind)")
  }
}
