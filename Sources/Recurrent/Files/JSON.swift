// A strict JSON parser and writer (RFC 8259).

/// A JSON value. Objects keep the order of their members.
enum JSON: Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array(List<JSON>)
  case object(List<Member>)

  /// The deepest nesting that is accepted; this library's documents have at most five levels.
  static let maxDepth = 64

  /// - Throws: `.badFormat` with the byte offset for anything that is not one JSON value in UTF-8, for numbers too
  ///   large for a double, for duplicate keys, lone surrogates, and nesting beyond `maxDepth`.
  /// - Parameters:
  ///   - name: the text's name in messages.
  ///   - wholeNumbers: whether decimals and exponents are refused too.
  init(
    parsing bytes: UnsafeBufferPointer<UInt8>, _ name: String = "the document", wholeNumbers: Bool = false
  ) throws(RecurrentError) {
    var parser = Parser(bytes, name, wholeNumbers)
    self = try parser.document()
  }

  /// As above, of a short text.
  init(parsing bytes: [UInt8], _ name: String = "the document") throws(RecurrentError) {
    self = try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in try JSON(parsing: bytes, name) }
  }

  /// The value's kind, for messages.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// Recursive descent over bytes, no deeper than `JSON.maxDepth`.
private struct Parser: ~Copyable {
  private let bytes: UnsafeBufferPointer<UInt8>
  /// The bytes of the string that is read.
  private var text = Buffer<UInt8>()
  private var at = 0
  private var depth = 0
  private let name: String
  private let wholeNumbers: Bool

  init(_ bytes: UnsafeBufferPointer<UInt8>, _ name: String, _ wholeNumbers: Bool) {
    (self.bytes, self.name, self.wholeNumbers) = (bytes, name, wholeNumbers)
  }

  mutating func document() throws(RecurrentError) -> JSON {
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { at = 3 }  // a byte order mark, which Windows editors add
    skipSpace()
    let value = try value()
    skipSpace()
    if at < bytes.count { throw fail("end of text") }
    return value
  }

  private mutating func value() throws(RecurrentError) -> JSON {
    guard let byte = peek else { throw fail("a value") }
    switch byte {
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    default: throw fail("a value")
    }
  }

  private mutating func object() throws(RecurrentError) -> JSON {
    try enter()
    let members = JSON.List<JSON.Member>()
    var seen = HashTable<Key, Bool>()
    if !take(UInt8(ascii: "}")) {
      repeat {
        skipSpace()
        if peek != UInt8(ascii: "\"") { throw fail("a key in quotes") }
        let start = at
        let key = try string()
        if seen[Key(text: key)] != nil {
          at = start
          throw fail("each key once", "\"\(key)\" twice")
        }
        try seen.set(Key(text: key), to: true)
        if !take(UInt8(ascii: ":")) { throw fail("':'") }
        skipSpace()
        try members.append((key, value()))
      } while take(UInt8(ascii: ","))
      if !take(UInt8(ascii: "}")) { throw fail("',' or '}'") }
    }
    depth -= 1
    return .object(members)
  }

  private mutating func array() throws(RecurrentError) -> JSON {
    try enter()
    let items = JSON.List<JSON>()
    if !take(UInt8(ascii: "]")) {
      repeat {
        skipSpace()
        try items.append(value())
      } while take(UInt8(ascii: ","))
      if !take(UInt8(ascii: "]")) { throw fail("',' or ']'") }
    }
    depth -= 1
    return .array(items)
  }

