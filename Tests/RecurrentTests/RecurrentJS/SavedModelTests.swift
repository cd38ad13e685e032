// RecurrentJS's files, damaged and forged: each loads or is refused with its field; nothing traps.

import Foundation
import Testing

@testable import Recurrent

@Suite struct SavedModelTests {
  /// A small trained model as text.
  private func saved(_ cell: Cell = .rnnRelu) throws -> String {
    let settings = TextModel.Settings(
      .sentences, cell: cell, hiddenSizes: [2], embedding: 1, forgetBias: 0, dtype: .float64)
    let sm = try SentenceModel(["a1b"], settings, random: Random(seed: 1))
    _ = try sm.tick("ab1")
    return String(decoding: try sm.recurrentJS().array(), as: UTF8.self)
  }

  private func load(_ text: String, _ dtype: DType = .float64) throws -> SentenceModel {
    try SentenceModel(recurrentJS: Array(text.utf8), dtype: dtype)
  }

  private func load(_ text: String, replacing old: String, with new: String) throws -> SentenceModel {
    #expect(text.contains(old), "the fixture has no \(old)")
    guard let range = text.range(of: old) else { throw CancellationError() }
    return try load(text.replacingCharacters(in: range, with: new))
  }

  @Test(arguments: Cell.builtin, DType.allCases) func roundTripsToTheLastBit(_ cell: Cell, _ dtype: DType)
    throws
  {
    let settings = TextModel.Settings(
      .sentences, cell: cell, hiddenSizes: [3, 2], embedding: 2, forgetBias: 0, dtype: dtype)
    let sm = try SentenceModel(["9é 😀\"\\"], settings, random: Random(seed: 1))
    for saving in 0..<2 {
      // before the first step there is no cache to save
      if saving == 1 { _ = try sm.tick("é\"😀\\") }
      let twin = try SentenceModel(recurrentJS: sm.recurrentJS().array(), dtype: dtype)
      #expect(twin.model.tokenizer == sm.model.tokenizer)
      #expect(try twin.parameters.flat.rows() == sm.parameters.flat.rows())
      #expect(twin.model.optimizer?.names.sorted() == sm.model.optimizer?.names.sorted())
      #expect(twin.model.optimizer?.settings == sm.model.optimizer?.settings)
      #expect(try twin.recurrentJS().array() == sm.recurrentJS().array())
      let again = try SentenceModel(recurrentJS: sm.recurrentJS().array(), dtype: dtype)
      #expect(try again.tick("é9") == twin.tick("é9"))
    }
  }

