// UTF-8: validation, incomplete characters, and repair.

extension Tokenizer {
  /// Counts the bytes at the end that begin a valid character and do not complete it.
  static func incomplete(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      guard length(after: UInt32(byte)) > back else { return 0 }
      return back == 1 || isSecond(bytes[bytes.count - back + 1], after: byte) ? back : 0
    }
    return 0
  }

  /// Appends a text in which U+FFFD replaces what is not UTF-8: one for each beginning of a character that is not
  /// completed, and one for each byte that begins none.
  static func appendRepaired(
    _ text: UnsafeBufferPointer<UInt8>, to result: inout Buffer<UInt8>
  ) throws(RecurrentError) {
    var at = 0
    while at < text.count {
      var length = text[at] < 0x80 ? 1 : scalar(text, at).length
      if length > 0 {
        try result.append(UnsafeBufferPointer(rebasing: text[at..<at + length]))
      } else {
        length = 1
        for count in 2...3 where at + count <= text.count {
          if incomplete(UnsafeBufferPointer(rebasing: text[at..<at + count])) == count { length = count }
        }
        try result.append(contentsOf: UTF8.encodedReplacementCharacter)
      }
      at += length
    }
  }

  /// Whether a continuation byte may follow a first byte, by Unicode's table 3-7.
  private static func isSecond(_ byte: UInt8, after first: UInt8) -> Bool {
    switch first {
    case 0xE0: byte >= 0xA0
    case 0xED: byte < 0xA0
    case 0xF0: byte >= 0x90
    case 0xF4: byte < 0x90
    default: true
    }
  }

  /// Calls `body` with every scalar and its position among them.
  ///
  /// - Throws: `.badValue` naming the first byte that is not UTF-8.
  @inline(__always)
  static func eachScalar(
    of text: UnsafeBufferPointer<UInt8>, _ body: (_ scalar: UInt32, _ position: Int) throws(RecurrentError) -> Void
  ) throws(RecurrentError) {
    var at = 0, position = 0
    while at < text.count {
      let first = text[at]
      if first < 0x80 {
        try body(UInt32(first), position)
        at += 1
      } else {
        let (scalar, length) = scalar(text, at)
        if length == 0 {
          throw RecurrentError(
            .badValue,
            "text is not valid UTF-8; expected a complete character at byte \(at), got 0x\(String(first, radix: 16))")
        }
        try body(scalar, position)
        at += length
      }
      position += 1
    }
  }

  /// Returns the length in bytes of a character beyond ASCII by its first byte; 0 for an invalid first byte.
  private static func length(after first: UInt32) -> Int {
    first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
  }

  /// Decodes the two to four bytes at `at`; the length is 0 if they violate Unicode's table 3-7.
  private static func scalar(_ text: UnsafeBufferPointer<UInt8>, _ at: Int) -> (scalar: UInt32, length: Int) {
    let first = UInt32(text[at])
    let length = length(after: first)
    if length == 0 || text.count - at < length { return (0, 0) }
    var scalar = first & (0x7F >> UInt32(length))
    for k in 1..<length {
      let byte = UInt32(text[at + k])
      if byte & 0xC0 != 0x80 { return (0, 0) }
      scalar = scalar << 6 | byte & 0x3F
    }
    // neither overlong, nor half of a surrogate pair, nor beyond the last scalar
    let smallest: UInt32 = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000
    return scalar < smallest || scalar > 0x10FFFF || (0xD800..<0xE000).contains(scalar) ? (0, 0) : (scalar, length)
  }
}
