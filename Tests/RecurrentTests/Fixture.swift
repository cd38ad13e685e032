// Figures from files: RecurrentJS's own, NumPy's, and the sine-filled models'.

import Foundation
import Testing

/// A JSON object in Fixtures.
///
/// JSONDecoder reads a double to the last bit, which JSONSerialization does not.
struct Fixture {
  private let members: [String: Value]

  /// The file `name`.json.
  init(_ name: String) throws {
    members = try JSONDecoder().decode([String: Value].self, from: Data(contentsOf: Fixture.url(name)))
  }

  private init(_ members: [String: Value]) { self.members = members }

  /// The objects of a list at the top of a file.
  static func list(_ name: String) throws -> [Fixture] {
    try JSONDecoder().decode([[String: Value]].self, from: Data(contentsOf: url(name))).map { Fixture($0) }
  }

  static func url(_ name: String) throws -> URL {
    try #require(Bundle.module.url(forResource: name, withExtension: "json", subdirectory: "Fixtures"))
  }

  var names: [String] { members.keys.sorted() }

  func number(_ key: String) throws -> Double {
    guard case .number(let number) = members[key] else { throw Missing(key) }
    return number
  }

  func integer(_ key: String) throws -> Int { Int(try number(key)) }

  func string(_ key: String) throws -> String {
    guard case .string(let string) = members[key] else { throw Missing(key) }
    return string
  }

  func object(_ key: String) throws -> Fixture {
    guard case .object(let members) = members[key] else { throw Missing(key) }
    return Fixture(members)
  }

  func objects(_ key: String) throws -> [Fixture] {
    try list(key).map {
      guard case .object(let members) = $0 else { throw Missing(key) }
      return Fixture(members)
    }
  }

  func numbers(_ key: String) throws -> [Double] {
    if case .numbers(let numbers) = members[key] { return numbers }
    if try list(key).isEmpty { return [] }
    throw Missing(key)
  }

  func strings(_ key: String) throws -> [String] {
    try list(key).map {
      guard case .string(let string) = $0 else { throw Missing(key) }
      return string
    }
  }

  private func list(_ key: String) throws -> [Value] {
    guard case .list(let list) = members[key] else { throw Missing(key) }
    return list
  }

  private indirect enum Value: Decodable {
    case number(Double), string(String), numbers([Double]), list([Value]), object([String: Value])

    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      if let number = try? value.decode(Double.self) {
        self = .number(number)
      } else if let string = try? value.decode(String.self) {
        self = .string(string)
      } else if let numbers = try? value.decode([Double].self), !numbers.isEmpty {
        self = .numbers(numbers)
      } else if let members = try? value.decode([String: Value].self) {
        self = .object(members)
      } else {
        self = .list(try value.decode([Value].self))
      }
    }
  }

  /// A member that is not there, or of another kind.
  private struct Missing: Error {
    let key: String
    init(_ key: String) { self.key = key }
  }
}

/// ‖a − b‖₂ relative to the larger of their norms.
func relativeDistance(_ a: [Double], _ b: [Double]) -> Double {
  guard a.count == b.count else { return .infinity }
  let difference = norm(zip(a, b).map { $0 - $1 }), size = max(norm(a), norm(b))
  return difference == 0 ? 0 : difference / size
}

/// ‖a‖₂.
func norm(_ a: [Double]) -> Double { a.reduce(0) { $0 + $1 * $1 }.squareRoot() }
