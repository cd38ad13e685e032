// Conversion between text and tokens.

/// The tokens of a text model.
///
/// A character is a Unicode scalar, as in Python's strings; nothing is normalized or merged, so CRLF is two characters
/// and a letter with a combining mark is two.
public struct Tokenizer: Sendable {
  /// What a token stands for.
  public enum Kind: String, Sendable, CaseIterable {
    /// A character that occurs in the given texts, numbered from 0 by code point.
    case characters
    /// A byte.
    case bytes
    /// RecurrentJS's: token 0 is the boundary of a sentence; characters are numbered from 1.
    case sentences
    /// A word, a mark or a character of white space: a tokenizer of the `tokenizers` package that Python trains.
    case words
    /// A byte-level byte pair: a tokenizer of the `tokenizers` package that Python trains.
    case bpe
    /// Any other tokenizer of the `tokenizers` package.
    case custom

    /// Whether tokens are numbers here: only the `tokenizers` package converts between them and text.
    public var isNumeric: Bool { self == .words || self == .bpe || self == .custom }
  }

  /// The handling of characters outside the vocabulary.
  public enum Errors: Equatable, Sendable {
    /// An error that names the character and its position.
    case strict
    /// The character is skipped.
    case ignore
    /// Another character, one of the vocabulary, takes its place.
    case replace(Unicode.Scalar)
  }

  /// What a token stands for.
  public let kind: Kind
  /// The number of tokens.
  public var count: Int { numeric?.count ?? vocabulary.map { $0.characters.count + $0.first } ?? 256 }
  /// The JSON of the `tokenizers` package, kept as it is; nil if tokens are not numbers.
  public var json: String? { numeric?.json }
  /// The characters in the order of their tokens, without a boundary; empty for bytes and numbers.
  public var characters: [Unicode.Scalar] { vocabulary.map { Array($0.characters.elements) } ?? [] }

  /// nil for bytes and numbers.
  let vocabulary: Vocabulary?
  /// The JSON and the number of tokens that are numbers.
  private let numeric: (json: String, count: Int)?

  /// The tokenizer of bytes.
  public static let bytes = Tokenizer()

  private init() { (kind, vocabulary, numeric) = (.bytes, nil, nil) }

  /// Creates the tokenizer of one text's characters.
  ///
  /// - Throws: `.badValue` for an empty text.
  public init(of text: String) throws(RecurrentError) { try self.init(.characters, texts: [text]) }

  /// Creates a tokenizer of the `tokenizers` package, whose tokens are numbers here.
  ///
  /// - Parameters:
  ///   - kind: `.words`, `.bpe` or `.custom`.
  ///   - json: its JSON, which is kept as it is and not read.
  ///   - count: the number of tokens, at least 1.
  /// - Throws: `.badValue` for an empty JSON or a count out of range.
  public init(_ kind: Kind, json: String, count: Int) throws(RecurrentError) {
    try require(
      kind.isNumeric, .badValue, "tokenizer is wrong; expected words, bpe or custom, got \(kind.rawValue)")
    try require(!json.isEmpty, .badValue, "the JSON of the tokenizer is empty; expected an object, got no text")
    try require(
      count > 0 && count <= Mat.maxCount, .badValue,
      "vocabulary_size is out of range; expected 1 to \(Mat.maxCount), got \(count)")
    (self.kind, vocabulary, numeric) = (kind, nil, (json, count))
  }

  /// Creates a tokenizer of the characters of some texts; `.bytes` needs none.
  ///
  /// - Throws: `.badValue` if no text has a character, and for a kind whose tokens are numbers.
  public init(_ kind: Kind, texts: [String]) throws(RecurrentError) {
    try Tokenizer.requireText(of: kind)
    if kind == .bytes {
      self = .bytes
      return
    }
    var characters = try CharacterSet(for: kind)
    for text in texts {
      try Array(text.utf8).withUnsafeBufferPointer { (text) throws(RecurrentError) in try characters.insert(text) }
    }
    try self.init(kind, characters)
  }