  @Test func otherTypesAndMissingPartsLoad() throws {
    let text = try saved()
    #expect(try load(text, .float32).network.dtype == .float32)
    let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    for optional in ["solver", "indexToLetter", "vocab"] {
      let without = json.filter { $0.key != optional }
      let sm = try SentenceModel(
        recurrentJS: Array(JSONSerialization.data(withJSONObject: without)), dtype: .float64)
      if optional == "solver" { #expect(sm.model.optimizer?.names == [] && sm.model.optimizer?.name == "recurrentjs") }
    }
    for needed in ["hidden_sizes", "generator", "letter_size", "model", "letterToIndex"] {
      let without = json.filter { $0.key != needed }
      refused(.badFormat, needed, "missing") {
        try SentenceModel(
          recurrentJS: Array(JSONSerialization.data(withJSONObject: without)), dtype: .float64)
      }
    }
  }

  @Test func wrongFieldsAreNamed() throws {
    let text = try saved()
    let cases: [(old: String, new: String, words: [String])] = [
      (#""generator":"rnn""#, #""generator":"gnu""#, ["generator", "gnu"]),
      (#""generator":"rnn""#, #""generator":"gru""#, ["Wrx0"]),
      (#""generator":"rnn""#, #""generator":"lstm""#, ["Wix0"]),
      (#""generator":"rnn""#, #""generator":1"#, ["generator", "a number", "a string"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[]"#, ["hidden_sizes", "empty"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[2,2]"#, ["Wxh1", "missing"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[3]"#, ["Wxh0", "2 x 1", "3 x 1"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[0]"#, ["hidden_sizes[0]", "0"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[-2]"#, ["hidden_sizes[0]", "-2"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[2.5]"#, ["hidden_sizes[0]", "2.5"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[1e300]"#, ["hidden_sizes[0]"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[2147483647]"#, ["Wxh0"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":2"#, ["hidden_sizes", "a number", "an array"]),
      (#""hidden_sizes":[2]"#, #""hidden_sizes":[null]"#, ["hidden_sizes[0]", "null"]),
      (#""letter_size":1"#, #""letter_size":2"#, ["Wil", "4 x 1", "4 x 2"]),
      (#""letter_size":1"#, #""letter_size":-1"#, ["letter_size", "-1"]),
      (#""letter_size":1"#, #""letter_size":"1""#, ["letter_size", "a string"]),
      (#""Wil":{"#, #""Wjl":{"#, ["model.Wil", "missing"]),
      (#""model":{"#, #""model":{"extra":{"n":1,"d":1,"w":[0]},"#, ["model.extra"]),
      (#""model":{"#, #""model":{"b":1,"a":{},"#, ["model.b, model.a are unknown", "got 2 more"]),
      (#""model":{"#, #""model":[{"#, []),
      (#"{"#, #"{"extra":[1,{"x":null}],"more":1,"#, ["extra, more are unknown; expected hidden_sizes, generator"]),
      (
        #""n":4,"d":1,"w":["#, #""n":4,"d":1,"dw":[],"w":["#,
        ["model.Wil.dw is unknown; expected n, d, w, got one more"]
      ),
      (#""decay_rate":0.999"#, #""decay_rate":0.999,"step":1"#, ["solver.step is unknown; expected decay_rate"]),
      (#""n":4,"d":1,"w":["#, #""n":4,"d":1,"w":[1,"#, ["model.Wil.w", "5 numbers", "4"]),
      (#""n":4,"d":1,"w":["#, #""n":4,"d":1,"w":[[],"#, ["5 numbers"]),
      (#""n":4,"d":1,"w":["#, #""n":4,"d":1,"v":["#, ["model.Wil.w", "missing"]),
      (#""n":4,"#, #""n":1e99,"#, ["model.Wil.n"]),
      (#""decay_rate":0.999"#, #""decay_rate":1"#, ["solver", "decay_rate"]),
      (#""decay_rate":0.999"#, #""decay_rate":null"#, ["solver", "decay_rate"]),
      (#""smooth_eps":"#, #""smooth_eps":-"#, ["solver", "smooth_eps"]),
      (#""letterToIndex":{"#, #""letterToIndex":{"zz":9,"#, ["letterToIndex", "zz"]),
      (#""letterToIndex":{"#, #""letterToIndex":{"":9,"#, ["letterToIndex"]),
      (#""letterToIndex":{"1":1"#, #""letterToIndex":{"1":2"#, ["letterToIndex"]),
      (#""letterToIndex":{"1":1"#, #""letterToIndex":{"1":4"#, ["letterToIndex.1", "4"]),
      (#""letterToIndex":{"1":1"#, #""letterToIndex":{"1":0"#, ["letterToIndex.1", "0"]),
      (#""letterToIndex":{"1":1"#, #""letterToIndex":{"c":5,"1":1"#, ["letterToIndex.c"]),
      (#""letterToIndex":{"1":1"#, #""letterToIndex":{"c":4,"1":1"#, ["indexToLetter", "3", "4"]),
      (#""indexToLetter":{"1":"1""#, #""indexToLetter":{"1":"x""#, ["indexToLetter.1"]),
      (#""indexToLetter":{"1":"1""#, #""indexToLetter":{"0":"1""#, ["indexToLetter.0"]),
      (#""indexToLetter":{"1":"1""#, #""indexToLetter":{"#, []),
    ]
    for (old, new, words) in cases {
      do {
        _ = try load(text, replacing: old, with: new)
        Issue.record("\(new) was not refused")
      } catch let error as RecurrentError {
        #expect(error.kind == .badFormat, "\(new): \(error)")
        for word in words {
          #expect(error.description.contains(word), "\(new): \"\(error)\" lacks \"\(word)\"")
        }
      }
    }
    for document in ["[]", "null", "1", "\"\"", "{}"] { refused(.badFormat) { try load(document) } }
  }

  /// JavaScript saves NaN and Infinity as null.
  @Test func nullWeightsAreRefused() throws {
    let text = try saved(), start = try #require(text.range(of: #""n":4,"d":1,"w":["#)).upperBound
    let end = try #require(text[start...].firstIndex(of: ","))
    refused(.badFormat, "model.Wil.w[0]", "null", "diverged") {
      try load(text.replacingCharacters(in: start..<end, with: "null"))
    }
    for bad in ["NaN", "1e999", "\"1\"", "true", "[0]", "{}"] {
      refused(.badFormat) { try load(text.replacingCharacters(in: start..<end, with: bad)) }
    }
    let cache = try #require(text.range(of: #""step_cache":{"Wil":{"n":4,"d":1,"w":["#)).upperBound
    let comma = try #require(text[cache...].firstIndex(of: ","))
    refused(.badFormat, "step_cache.Wil", "negative") {
      try load(text.replacingCharacters(in: cache..<comma, with: "-1"))
    }
    refused(.badFormat, "step_cache.Wil", "null") {
      try load(text.replacingCharacters(in: cache..<comma, with: "null"))
    }
  }

  /// A number that float64 holds and float32 does not must not become an infinite weight.
  @Test func weightsTooLargeForTheTypeAreRefused() throws {
    let text = try saved(), start = try #require(text.range(of: #""n":4,"d":1,"w":["#)).upperBound
    let end = try #require(text[start...].firstIndex(of: ","))
    let large = text.replacingCharacters(in: start..<end, with: "1e300")
    _ = try load(large, .float64)
    refused(.badFormat, "Wil", "1e+300", "float32") { try load(large, .float32) }
  }

  @Test func weightsAsObjects() throws {
    let text = try saved(), expected = try load(text).parameters.flat.rows()
    let objects = text.replacing(/"w":\[([^\]]*)\]/) { match in
      // in any order
      "\"w\":{"
        + match.1.split(separator: ",").enumerated().map { "\"\($0)\":\($1)" }.reversed().joined(
          separator: ",") + "}"
    }
    #expect(try load(objects).parameters.flat.rows() == expected)
    for key in ["-1", "4", "00", "+0", "0.0", "a", "", "0 ", "9223372036854775808", "1e0"] {
      refused(.badFormat, "Wil.w", "\"\(key)\"") {
        try load(objects, replacing: "\"0\":", with: "\"\(key)\":")
      }
    }
  }

  @Test func everyPrefixIsRefused() throws {
    let bytes = Array(try saved().utf8)
    for end in 0..<bytes.count {
      do {
        _ = try SentenceModel(recurrentJS: Array(bytes[..<end]), dtype: .float64)
        Issue.record("\(end) of \(bytes.count) bytes were taken for a model")
      } catch {
        if error.kind != .badFormat { Issue.record("\(end) bytes: \(error)") }
      }
    }
  }

  /// One byte changed: it loads as some model, or is refused; whatever loads can be used.
  @Test func everyByteMayBeWrong() throws {
    let bytes = Array(try saved().utf8)
    var loaded = 0, count = 0
    for at in stride(from: 0, to: bytes.count, by: 3) {
      for change: UInt8 in [0x00, 0x01, 0x04, 0x10, 0x20, 0x80, 0xFF] {
        var broken = bytes
        broken[at] ^= change == 0 ? bytes[at] : change
        count += 1
        do {
          let sm = try SentenceModel(recurrentJS: broken, dtype: .float32)
          loaded += 1
          if loaded % 16 == 0 { _ = try? sm.tick("ab1") }
        } catch {
          if error.kind != .badFormat { Issue.record("byte \(at): \(error)") }
        }
      }
    }
    // digits may become other digits
    #expect(loaded > 0 && loaded < count / 2)
  }

  /// Pieces of a file cut out, doubled or swapped.
  @Test func piecesMayBeWrong() throws {
    let bytes = Array(try saved(.lstm).utf8), random = Random(seed: 1)
    for _ in 0..<1500 {
      let a = Int(random.next() % UInt64(bytes.count)), b = Int(random.next() % UInt64(bytes.count))
      let piece = Array(bytes[min(a, b)...max(a, b)].prefix(40)),
        at = Int(random.next() % UInt64(bytes.count))
      var broken = bytes
      switch random.next() % 3 {
      case 0: broken.removeSubrange(at..<min(at + piece.count, bytes.count))
      case 1: broken.insert(contentsOf: piece, at: at)
      default: broken.replaceSubrange(at..<min(at + piece.count, bytes.count), with: piece)
      }
      do {
        _ = try SentenceModel(recurrentJS: broken, dtype: .float64)
      } catch {
        if error.kind != .badFormat { Issue.record("\(error)") }
      }
    }
  }
}

extension SentenceModel {
  fileprivate init(recurrentJS bytes: [UInt8], dtype: DType) throws(RecurrentError) {
    self = try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in
      try SentenceModel(recurrentJS: bytes, dtype: dtype)
    }
  }
}
