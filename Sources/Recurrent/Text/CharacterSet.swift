// The distinct characters of texts, and their tokens.

/// The characters that occur in some texts.
package struct CharacterSet: ~Copyable {
  private let kind: Tokenizer.Kind
  /// A bit per scalar.
  private var bits: Buffer<UInt64>
  /// For sentences, in the order of the first occurrence.
  private var order = Buffer<Unicode.Scalar>()

  /// - Parameter kind: the kind of tokenizer that they are for; not `.bytes`.
  package init(for kind: Tokenizer.Kind) throws(RecurrentError) {
    self.kind = kind
    bits = try Buffer(repeating: 0, count: 0x110000 / 64)
  }

  /// Inserts the characters of a text in UTF-8; of sentences, unless it is blank.
  ///
  /// - Throws: `.badValue` naming the first byte that is not UTF-8, `.noMemory`.
  package mutating func insert(_ text: UnsafeBufferPointer<UInt8>) throws(RecurrentError) {
    let bits = bits.start.unsafelyUnwrapped
    if kind == .sentences {
      var isBlank = true
      try Tokenizer.eachScalar(of: text) { (scalar, _) in
        if isBlank, Unicode.Scalar(scalar)?.properties.isWhitespace != true { isBlank = false }
      }
      if isBlank { return }
    }
    try Tokenizer.eachScalar(of: text) { (scalar, _) throws(RecurrentError) in
      let word = Int(scalar >> 6), bit: UInt64 = 1 << UInt64(scalar & 63)
      if bits[word] & bit == 0 {
        bits[word] |= bit
        if kind == .sentences, let character = Unicode.Scalar(scalar) { try order.append(character) }
      }
    }
  }

  /// The characters in the order of their tokens: by code point.
  ///
  /// Parity: of sentences the order is that of a JavaScript object's keys: digits first, ascending, then the others in
  /// the order of their first occurrence.
  package consuming func ordered() throws(RecurrentError) -> Buffer<Unicode.Scalar> {
    func isDigit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
    var characters = Buffer<Unicode.Scalar>()
    for (word, bits) in bits.elements.enumerated() where bits != 0 {
      for bit in 0..<64 where bits >> UInt64(bit) & 1 == 1 {
        guard let character = Unicode.Scalar(UInt32(64 * word + bit)) else { continue }
        if kind == .characters || isDigit(character) { try characters.append(character) }
      }
    }
    for character in order.elements where !isDigit(character) { try characters.append(character) }
    return characters
  }
}

/// The characters of a tokenizer in the order of their tokens, and the token of each. Immutable.
final class Vocabulary: @unchecked Sendable {
  let characters: Buffer<Unicode.Scalar>
  /// The token of the first character.
  let first: Int
  /// Which row of `table` has the 256 scalars from 256·k on; row 0 has no token.
  private let rows: Buffer<Int32>
  /// Tokens, −1 for scalars without one.
  private let table: Buffer<Int32>

  /// - Parameter characters: each once.
  init(_ characters: consuming Buffer<Unicode.Scalar>, first: Int) throws(RecurrentError) {
    var rows = try Buffer<Int32>(repeating: 0, count: 0x110000 >> 8), used: Int32 = 0
    let row = rows.start.unsafelyUnwrapped
    for character in characters.elements where row[Int(character.value >> 8)] == 0 {
      used += 1
      row[Int(character.value >> 8)] = used
    }
    var table = try Buffer<Int32>(repeating: -1, count: 256 * Int(used + 1))
    for (k, character) in characters.elements.enumerated() {
      table[Int(row[Int(character.value >> 8)]) << 8 | Int(character.value & 0xFF)] = Int32(
        truncatingIfNeeded: k + first)
    }
    self.characters = characters
    self.rows = rows
    self.table = table
    self.first = first
  }

  /// The token of a scalar; −1 for none.
  func token(of scalar: UInt32) -> Int {
    let rows = rows.start.unsafelyUnwrapped, table = table.start.unsafelyUnwrapped
    return Int(table[Int(rows[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)])
  }
}
