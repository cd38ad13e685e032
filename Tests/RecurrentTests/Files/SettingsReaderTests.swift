// Settings in JSON: values, defaults, refusals of each accessor, and keys that are not settings.

import Testing

@testable import Recurrent

@Suite struct SettingsReaderTests {
  private func reader(_ text: String) throws -> SettingsReader { try SettingsReader(text, owner: "test") }

  @Test func valuesOfEveryKind() throws {
    var settings = try reader(
      #"{"c": "b", "x": 0.5, "f": true, "p": [1, 2.5], "n": 7, "o": null, "i": [3, -4], "s": ["u", "v"], "t": "w"}"#)
    #expect(try settings.choice("c", of: ["a", "b"]) == 1)
    #expect(try settings.number("x", default: 2) == 0.5)
    #expect(try settings.flag("f", default: false))
    let pair = try settings.pair("p", default: (0, 0))
    #expect(pair == (1, 2.5))
    #expect(try settings.integer("n") == 7)
    #expect(try settings.optionalInteger("o", default: 3) == nil)
    #expect(try settings.integers("i") == [3, -4])
    #expect(try settings.strings("s") == ["u", "v"])
    #expect(try settings.optionalString("t") == "w")
    try settings.finish()
    #expect(settings.values.map { $0.key } == ["c", "x", "f", "p", "n", "o", "i", "s", "t"])
  }

  @Test func absentKeysAreDefaults() throws {
    var settings = try reader("{}")
    #expect(try settings.choice("c", of: ["a", "b"], default: 1) == 1)
    #expect(try settings.number("x", default: 2, in: 0...3) == 2)
    #expect(try settings.flag("f", default: true))
    let pair = try settings.pair("p", default: (0.25, 4))
    #expect(pair == (0.25, 4))
    #expect(try settings.optionalInteger("o") == nil)
    #expect(try settings.optionalInteger("q", default: 3) == 3)
    #expect(try settings.integers("i", default: [5]) == [5])
    #expect(try settings.strings("s") == [])
    #expect(try settings.optionalString("t") == nil)
    try settings.finish()
    // the effective values are recorded, so that settings can be written in full
    #expect(JSON.object(JSON.List(settings.values)).text.contains(#""p":[0.25,4]"#))
  }

  @Test func absentKeysWithoutDefaultsAreRefused() throws {
    var settings = try reader("{}")
    refused(.badValue, "c is missing from the settings of the test; expected one of a, b, got none") {
      try settings.choice("c", of: ["a", "b"])
    }
    refused(.badValue, "n is missing from the settings of the test; expected a whole number, got none") {
      try settings.integer("n")
    }
    refused(.badValue, "i is missing from the settings of the test; expected an array of whole numbers, got none") {
      try settings.integers("i")
    }
  }

  @Test func wrongTypesAreRefused() throws {
    func refuse(_ value: String, _ words: String, _ read: (inout SettingsReader) throws -> Void) throws {
      var settings = try reader("{\"k\": \(value)}")
      refused(.badValue, words) { try read(&settings) }
    }
    try refuse("1", "k has the wrong type; expected a string, got a number") { _ = try $0.choice("k", of: ["a"]) }
    try refuse(#""b""#, "k is unknown; expected one of a, got 'b'") { _ = try $0.choice("k", of: ["a"]) }
    try refuse(#""A""#, "k is unknown; expected one of a, got 'A'") { _ = try $0.choice("k", of: ["a"]) }
    try refuse("null", "k has the wrong type; expected a number, got null") { _ = try $0.number("k", default: 1) }
    try refuse("4", "k is out of range") { _ = try $0.number("k", default: 1, in: 0...3) }
    try refuse("0", "k has the wrong type; expected a boolean, got a number") { _ = try $0.flag("k", default: true) }
    try refuse("{}", "k has the wrong type; expected an array, got an object") { _ = try $0.pair("k", default: (0, 0)) }
    try refuse("[1]", "k has the wrong length; expected 2 numbers, got 1") { _ = try $0.pair("k", default: (0, 0)) }
    try refuse("[1, null]", "k[1] has the wrong type; expected a number, got null") {
      _ = try $0.pair("k", default: (0, 0))
    }
    try refuse("true", "k has the wrong type; expected a whole number, got a boolean") { _ = try $0.integer("k") }
    try refuse("0.5", "k is out of range; expected a whole number, got 0.5") { _ = try $0.integer("k") }
    try refuse("-9223372036854775808", "k is out of range; expected a whole number") { _ = try $0.integer("k") }
    try refuse("1e300", "k is out of range; expected a whole number, got 1e+300") { _ = try $0.optionalInteger("k") }
    try refuse("[1, 2.5]", "k[1] is out of range; expected a whole number, got 2.5") { _ = try $0.integers("k") }
    try refuse("3", "k has the wrong type; expected an array, got a number") { _ = try $0.integers("k") }
    try refuse(#"["a", 1]"#, "k[1] has the wrong type; expected a string, got a number") { _ = try $0.strings("k") }
    try refuse("1", "k has the wrong type; expected a string, got a number") { _ = try $0.optionalString("k") }
  }

  /// A double holds every integer up to 2⁵³; above, two integers of the text could be one number.
  @Test func wholeNumbersEndWhereDoublesSkipSome() throws {
    for (text, expected) in [("9007199254740992", 1 << 53), ("-9007199254740992", -(1 << 53))] {
      var settings = try reader("{\"k\": \(text)}")
      #expect(try settings.integer("k") == expected)
    }
    var settings = try reader(#"{"k": 9007199254740994}"#)
    refused(.badValue, "k is out of range; expected a whole number") { try settings.integer("k") }
    // has no magnitude in Int
    settings = try reader(#"{"k": -9223372036854775808}"#)
    refused(.badValue, "k is out of range; expected a whole number") { try settings.integer("k") }
  }

  @Test func keysThatAreNotSettingsAreRefused() throws {
    var settings = try reader(#"{"n": 1, "m": 2}"#)
    _ = try settings.integer("n")
    settings.setOwner("part")
    refused(.badValue, "m is not a setting of the part; expected one of n") { try settings.finish() }
    settings = try reader(#"{"a": 1, "n": 2, "b": 3}"#)
    _ = try settings.integer("n")
    refused(.badValue, "a, b are not settings of the test; expected one of n") { try settings.finish() }
  }

  @Test func otherTextsAreRefused() {
    refused(.badValue, "settings of the test have the wrong type; expected an object, got an array") {
      try self.reader("[]")
    }
    refused(.badValue, "settings", "byte 1") { try self.reader("{") }
    refused(.badValue, "settings") { try self.reader("") }
    refused(.badValue, "settings") { try self.reader(#"{"n": 1, "n": 2}"#) }
  }
}
