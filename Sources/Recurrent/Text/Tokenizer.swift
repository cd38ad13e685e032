// What a text model reads and writes, as numbers.

/// The tokens of a text model: the characters of a text, numbered from 0 by code point; or all 256 bytes.
///
/// A character is a Unicode scalar, as in Python's strings; nothing is normalized, merged or left out, so CRLF is two
/// and a letter with a combining mark is two.
public struct Tokenizer: Sendable {
  /// What a token stands for.
  public enum Kind: Int32, Sendable, CaseIterable, CustomStringConvertible {
    /// A Unicode scalar that occurs in the text.
    case characters = 0
    /// A byte of UTF-8, or of anything else.
    case bytes = 1

    /// The word for it.
    public var description: String { self == .characters ? "characters" : "bytes" }
  }

  /// What to do with a character that has no number.
  public enum Unknown: Equatable, Sendable {
    /// An error that names it and its position.
    case refuse
    /// Pass over it.
    case skip
    /// Read another character, one that has a number, in its place.
    case replace(Unicode.Scalar)
  }

  /// What a token stands for.
  public let kind: Kind
  /// The characters, token k at place k, in ascending order; empty for bytes.
  public let letters: [Unicode.Scalar]
  /// How many tokens there are.
  public var count: Int { kind == .bytes ? 256 : letters.count }

  /// Which row of `places` has the 256 scalars from 256·k on; row 0 is of those that have no number.
  private let rows: [Int32]
  /// Tokens, −1 for none.
  private let places: [Int32]

  /// All bytes.
  public static let bytes = Tokenizer(kind: .bytes, letters: [])

