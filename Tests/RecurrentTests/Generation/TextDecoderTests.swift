// Text from tokens: hold-back of stop strings and of incomplete characters, against a plain twin.

import Testing

@testable import Recurrent

@Suite struct TextDecoderTests {
  /// The text and whether a stop string ended it, from tokens one call at a time.
  private func decode(
    _ tokens: [Int], _ tokenizer: Tokenizer, stop: [String] = [], part: Int = 1
  ) throws -> (parts: [String], stopped: Bool) {
    let decoder = try TextDecoder(tokenizer, stop: stop)
    var held = TextDecoder.Held(), parts: [String] = []
    for start in stride(from: 0, to: tokens.count, by: part) {
      var text = String.UnicodeScalarView()
      let stopped = decoder.append(Array(tokens[start..<min(start + part, tokens.count)]), to: &held, &text)
      parts.append(String(text))
      if stopped {
        #expect(held.characters.isEmpty)
        return (parts, true)
      }
    }
    var text = String.UnicodeScalarView()
    decoder.finish(&held, &text)
    return (parts + [String(text)], false)
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
      let shown = try decode(Array(tokens.prefix(count)), .bytes).parts.joined()
      #expect(text.hasPrefix(shown) && !shown.unicodeScalars.contains("\u{FFFD}"))
    }
    // a stop string of several bytes
    let (stopped, isStopped) = try decode(tokens, .bytes, stop: ["€😀"])
    #expect(stopped.joined() == "aé" && isStopped)
  }

  /// The text does not depend on the parts, for any bytes.
  @Test func anyBytes() throws {
    let random = Random(seed: 2)
    // bytes near every border of UTF-8's tables
    let edges = [
      0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE2, 0xED, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF,
    ]
    for _ in 0..<3000 {
      let tokens = (0..<9).map { _ in edges[Int(random.next() % UInt64(edges.count))] }
      let whole = try decode(tokens, .bytes, part: 9).parts.joined()
      for part in [1, 2, 4] {
        #expect(try Array(decode(tokens, .bytes, part: part).parts.joined().utf8) == Array(whole.utf8), "\(tokens)")
      }
      let decoded = try tokens.map { Int64($0) }.withUnsafeBufferPointer { try Tokenizer.bytes.decode($0) }
      #expect(Array(decoded.utf8) == Array(whole.utf8), "\(tokens)")
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
