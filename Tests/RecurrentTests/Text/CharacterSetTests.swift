// The characters of texts in the order of their tokens; RecurrentJS's order of sentences.

import Testing

@testable import Recurrent

@Suite struct CharacterSetTests {
  private func order(_ kind: Tokenizer.Kind = .sentences, _ sentences: String...) throws -> String {
    var characters = try CharacterSet(for: kind)
    for sentence in sentences { try Array(sentence.utf8).withUnsafeBufferPointer { try characters.insert($0) } }
    let ordered = try characters.ordered()
    return String(String.UnicodeScalarView(ordered.elements))
  }

  @Test func digitsComeFirst() throws {
    // a JavaScript object lists its integer keys before the others, ascending
    #expect(try order(.sentences, "b9a0", "c5b") == "059bac")
    #expect(try order(.sentences, "hello") == "helo")
    // other digits are ordinary characters
    #expect(try order(.sentences, "a٣1") == "1a٣")
    #expect(try order(.characters, "b9a0 ", " c5b") == " 059abc")
  }

  @Test func charactersAreUnicodeScalars() throws {
    // a family of three with joiners, a flag, a combining accent, the composed letter, the Kelvin sign
    let sentences = ["👨‍👩‍👧", "🇫🇷", "e\u{301}", "\u{E9}", "K", "\u{212A}"]
    let tokenizer = try Tokenizer(.sentences, texts: sentences)
    #expect(
      tokenizer.characters.map { $0.value } == [
        0x1F468, 0x200D, 0x1F469, 0x1F467, 0x1F1EB, 0x1F1F7, 0x65, 0x301, 0xE9, 0x4B, 0x212A,
      ])
    #expect(try tokenizer.encode("\u{E9}") == [9])
    #expect(try tokenizer.encode("e\u{301}") == [7, 8])
    #expect(try tokenizer.encode("👨‍👧") == [1, 2, 4])
    #expect(try tokenizer.encode("\u{212A}K") == [11, 10])
    #expect(tokenizer.count == 12)
  }

  @Test func blankSentencesHaveNoCharacters() throws {
    #expect(try order() == "" && order(.sentences, "", "") == "")
    #expect(try order(.sentences, " \t", "\u{A0}\u{2003}") == "")
    #expect(try order(.sentences, "  ", "a b") == "a b")
  }

  @Test func unknownCharactersAreNamed() throws {
    let tokenizer = try Tokenizer(.sentences, texts: ["héllo wörld"])
    refused(.badValue, "text[4]", "'z' (U+007A)") { try tokenizer.encode("hlloz") }
    refused(.badValue, "text[0]", "'😀' (U+1F600)") { try tokenizer.encode("😀") }
    // characters that cannot be displayed, or change the direction of the message, are named by code point alone
    for (character, code) in [
      ("\n", "U+000A"), ("\u{0}", "U+0000"), ("\u{202E}", "U+202E"), ("\u{E000}", "U+E000"), ("\u{2028}", "U+2028"),
    ] {
      refused(.badValue, "text[2]", "got \(code)") { try tokenizer.encode("hé" + character) }
    }
  }
}