  /// The characters of a text.
  ///
  /// - Throws: `.badValue` for an empty text.
  public init(of text: String) throws(RecurrentError) {
    let bytes = Array(text.utf8)
    self = try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in try Tokenizer(utf8: bytes) }
  }

  /// The characters of a text in UTF-8.
  ///
  /// - Throws: `.badValue` for an empty text, or naming the first byte that is not UTF-8.
  public init(utf8 text: UnsafeBufferPointer<UInt8>) throws(RecurrentError) {
    try require(!text.isEmpty, .badValue, "there is nothing to learn from: the text is empty")
    var seen = [Bool](repeating: false, count: 0x110000), last: UInt32 = 0
    try Tokenizer.eachScalar(of: text) { (scalar, _) in
      seen[Int(scalar)] = true
      last = max(last, scalar)
    }
    var letters: [Unicode.Scalar] = []
    for scalar in 0...last where seen[Int(scalar)] {
      if let letter = Unicode.Scalar(scalar) { letters.append(letter) }
    }
    self.init(kind: .characters, letters: letters)
  }

  /// `letters` in this order, each once.
  init(kind: Kind, letters: [Unicode.Scalar]) {
    (self.kind, self.letters) = (kind, letters)
    var rows = [Int32](repeating: 0, count: 0x110000 >> 8), places = [Int32](repeating: -1, count: 256)
    for (token, letter) in letters.enumerated() {
      let row = Int(letter.value >> 8)
      if rows[row] == 0 {
        rows[row] = Int32(truncatingIfNeeded: places.count >> 8)
        places += [Int32](repeating: -1, count: 256)
      }
      places[Int(rows[row]) << 8 | Int(letter.value & 0xFF)] = Int32(truncatingIfNeeded: token)
    }
    (self.rows, self.places) = (rows, places)
  }

  /// The number of a character, or nil. Bytes have numbers, characters beyond ASCII have none of their own there.
  public func token(of letter: Unicode.Scalar) -> Int? {
    if kind == .bytes { return letter.isASCII ? Int(letter.value) : nil }
    let place = place(of: letter.value)
    return place < 0 ? nil : place
  }

  private func place(of scalar: UInt32) -> Int { Int(places[Int(rows[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)]) }

  // MARK: Text to tokens

  /// The tokens of a text.
  public func encode(_ text: String, unknown: Unknown = .refuse) throws(RecurrentError) -> [Int64] {
    let bytes = Array(text.utf8)
    var tokens = [Int64](repeating: 0, count: bytes.count), count = 0
    try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in
      try tokens.withUnsafeMutableBufferPointer { (tokens) throws(RecurrentError) in
        guard let start = tokens.baseAddress else { return }
        count = try encode(bytes, unknown: unknown, to: start)
      }
    }
    tokens.removeLast(tokens.count - count)
    return tokens
  }

  /// The tokens of a text in UTF-8; for an alphabet of bytes, of any bytes.
  ///
  /// - Parameters:
  ///   - text: the bytes.
  ///   - unknown: what to do with characters that have no number.
  ///   - tokens: has room for as many as there are bytes; untouched on failure.
  /// - Returns: how many tokens there are.
  /// - Throws: `.badValue` naming the first byte that is not UTF-8; or the first character without a number, and its
  ///   position; or a replacement without a number.
  public func encode(
    _ text: UnsafeBufferPointer<UInt8>, unknown: Unknown = .refuse, to tokens: UnsafeMutablePointer<Int64>
  ) throws(RecurrentError) -> Int {
    if kind == .bytes {
      for (i, byte) in text.enumerated() { tokens[i] = Int64(byte) }
      return text.count
    }
    var replacement = -1
    if case .replace(let letter) = unknown {
      replacement = place(of: letter.value)
      try require(
        replacement >= 0, .badValue, "the replacement \(name(of: letter)) is not in the alphabet either")
    }
    // once to see that all of it can be read, then to write
    var stranger: (scalar: UInt32, position: Int)?
    try Tokenizer.eachScalar(of: text) { (scalar, position) in
      if stranger == nil && place(of: scalar) < 0 { stranger = (scalar, position) }
    }
    if unknown == .refuse, let stranger, let letter = Unicode.Scalar(stranger.scalar) {
      throw RecurrentError(
        .badValue, "the character \(name(of: letter)) at position \(stranger.position) is not in the alphabet")
    }
    var count = 0
    try Tokenizer.eachScalar(of: text) { (scalar, _) in
      let place = place(of: scalar), token = place < 0 ? replacement : place
      if token >= 0 {
        tokens[count] = Int64(token)
        count += 1
      }
    }
    return count
  }

  // MARK: Tokens to text

  /// The text that tokens stand for, always valid UTF-8: of bytes, what is no UTF-8 becomes U+FFFD, and a character
  /// whose last bytes are yet to come is left out.
  ///
  /// - Throws: `.badIndex` naming a token that there is not.
  public func decode(_ tokens: UnsafeBufferPointer<Int64>) throws(RecurrentError) -> String {
    for (i, token) in tokens.enumerated() {
      try require(token >= 0 && token < count, .badIndex, "token \(i) is \(token), outside 0..<\(count)")
    }
    if kind == .characters {
      var text = String.UnicodeScalarView()
      for token in tokens { text.append(letters[Int(token)]) }
      return String(text)
    }
    let bytes = tokens.map { UInt8(truncatingIfNeeded: $0) }
    return String(decoding: bytes.dropLast(Tokenizer.unfinished(bytes)), as: UTF8.self)
  }

  /// How many bytes at the end begin a character that needs more of them.
  static func unfinished(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      return length(after: UInt32(byte)) > back ? back : 0
    }
    return 0
  }

  // MARK: UTF-8

  /// Calls `body` with every scalar and its position among them.
  ///
  /// - Throws: `.badValue` naming the first byte that is not UTF-8.
  @inline(__always)
  private static func eachScalar(
    of text: UnsafeBufferPointer<UInt8>, _ body: (_ scalar: UInt32, _ position: Int) -> Void
  ) throws(RecurrentError) {
    var at = 0, position = 0
    while at < text.count {
      let first = text[at]
      if first < 0x80 {
        body(UInt32(first), position)
        at += 1
      } else {
        let (scalar, length) = scalar(text, at)
        if length == 0 { throw RecurrentError(.badValue, "the text is not valid UTF-8 at byte \(at)") }
        body(scalar, position)
        at += length
      }
      position += 1
    }
  }

  /// How many bytes a character has that is not ASCII, by its first; 0 where none begins so.
  private static func length(after first: UInt32) -> Int {
    first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
  }

  /// The scalar of two to four bytes at `at`, and how many; 0 if they are not as Unicode's table 3-7 has them.
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
    // neither longer than need be, nor half of a surrogate pair, nor beyond the last
    let least: UInt32 = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000
    return scalar < least || scalar > 0x10FFFF || (0xD800..<0xE000).contains(scalar) ? (0, 0) : (scalar, length)
  }
}

extension Tokenizer: Equatable {
  /// The same tokens.
  public static func == (a: Tokenizer, b: Tokenizer) -> Bool { a.kind == b.kind && a.letters == b.letters }
}
