// Text from tokens: hold-back of stop strings and of incomplete characters, against a plain twin.

import Testing

@testable import Recurrent

@Suite struct TextDecoderTests {
  /// The bytes and whether a stop string ended them, from tokens one call at a time; at last the bytes held back.
  private func bytes(
    _ tokens: [Int], _ tokenizer: Tokenizer, stop: [String] = [], part: Int = 1
  ) throws -> (parts: [[UInt8]], stopped: Bool) {
    let decoder = try TextDecoder(tokenizer, stop: stop)
    var held = Buffer<UInt8>(), parts: [[UInt8]] = []
    for start in stride(from: 0, to: tokens.count, by: part) {
      var text = Buffer<UInt8>()
      var stopped = false
      for token in tokens[start..<min(start + part, tokens.count)] where !stopped {
        stopped = try decoder.append(token, to: &held, &text)
      }
      parts.append(text.array())
      if stopped {
        let count = held.count
        #expect(count == 0)
        return (parts, true)
      }
    }
    return (parts + [held.array()], false)
  }

  /// As `bytes`, of valid UTF-8.
  private func decode(
    _ tokens: [Int], _ tokenizer: Tokenizer, stop: [String] = [], part: Int = 1
  ) throws -> (parts: [String], stopped: Bool) {
    let (parts, stopped) = try bytes(tokens, tokenizer, stop: stop, part: part)
    return (try parts.map { try #require(String(validating: $0, as: UTF8.self)) }, stopped)
  }

  /// The text before the first completed stop string.
  private func twin(_ text: String, _ stop: [String]) -> (text: String, stopped: Bool) {
    let scalars = Array(text.unicodeScalars)
    for end in scalars.indices {
      for stop in stop.map({ Array($0.unicodeScalars) }) {
        if scalars[...end].count >= stop.count && scalars[...end].suffix(stop.count).elementsEqual(stop) {
          return (String(String.UnicodeScalarView(scalars[...end].dropLast(stop.count))), true)
        }
      }
    }
    return (text, false)
  }

  @Test func stopStringsAreFound() throws {
    let tokenizer = try Tokenizer(of: "ab"), random = Random(seed: 1)
    func string(_ count: Int) -> String { String((0..<count).map { _ in random.next() % 2 == 0 ? "a" : "b" }) }
    for _ in 0..<2000 {
      let text = string(12), stops = (0..<Int(random.next() % 4)).map { _ in string(1 + Int(random.next() % 5)) }
      let tokens = try tokenizer.encode(text).map { Int($0) }
      let (parts, stopped) = try decode(tokens, tokenizer, stop: stops), expected = twin(text, stops)
      #expect(parts.joined() == expected.text && stopped == expected.stopped, "\(text) \(stops)")
    }
  }

  /// Exactly the longest suffix that may become a stop string is held back.
  @Test func holdsBackNoMoreThanNecessary() throws {
    let tokenizer = try Tokenizer(of: "abcx")
    let tokens = try tokenizer.encode("xabxabab").map { Int($0) }
    let (parts, stopped) = try decode(tokens, tokenizer, stop: ["abc", "bab"])
    #expect(parts == ["x", "", "", "abx", "", "", "a", ""] && stopped)
    let (free, _) = try decode(tokens, tokenizer)
    #expect(free == "xabxabab".map { String($0) } + [""])
  }

  @Test func incompleteCharactersAreHeldBack() throws {
    let text = "aé€😀z", tokens = try Tokenizer.bytes.encode(text).map { Int($0) }
    let (parts, _) = try decode(tokens, .bytes)
    #expect(parts == ["a", "", "é", "", "", "€", "", "", "", "😀", "z", ""])
    for part in 1...12 { #expect(try decode(tokens, .bytes, part: part).parts.joined() == text) }
    for count in 0...tokens.count {
      let (parts, _) = try bytes(Array(tokens.prefix(count)), .bytes)
      for part in parts.dropLast() { #expect(String(validating: part, as: UTF8.self) != nil) }
      #expect(parts.joined().elementsEqual(tokens.prefix(count).map { UInt8($0) }))
    }
    // a stop string of several bytes
    let (stopped, isStopped) = try decode(tokens, .bytes, stop: ["€😀"])
    #expect(stopped.joined() == "aé" && isStopped)
  }

  /// Bytes are lost nowhere, in whatever parts; a stop string is found among any bytes.
  @Test func anyBytes() throws {
    let random = Random(seed: 2)
    // bytes near every border of UTF-8's tables
    let edges = [
      0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF,
    ]
    for _ in 0..<3000 {
      let tokens = (0..<9).map { _ in edges[Int(random.next() % UInt64(edges.count))] }
      let all = tokens.map { UInt8($0) }
      for part in [1, 2, 4, 9] {
        #expect(try bytes(tokens, .bytes, part: part).parts.joined().elementsEqual(all), "\(tokens)")
      }
      for stop in ["A", "é", "\u{80}A"] {
        let ends = (0...all.count).filter { all[..<$0].suffix(stop.utf8.count).elementsEqual(stop.utf8) }
        let expected = ends.first.map { all[..<($0 - stop.utf8.count)] } ?? all[...]
        let (parts, stopped) = try bytes(tokens, .bytes, stop: [stop])
        #expect(parts.joined().elementsEqual(expected) && stopped == !ends.isEmpty, "\(tokens) \(stop)")
      }
    }
  }

  @Test func boundariesStandForNothing() throws {
    let tokenizer = try Tokenizer(.sentences, texts: ["ab"])
    #expect(try decode([0, 1, 0, 2], tokenizer).parts.joined() == "ab")
    refused(.badValue, "stop[1] is empty; expected at least 1 character, got 0") {
      try TextDecoder(tokenizer, stop: ["a", ""])
    }
  }
}
