// Characters, bytes and their tokens; invalid UTF-8.

import Testing

@testable import Recurrent

@Suite struct TokenizerTests {
  private func bytes(_ bytes: [UInt8], _ tokenizer: Tokenizer, _ errors: Tokenizer.Errors = .strict) throws -> [Int64] {
    var tokens = [Int64](repeating: -7, count: bytes.count + 1)
    let count = try bytes.withUnsafeBufferPointer { bytes in
      try tokens.withUnsafeMutableBufferPointer { try tokenizer.encode(bytes, errors: errors, to: $0) }
    }
    #expect(tokens[count...].allSatisfy { $0 == -7 })
    return Array(tokens.prefix(count))
  }

  private func tokenizer(_ bytes: [UInt8]) throws -> Tokenizer {
    try bytes.withUnsafeBufferPointer { try Tokenizer(utf8: $0) }
  }

  private func decode(_ tokens: [Int64], _ tokenizer: Tokenizer) throws -> String {
    try tokens.withUnsafeBufferPointer { try tokenizer.decode($0) }
  }

  @Test func aShortBufferIsRefused() throws {
    var tokens = [Int64](repeating: -7, count: 2)
    for tokenizer in [try Tokenizer(of: "abc"), .bytes] {
      refused(.shortBuffer, "tokens is too short; expected at least 3 elements, got 2") {
        try Array("abc".utf8).withUnsafeBufferPointer { text in
          try tokens.withUnsafeMutableBufferPointer { try tokenizer.encode(text, to: $0) }
        }
      }
    }
    #expect(tokens == [-7, -7])
  }

  @Test func tokensAreOrderedByCodePoint() throws {
    let tokenizer = try Tokenizer(of: "b\u{10FFFF}a2\n1😀\0é")
    #expect(tokenizer.characters.map { $0.value } == [0, 10, 49, 50, 97, 98, 0xE9, 0x1F600, 0x10FFFF])
    #expect(tokenizer.count == 9 && tokenizer.kind == .characters)
    #expect(try tokenizer.encode("ab😀\0") == [4, 5, 7, 0])
    #expect(tokenizer.token(of: "é") == 6 && tokenizer.token(of: "è") == nil)
    #expect(try Tokenizer(of: "ab") == Tokenizer(of: "bbba"))
    #expect(try Tokenizer(of: "ab") != Tokenizer(of: "abc") && Tokenizer(of: "a") != .bytes)
  }

  @Test func nothingIsMergedOrOmitted() throws {
    // CRLF, a byte order mark, a letter with a combining mark and the composed letter, a family
    let text = "\u{FEFF}a\r\n\r\u{2028}e\u{301}\u{E9}👩‍👩‍👧\u{0}"
    let tokenizer = try Tokenizer(of: text)
    let tokens = try tokenizer.encode(text)
    #expect(tokens.count == text.unicodeScalars.count)
    #expect(try Array(decode(tokens, tokenizer).utf8) == Array(text.utf8))
    #expect(tokenizer.token(of: "\u{301}") != nil && tokenizer.token(of: "\u{FEFF}") != nil)
  }

  @Test func scalarsOfEveryPlaneRoundTrip() throws {
    var scalars = String.UnicodeScalarView()
    for value in stride(from: 0, to: 0x110000, by: 13) as StrideTo<UInt32> {
      if let scalar = Unicode.Scalar(value) { scalars.append(scalar) }
    }
    let text = String(scalars), tokenizer = try Tokenizer(of: text)
    #expect(tokenizer.count == scalars.count)
    let tokens = try tokenizer.encode(text)
    #expect(tokens == (0..<Int64(tokenizer.count)).map { $0 })
    #expect(try Array(decode(tokens, tokenizer).utf8) == Array(text.utf8))
  }

  @Test func unknownCharacters() throws {
    let tokenizer = try Tokenizer(of: "abé")
    refused(.badValue, "text[2] is outside the vocabulary", "'x' (U+0078)") { try tokenizer.encode("éaxy") }
    refused(.badValue, "U+000A") { try tokenizer.encode("\n") }
    #expect(try tokenizer.encode("axbyz", errors: .ignore) == [0, 1])
    #expect(try tokenizer.encode("axb", errors: .replace("é")) == [0, 2, 1])
    #expect(try tokenizer.encode("xyz", errors: .ignore) == [])
    // even if every character is in the vocabulary
    refused(.badValue, "replacement", "'?' (U+003F)") { try tokenizer.encode("ab", errors: .replace("?")) }
    refused(.badIndex, "tokens[1] is out of range; expected 0 to 2, got 3") { try decode([0, 3], tokenizer) }
    refused(.badIndex, "tokens[0] is out of range", "got -1") { try decode([-1], tokenizer) }
    #expect(try tokenizer.encode("") == [] && decode([], tokenizer) == "")
    refused(.badValue, "empty") { try Tokenizer(of: "") }
  }