  /// Creates the tokenizer of the characters of a text in UTF-8.
  ///
  /// - Throws: `.badValue` for an empty text, or naming the first byte that is not UTF-8.
  package init(utf8 text: UnsafeBufferPointer<UInt8>) throws(RecurrentError) {
    var characters = try CharacterSet(for: .characters)
    try characters.insert(text)
    try self.init(.characters, characters)
  }

  /// Creates a tokenizer of a set of characters.
  ///
  /// - Throws: `.badValue` for an empty set, `.noMemory`.
  package init(_ kind: Kind, _ characters: consuming CharacterSet) throws(RecurrentError) {
    try self.init(kind: kind, characters: characters.ordered())
    try require(
      vocabulary?.characters.isEmpty == false, .badValue, "text is empty; expected at least 1 character, got 0")
  }

  /// Creates a tokenizer of `characters` in this order, each of which occurs once.
  init(kind: Kind, characters: consuming Buffer<Unicode.Scalar>) throws(RecurrentError) {
    (self.kind, vocabulary, numeric) = (kind, try Vocabulary(characters, first: kind == .sentences ? 1 : 0), nil)
  }

  /// Returns the token of a character, nil outside the vocabulary. In bytes, characters beyond ASCII have no token.
  public func token(of character: Unicode.Scalar) -> Int? {
    if kind == .bytes { return character.isASCII ? Int(character.value) : nil }
    // of numbers there is no vocabulary
    let token = token(of: character.value)
    return token < 0 ? nil : token
  }

  /// Returns the character of a token; nil for a boundary or a byte.
  public func character(of token: Int) -> Unicode.Scalar? {
    guard let vocabulary, token >= vocabulary.first, token < count else { return nil }
    return vocabulary.characters[token - vocabulary.first]
  }

  private func token(of scalar: UInt32) -> Int { vocabulary?.token(of: scalar) ?? -1 }

  /// Requires a tokenizer that converts between tokens and text here.
  ///
  /// - Throws: `.badValue` naming the tokenizer.
  package func requireText() throws(RecurrentError) { try Tokenizer.requireText(of: kind) }

  private static func requireText(of kind: Kind) throws(RecurrentError) {
    try require(
      !kind.isNumeric, .badValue,
      "tokenizer has no text here; expected characters, bytes or sentences, got \(kind.rawValue), which the `tokenizers` "
        + "package of Python reads")
  }

  // MARK: Text to tokens

  /// Converts a text to tokens.
  public func encode(_ text: String, errors: Errors = .strict) throws(RecurrentError) -> [Int64] {
    let bytes = Array(text.utf8)
    return try bytes.withUnsafeBufferPointer { (bytes) throws(RecurrentError) in try encode(bytes, errors: errors) }
  }

  /// Converts a text in UTF-8 to tokens; with `.bytes`, any bytes.
  package func encode(
    _ text: UnsafeBufferPointer<UInt8>, errors: Errors = .strict
  ) throws(RecurrentError) -> [Int64] {
    try tokens(of: text, errors: errors).array()
  }

  /// Converts a text in UTF-8 to tokens, as `encode`.
  package func tokens(
    of text: UnsafeBufferPointer<UInt8>, errors: Errors = .strict
  ) throws(RecurrentError) -> Buffer<Int64> {
    try requireText()
    var tokens = try Buffer<Int64>(repeating: 0, count: text.count)
    let count = try encode(text, errors: errors, to: tokens.elements)
    tokens.removeLast(tokens.count - count)
    return tokens
  }

