// Letters and their numbers.

import Recurrent
import Testing

@Suite struct VocabularyTests {
  private func letters(_ sentences: String...) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: Vocabulary(of: sentences).letters)
    return String(text)
  }

  @Test func digitsComeFirst() {
    // a JavaScript object lists its integer keys before the others, ascending
    #expect(letters("b9a0", "c5b") == "059bac")
    #expect(letters("hello") == "helo")
    // other digits are letters like any other
    #expect(letters("a٣1") == "1a٣")
  }

  @Test func aLetterIsAUnicodeScalar() throws {
    // a family of three with joiners, a flag, a combining accent, the same letter composed
    let vocabulary = Vocabulary(of: ["👨‍👩‍👧", "🇫🇷", "e\u{301}", "\u{E9}", "K", "\u{212A}"])
    #expect(
      vocabulary.letters.map { $0.value } == [
        0x1F468, 0x200D, 0x1F469, 0x1F467, 0x1F1EB, 0x1F1F7, 0x65, 0x301, 0xE9, 0x4B, 0x212A,
      ])
    #expect(try vocabulary.encode("\u{E9}") == [9])
    #expect(try vocabulary.encode("e\u{301}") == [7, 8])
    #expect(try vocabulary.encode("👨‍👧") == [1, 2, 4])
    #expect(try vocabulary.encode("\u{212A}K") == [11, 10])
    #expect(vocabulary.size == 12)
  }

  @Test func encodesByPlace() throws {
    let vocabulary = Vocabulary(of: ["hello"])
    #expect(try vocabulary.encode("hello") == [1, 2, 3, 3, 4])
    #expect(try vocabulary.encode("") == [])
  }

  @Test func anUnknownLetterIsNamedWithItsPlace() {
    let vocabulary = Vocabulary(of: ["héllo wörld"])
    refused(.badValue, "'z' (U+007A)", "position 4") { try vocabulary.encode("hlloz") }
    refused(.badValue, "'😀' (U+1F600)", "position 0") { try vocabulary.encode("😀") }
    // what cannot be shown, or would change how the message reads, is named by number alone
    for (letter, code) in [
      ("\n", "U+000A"), ("\u{0}", "U+0000"), ("\u{202E}", "U+202E"), ("\u{E000}", "U+E000"),
      ("\u{2028}", "U+2028"),
    ] {
      refused(.badValue, " \(code) at position 2") { try vocabulary.encode("hé" + letter) }
    }
  }

  @Test func nothingHasNoLetters() {
    #expect(Vocabulary(of: []).size == 1)
    #expect(Vocabulary(of: ["", ""]).letters.isEmpty)
  }
}
