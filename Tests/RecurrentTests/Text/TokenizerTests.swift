// Characters, bytes and their numbers; and text that is no text.

import Testing

@testable import Recurrent

@Suite struct TokenizerTests {
  private func bytes(_ bytes: [UInt8], _ alphabet: Tokenizer, _ unknown: Tokenizer.Unknown = .refuse) throws -> [Int64] {
    var tokens = [Int64](repeating: -7, count: bytes.count + 1)
    let count = try bytes.withUnsafeBufferPointer { try alphabet.encode($0, unknown: unknown, to: &tokens) }
    #expect(tokens[count...].allSatisfy { $0 == -7 })
    return Array(tokens.prefix(count))
  }

  private func alphabet(_ bytes: [UInt8]) throws -> Tokenizer {
    try bytes.withUnsafeBufferPointer { try Tokenizer(utf8: $0) }
  }

  private func decode(_ tokens: [Int64], _ alphabet: Tokenizer) throws -> String {
    try tokens.withUnsafeBufferPointer { try alphabet.decode($0) }
  }

  @Test func numbersGoByCodePoint() throws {
    let alphabet = try Tokenizer(of: "b\u{10FFFF}a2\n1😀\0é")
    #expect(alphabet.letters.map { $0.value } == [0, 10, 49, 50, 97, 98, 0xE9, 0x1F600, 0x10FFFF])
    #expect(alphabet.count == 9 && alphabet.kind == .characters)
    #expect(try alphabet.encode("ab😀\0") == [4, 5, 7, 0])
    #expect(alphabet.token(of: "é") == 6 && alphabet.token(of: "è") == nil)
    #expect(try Tokenizer(of: "ab") == Tokenizer(of: "bbba"))
    #expect(try Tokenizer(of: "ab") != Tokenizer(of: "abc") && Tokenizer(of: "a") != .bytes)
  }

  @Test func nothingIsMergedOrLeftOut() throws {
    // CRLF, a byte order mark, a letter and its combining mark beside the composed letter, a family
    let text = "\u{FEFF}a\r\n\r\u{2028}e\u{301}\u{E9}👩‍👩‍👧\u{0}"
    let alphabet = try Tokenizer(of: text)
    let tokens = try alphabet.encode(text)
    #expect(tokens.count == text.unicodeScalars.count)
    #expect(try Array(decode(tokens, alphabet).utf8) == Array(text.utf8))
    #expect(alphabet.token(of: "\u{301}") != nil && alphabet.token(of: "\u{FEFF}") != nil)
  }

  @Test func scalarsOfEveryPlaneComeBack() throws {
    var scalars = String.UnicodeScalarView()
    for value in stride(from: 0, to: 0x110000, by: 13) as StrideTo<UInt32> {
      if let scalar = Unicode.Scalar(value) { scalars.append(scalar) }
    }
    let text = String(scalars), alphabet = try Tokenizer(of: text)
    #expect(alphabet.count == scalars.count)
    let tokens = try alphabet.encode(text)
    #expect(tokens == (0..<Int64(alphabet.count)).map { $0 })
    #expect(try Array(decode(tokens, alphabet).utf8) == Array(text.utf8))
  }

  @Test func unknownCharacters() throws {
    let alphabet = try Tokenizer(of: "abé")
    refused(.badValue, "'x' (U+0078)", "position 2") { try alphabet.encode("éaxy") }
    refused(.badValue, "U+000A") { try alphabet.encode("\n") }
    #expect(try alphabet.encode("axbyz", unknown: .skip) == [0, 1])
    #expect(try alphabet.encode("axb", unknown: .replace("é")) == [0, 2, 1])
    #expect(try alphabet.encode("xyz", unknown: .skip) == [])
    // even where nothing is to be replaced
    refused(.badValue, "replacement", "'?' (U+003F)") { try alphabet.encode("ab", unknown: .replace("?")) }
    refused(.badIndex, "token 1 is 3", "0..<3") { try decode([0, 3], alphabet) }
    refused(.badIndex, "token 0 is -1") { try decode([-1], alphabet) }
    #expect(try alphabet.encode("") == [] && decode([], alphabet) == "")
    refused(.badValue, "empty") { try Tokenizer(of: "") }
  }

  /// Swift's own decoder says what is UTF-8, over all beginnings of up to four bytes near every border.
  @Test func whatIsNotUTF8IsNamedByItsByte() throws {
    let edges: [UInt8] = [
      0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE,
      0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF8, 0xFF,
    ]
    let small = try Tokenizer(of: "A")
    refused(.badValue, "UTF-8", "byte 2") { try alphabet([0x41, 0x42, 0xC3]) }
    for a in edges {
      for b in edges {
        for c: UInt8 in [0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF] {
          for d: UInt8 in [0x41, 0x80, 0xBF, 0xC2] {
            let text = [UInt8(ascii: "A"), a, b, c, d]
            if let valid = String(validating: text, as: UTF8.self) {
              #expect(try bytes(text, small, .skip).count == valid.unicodeScalars.filter { $0 == "A" }.count)
              continue
            }
            var parser = Unicode.UTF8.ForwardParser(), iterator = text.makeIterator(), at = 0
            while case .valid(let letter) = parser.parseScalar(from: &iterator) { at += letter.count }
            refused(.badValue, "UTF-8", "byte \(at)") { try bytes(text, small, .skip) }
          }
        }
      }
    }
  }

  @Test func bytesTakeAnything() throws {
    let all = (0...255).map { UInt8($0) }
    #expect(Tokenizer.bytes.count == 256)
    #expect(try bytes(all, .bytes) == (0..<256).map { Int64($0) })
    #expect(try Tokenizer.bytes.encode("é") == [0xC3, 0xA9])
    #expect(Tokenizer.bytes.token(of: "\n") == 10 && Tokenizer.bytes.token(of: "é") == nil)
    refused(.badIndex, "256") { try decode([256], .bytes) }
  }

  /// In bytes, a character is shown when it is whole, and never before.
  @Test func neverHalfACharacter() throws {
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
}
