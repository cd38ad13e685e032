// Text from tokens: complete characters, up to a stop string.

/// Converts tokens to text as they are produced.
struct TextDecoder {
  /// Characters that may still become a stop string, and bytes of an incomplete character.
  struct Held {
    var characters: [Unicode.Scalar] = []
    var bytes: [UInt8] = []
  }

  let tokenizer: Tokenizer
  /// The stop strings.
  let stop: [[Unicode.Scalar]]
  /// The length of the longest stop string.
  var longest: Int { stop.reduce(0) { max($0, $1.count) } }

  init(_ tokenizer: Tokenizer, stop: [String]) throws(RecurrentError) {
    for (i, text) in stop.enumerated() {
      try require(!text.isEmpty, .badValue, "stop[\(i)] is empty; expected at least 1 character, got 0")
    }
    (self.tokenizer, self.stop) = (tokenizer, stop.map { Array($0.unicodeScalars) })
  }

  /// Appends the text of `tokens` that is certain to `text`; returns whether a stop string is complete.
  func append(_ tokens: [Int], to held: inout Held, _ text: inout String.UnicodeScalarView) -> Bool {
    if tokenizer.kind == .bytes {
      held.bytes += tokens.map { UInt8(truncatingIfNeeded: $0) }
      let complete = held.bytes.count - Tokenizer.incomplete(held.bytes)
      held.characters += String(decoding: held.bytes[..<complete], as: UTF8.self).unicodeScalars
      held.bytes.removeFirst(complete)
    } else {
      for token in tokens { if let character = tokenizer.character(of: token) { held.characters.append(character) } }
    }
    for end in stop where held.characters.count >= end.count && held.characters.suffix(end.count).elementsEqual(end) {
      text.append(contentsOf: held.characters.dropLast(end.count))
      held.characters = []
      return true
    }
    // the longest suffix that may become a stop string
    var keep = min(max(longest - 1, 0), held.characters.count)
    while keep > 0 && !stop.contains(where: { $0.starts(with: held.characters.suffix(keep)) }) { keep -= 1 }
    text.append(contentsOf: held.characters.dropLast(keep))
    held.characters.removeFirst(held.characters.count - keep)
    return false
  }

  /// Appends what is held back, except for an incomplete character.
  func finish(_ held: inout Held, _ text: inout String.UnicodeScalarView) {
    text.append(contentsOf: held.characters)
    held = Held()
  }
}
