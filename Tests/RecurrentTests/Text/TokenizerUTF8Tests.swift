// Repair of UTF-8, against the standard library's.

import Testing

@testable import Recurrent

@Suite struct TokenizerUTF8Tests {
  private func repaired(_ bytes: [UInt8]) throws -> [UInt8] {
    var result = Buffer<UInt8>()
    try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in
      try Tokenizer.appendRepaired(bytes, to: &result)
    }
    return result.array()
  }

  @Test func validTextIsCopied() throws {
    for text in ["", "a", "é", "€", "😀", "aé€😀z", "\u{FFFD}", "\0"] {
      #expect(try repaired(Array(text.utf8)) == Array(text.utf8))
    }
  }

  /// One U+FFFD for each beginning of a character that is not completed, and for each byte that begins none.
  @Test func invalidBytes() throws {
    let replacement = Array("\u{FFFD}".utf8)
    for (bytes, count) in [
      ([0xFF], 1), ([0x80, 0x80], 2), ([0xC0, 0x80], 2), ([0xE2, 0x82], 1), ([0xF0, 0x9F, 0x98], 1),
      ([0xED, 0xA0, 0x80], 3), ([0xF4, 0x90, 0x80, 0x80], 4), ([0xE2, 0x82, 0xE2, 0x82], 2), ([0xC3, 0xC3], 2),
    ] as [([UInt8], Int)] {
      #expect(try repaired(bytes) == Array(repeatElement(replacement, count: count).joined()), "\(bytes)")
      #expect(try repaired(bytes + [0x61]).last == 0x61)
    }
  }

  /// Every two bytes and the bytes around each limit, in all orders, as the standard library repairs them.
  @Test func asTheStandardLibrary() throws {
    let limits: [UInt8] = [
      0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0,
      0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
    ]
    var wrong: [[UInt8]] = []
    func check(_ bytes: [UInt8]) throws {
      if try repaired(bytes) != Array(String(decoding: bytes, as: UTF8.self).utf8) { wrong.append(bytes) }
    }
    for a in 0...255 as ClosedRange<UInt8> { for b in 0...255 as ClosedRange<UInt8> { try check([a, b]) } }
    for a in limits {
      for b in limits {
        for c in limits { for d in [0x61, 0x80, 0xBF, 0xC2, 0xF0] as [UInt8] { try check([a, b, c, d]) } }
      }
    }
    #expect(wrong.isEmpty, "\(wrong.prefix(5))")
  }
}