  /// Against Swift's decoder, over sequences of up to four bytes near every border of the tables.
  @Test func invalidUTF8IsNamedByItsByte() throws {
    let edges: [UInt8] = [
      0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
      0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF,
    ]
    let small = try Tokenizer(of: "A")
    refused(.badValue, "UTF-8", "byte 2") { try tokenizer([0x41, 0x42, 0xC3]) }
    for a in edges {
      for b in edges {
        for c: UInt8 in [0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF] {
          for d: UInt8 in [0x41, 0x80, 0xBF, 0xC2] {
            let text = [UInt8(ascii: "A"), a, b, c, d]
            if let valid = String(validating: text, as: UTF8.self) {
              #expect(try bytes(text, small, .ignore).count == valid.unicodeScalars.filter { $0 == "A" }.count)
              continue
            }
            var parser = Unicode.UTF8.ForwardParser(), iterator = text.makeIterator(), at = 0
            while case .valid(let scalar) = parser.parseScalar(from: &iterator) { at += scalar.count }
            refused(.badValue, "UTF-8", "byte \(at)") { try bytes(text, small, .ignore) }
          }
        }
      }
    }
  }

  @Test func bytesEncodeAnything() throws {
    let all = (0...255).map { UInt8($0) }
    #expect(Tokenizer.bytes.count == 256)
    #expect(try bytes(all, .bytes) == (0..<256).map { Int64($0) })
    #expect(try Tokenizer.bytes.encode("é") == [0xC3, 0xA9])
    #expect(Tokenizer.bytes.token(of: "\n") == 10 && Tokenizer.bytes.token(of: "é") == nil)
    refused(.badIndex, "256") { try decode([256], .bytes) }
  }

  /// Decoded bytes never end in an incomplete character.
  @Test func incompleteCharactersAreOmitted() throws {
    let text = "aé€😀z", tokens = try Tokenizer.bytes.encode(text)
    for count in 0...tokens.count {
      let shown = try decode(Array(tokens.prefix(count)), .bytes)
      #expect(text.hasPrefix(shown) && !shown.unicodeScalars.contains("\u{FFFD}"))
      #expect(tokens.count - shown.utf8.count < 4 + tokens.count - count)
    }
    #expect(try decode(tokens, .bytes) == text)
    #expect(try decode([0x61, 0xFF, 0x62], .bytes) == "a\u{FFFD}b")
    #expect(try decode([0x80, 0x80, 0x80, 0x80], .bytes) == "\u{FFFD}\u{FFFD}\u{FFFD}\u{FFFD}")
    #expect(try decode([0x61, 0xC1], .bytes) == "a\u{FFFD}")
  }

  // MARK: Sentences

  @Test func sentencesHaveABoundary() throws {
    let tokenizer = try Tokenizer(.sentences, texts: ["b9a0", " \t", "c5b"])
    #expect(tokenizer.characters == ["0", "5", "9", "b", "a", "c"] && tokenizer.count == 7)
    #expect(try tokenizer.encode("0c") == [1, 6])
    #expect(try decode([0, 1, 6, 0], tokenizer) == "0c")
    #expect(tokenizer.character(of: 0) == nil && tokenizer.character(of: 7) == nil && tokenizer.token(of: "9") == 3)
    refused(.badIndex, "expected 0 to 6, got 7") { try decode([7], tokenizer) }
    for blank in [[], [""], ["  ", "\n"], ["\u{A0}"]] {
      refused(.badValue, "text is empty") { try Tokenizer(.sentences, texts: blank) }
    }
  }

  @Test func severalTextsShareAVocabulary() throws {
    #expect(try Tokenizer(.characters, texts: ["cb", "", "ab"]) == Tokenizer(of: "abc"))
    #expect(try Tokenizer(.bytes, texts: []) == .bytes)
    refused(.badValue, "text is empty") { try Tokenizer(.characters, texts: []) }
    refused(.badValue, "text is empty") { try Tokenizer(.characters, texts: [""]) }
  }
}