  /// Converts a text in UTF-8 to tokens; with `.bytes`, any bytes.
  ///
  /// - Parameters:
  ///   - text: the bytes.
  ///   - errors: the handling of characters outside the vocabulary.
  ///   - tokens: receives at most one token per byte, and is as long as `text` at least; unchanged on failure.
  /// - Returns: the number of tokens.
  /// - Throws: `.badValue` naming the first byte that is not UTF-8, the first character outside the vocabulary and its
  ///   position, or a replacement outside the vocabulary; `.shortBuffer`.
  package func encode(
    _ text: UnsafeBufferPointer<UInt8>, errors: Errors = .strict, to tokens: UnsafeMutableBufferPointer<Int64>
  ) throws(RecurrentError) -> Int {
    try require(
      tokens.count >= text.count, .shortBuffer,
      "tokens is too short; expected at least \(text.count) elements, got \(tokens.count)")
    try requireText()
    if kind == .bytes {
      for (i, byte) in text.enumerated() { tokens[i] = Int64(byte) }
      return text.count
    }
    var replacement = -1
    if case .replace(let character) = errors {
      replacement = token(of: character.value)
      try require(
        replacement >= 0, .badValue,
        "replacement is outside the vocabulary; expected one of its characters, got \(name(of: character))")
    }
    var unknown: (scalar: UInt32, position: Int)?
    func requireKnown() throws(RecurrentError) {
      guard errors == .strict, let unknown, let character = Unicode.Scalar(unknown.scalar) else { return }
      throw RecurrentError(
        .badValue,
        "text[\(unknown.position)] is outside the vocabulary; expected one of its characters, got \(name(of: character))"
      )
    }
    // the first pass validates, so that a failure leaves `tokens` unchanged
    try Tokenizer.eachScalar(of: text) { (scalar, position) in
      if unknown == nil && token(of: scalar) < 0 { unknown = (scalar, position) }
    }
    try requireKnown()
    // the second validates again: another thread may have written into the text
    var count = 0
    try Tokenizer.eachScalar(of: text) { (scalar, position) in
      let known = token(of: scalar), token = known < 0 ? replacement : known
      if token >= 0 {
        tokens[count] = Int64(token)
        count += 1
      } else if unknown == nil {
        unknown = (scalar, position)
      }
    }
    try requireKnown()
    return count
  }

  // MARK: Tokens to text

  /// Converts tokens to text, always valid UTF-8: an invalid byte becomes U+FFFD, an incomplete character at the end
  /// is omitted, a boundary is nothing.
  ///
  /// - Throws: `.badIndex` naming a token out of range.
  package func decode(_ tokens: UnsafeBufferPointer<Int64>) throws(RecurrentError) -> String {
    let bytes = try bytes(of: tokens),
      complete = bytes.count - Tokenizer.incomplete(UnsafeBufferPointer(bytes.elements))
    return String(decoding: bytes.elements.prefix(complete), as: UTF8.self)
  }

  /// Converts tokens to the bytes of their text: UTF-8, and of a tokenizer of bytes the bytes as they are; a boundary
  /// is nothing.
  ///
  /// - Throws: `.badIndex` naming a token out of range.
  package func decodeBytes(_ tokens: UnsafeBufferPointer<Int64>) throws(RecurrentError) -> [UInt8] {
    try bytes(of: tokens).array()
  }

  /// Converts tokens to the bytes of their text, as `decodeBytes`.
  package func bytes(of tokens: UnsafeBufferPointer<Int64>) throws(RecurrentError) -> Buffer<UInt8> {
    try requireText()
    var bytes = Buffer<UInt8>()
    for (i, token) in tokens.enumerated() {
      try require(
        token >= 0 && token < count, .badIndex,
        "tokens[\(i)] is out of range; expected 0 to \(count - 1), got \(token)")
      try append(Int(token), to: &bytes)
    }
    return bytes
  }

  /// Appends the bytes of a token.
  func append(_ token: Int, to bytes: inout Buffer<UInt8>) throws(RecurrentError) {
    if kind == .bytes {
      try bytes.append(UInt8(truncatingIfNeeded: token))
    } else if let character = character(of: token) {
      try bytes.append(contentsOf: UTF8.encode(character) ?? UTF8.encodedReplacementCharacter)
    }
  }
}

extension Tokenizer: Equatable {
  /// The same tokens.
  public static func == (a: Tokenizer, b: Tokenizer) -> Bool {
    guard let ours = a.vocabulary, let others = b.vocabulary else {
      return a.kind == b.kind && a.json == b.json && a.count == b.count
    }
    return a.kind == b.kind && ours.characters.elements.elementsEqual(others.characters.elements)
  }
}
