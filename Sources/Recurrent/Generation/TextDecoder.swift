// Text from tokens: complete characters, up to a stop string.

/// Converts tokens to the bytes of a text as they are produced: UTF-8, and any bytes of a tokenizer of bytes.
struct TextDecoder {
  let tokenizer: Tokenizer
  /// The stop strings in UTF-8.
  let stop: [[UInt8]]
  /// The length of the longest stop string in bytes.
  var longest: Int { stop.reduce(0) { max($0, $1.count) } }

  /// - Throws: `.badValue` for an empty stop string, and a tokenizer whose tokens are numbers.
  init(_ tokenizer: Tokenizer, stop: [String]) throws(RecurrentError) {
    try tokenizer.requireText()
    for (i, text) in stop.enumerated() {
      try require(!text.isEmpty, .badValue, "stop[\(i)] is empty; expected at least 1 character, got 0")
    }
    (self.tokenizer, self.stop) = (tokenizer, stop.map { Array($0.utf8) })
  }

  /// Appends the text of a token that is certain to `text`; returns whether a stop string is complete.
  ///
  /// - Parameter held: the bytes of an incomplete character and a possible beginning of a stop string, which are held
  ///   back.
  func append(
    _ token: Int, to held: inout Buffer<UInt8>, _ text: inout Buffer<UInt8>
  ) throws(RecurrentError) -> Bool {
    try tokenizer.append(token, to: &held)
    let bytes = UnsafeBufferPointer(held.elements)
    for end in stop where bytes.count >= end.count && bytes.suffix(end.count).elementsEqual(end) {
      try text.append(UnsafeBufferPointer(rebasing: bytes.dropLast(end.count)))
      held.removeAll()
      return true
    }
    // the longest suffix that may become a stop string, which begins with a character
    var keep = min(max(longest - 1, 0), bytes.count)
    while keep > 0 && !stop.contains(where: { $0.starts(with: bytes.suffix(keep)) }) { keep -= 1 }
    keep = max(keep, Tokenizer.incomplete(bytes))
    try text.append(UnsafeBufferPointer(rebasing: bytes.dropLast(keep)))
    held.removeFirst(bytes.count - keep)
    return false
  }
}
