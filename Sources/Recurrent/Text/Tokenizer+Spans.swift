// Conversions of the caller's arrays, through spans.

extension Tokenizer {
  /// Converts a text in UTF-8 to tokens; with `.bytes`, any bytes.
  ///
  /// - Parameters:
  ///   - text: the bytes.
  ///   - errors: the handling of characters outside the vocabulary.
  /// - Returns: the tokens.
  /// - Throws: `.badValue` naming the first byte that is not UTF-8, the first character outside the vocabulary and its
  ///   position, or a replacement outside the vocabulary.
  public func encode(bytes text: Span<UInt8>, errors: Errors = .strict) throws(RecurrentError) -> [Int64] {
    try text.withUnsafeBufferPointer { (text) throws(RecurrentError) in try encode(text, errors: errors) }
  }

  /// Converts tokens to text, always valid UTF-8: an invalid byte becomes U+FFFD, an incomplete character at the end
  /// is omitted, a boundary is nothing.
  ///
  /// - Throws: `.badIndex` naming a token out of range.
  public func decode(_ tokens: Span<Int64>) throws(RecurrentError) -> String {
    try tokens.withUnsafeBufferPointer { (tokens) throws(RecurrentError) in try decode(tokens) }
  }

  /// Converts tokens to the bytes of their text: UTF-8, and of a tokenizer of bytes the bytes as they are; a boundary
  /// is nothing.
  ///
  /// - Throws: `.badIndex` naming a token out of range.
  public func decodeBytes(_ tokens: Span<Int64>) throws(RecurrentError) -> [UInt8] {
    try tokens.withUnsafeBufferPointer { (tokens) throws(RecurrentError) in try decodeBytes(tokens) }
  }
}