  private mutating func string() throws(RecurrentError) -> String {
    let start = at
    at += 1
    text.removeAll()
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        at += 1
        guard let string = String(validating: text.elements, as: UTF8.self) else {
          at = start
          throw fail("a string of valid UTF-8", "other bytes")
        }
        return string
      case UInt8(ascii: "\\"):
        try text.append(contentsOf: String(escape()).utf8)
      case 0..<0x20:
        throw fail("an escaped control character")
      default:
        try text.append(byte)
        at += 1
      }
    }
    at = start
    throw fail("a string with a closing quote", "a string without one")
  }

  private mutating func escape() throws(RecurrentError) -> Unicode.Scalar {
    let start = at
    at += 1
    guard let byte = peek else { throw fail("an escape") }
    at += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      var code = try hex()
      if (0xD800..<0xDC00).contains(code), peek == UInt8(ascii: "\\"), at + 1 < bytes.count,
        bytes[at + 1] == UInt8(ascii: "u")
      {
        at += 2
        let low = try hex()
        if (0xDC00..<0xE000).contains(low) { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
      }
      guard let scalar = Unicode.Scalar(code) else {
        at = start
        throw fail(
          "a surrogate pair",
          "half of one; JavaScript splits characters beyond U+FFFF, remove them from the sentences")
      }
      return scalar
    default:
      at = start
      throw fail("an escape of JSON", "another escape")
    }
  }

  private mutating func hex() throws(RecurrentError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek, let digit = hexValue(byte) else { throw fail("four hexadecimal digits after \\u") }
      code = code << 4 | digit
      at += 1
    }
    return code
  }

  private func hexValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }

  private mutating func number() throws(RecurrentError) -> Double {
    let start = at
    if peek == UInt8(ascii: "-") { at += 1 }
    if peek == UInt8(ascii: "0") {
      at += 1
    } else if !digits() {
      throw fail("a digit")
    }
    if peek == UInt8(ascii: ".") {
      at += 1
      if !digits() { throw fail("a digit") }
    }
    if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
      at += 1
      if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
      if !digits() { throw fail("a digit") }
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if wholeNumbers && Int64(text) == nil {
      at = start
      throw fail("a whole number of 64 bits", "\(text.prefix(40))")
    }
    guard let number = Double(text), number.isFinite else {
      at = start
      throw fail("a number of 64 bits", "\(text.prefix(40))")
    }
    return number
  }

  private mutating func digits() -> Bool {
    let start = at
    while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { at += 1 }
    return at > start
  }

  private mutating func word(_ word: StaticString, _ value: JSON) throws(RecurrentError) -> JSON {
    let letters = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    if !bytes[at...].starts(with: letters) { throw fail("a value") }
    at += letters.count
    return value
  }

  private mutating func enter() throws(RecurrentError) {
    depth += 1
    if depth > JSON.maxDepth { throw fail("values nested at most \(JSON.maxDepth) deep", "deeper ones") }
    at += 1
  }

  /// Skips white space and, if it is next, `byte`.
  private mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    if peek != byte { return false }
    at += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { at += 1 }
  }

  private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  private var shown: String {
    guard let byte = peek else { return "end of text" }
    return byte > 0x20 && byte < 0x7F ? "'\(Unicode.Scalar(byte))'" : "byte \(byte)"
  }

  /// - Parameter got: the next byte unless another is given.
  private func fail(_ expected: String, _ got: String? = nil) -> RecurrentError {
    RecurrentError(
      .badFormat, "\(name) is not valid JSON at byte \(at); expected \(expected), got \(got ?? shown)")
  }
}

// MARK: Writing

extension JSON {
  /// A value of the library's own as text.
  var text: String {
    var bytes: [UInt8] = []
    write { bytes.append($0) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends the value as UTF-8.
  func write(to out: inout Buffer<UInt8>) throws(RecurrentError) {
    try write { (byte) throws(RecurrentError) in try out.append(byte) }
  }

  /// Calls `out` with the bytes of the value in UTF-8. Numbers are the shortest that read back as the same double.
  private func write<E: Error>(_ out: (UInt8) throws(E) -> Void) throws(E) {
    switch self {
    case .null: try JSON.write("null".utf8, out)
    case .bool(let value): try JSON.write((value ? "true" : "false").utf8, out)
    case .number(let value):
      // integers as JavaScript writes them, 20 and not 20.0
      if value == value.rounded(), value.magnitude < 0x1p53, !(value == 0 && value.sign == .minus) {
        try JSON.write(String(Int64(value)).utf8, out)
      } else {
        try JSON.write(value.description.utf8, out)
      }
    case .string(let text): try JSON.write(text, out)
    case .array(let items):
      try out(UInt8(ascii: "["))
      for (i, item) in items.enumerated() {
        if i > 0 { try out(UInt8(ascii: ",")) }
        try item.write(out)
      }
      try out(UInt8(ascii: "]"))
    case .object(let members):
      try out(UInt8(ascii: "{"))
      for (i, member) in members.enumerated() {
        if i > 0 { try out(UInt8(ascii: ",")) }
        try JSON.write(member.key, out)
        try out(UInt8(ascii: ":"))
        try member.value.write(out)
      }
      try out(UInt8(ascii: "}"))
    }
  }

  private static func write<E: Error>(_ text: String, _ out: (UInt8) throws(E) -> Void) throws(E) {
    try out(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        try out(UInt8(ascii: "\\"))
        try out(byte)
      case 0..<0x20:
        let hex = String(byte, radix: 16)
        try write(("\\u" + String(repeating: "0", count: 4 - hex.count) + hex).utf8, out)
      default: try out(byte)
      }
    }
    try out(UInt8(ascii: "\""))
  }

  private static func write<E: Error>(_ bytes: some Sequence<UInt8>, _ out: (UInt8) throws(E) -> Void) throws(E) {
    for byte in bytes { try out(byte) }
  }
}
