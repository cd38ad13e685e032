// Letters and their numbers.

/// The letters of some sentences, numbered from 1; 0 is both START and END.
///
/// A letter is a Unicode scalar, as in Python's strings; nothing is normalized or merged.
///
/// Parity: the order is that of RecurrentJS, which is the order of a JavaScript object's keys: the digits first,
/// ascending, then the others as they first appear.
public struct Vocabulary {
  /// Letter k + 1 at place k.
  public let letters: [Unicode.Scalar]
  private let indices: [Unicode.Scalar: Int]

  /// The letters of `sentences`.
  public init(of sentences: [String]) {
    var seen: Set<Unicode.Scalar> = []
    var order: [Unicode.Scalar] = []
    for sentence in sentences {
      for letter in sentence.unicodeScalars where seen.insert(letter).inserted { order.append(letter) }
    }
    let digits = order.filter { ("0"..."9").contains($0) }.sorted()
    self.init(letters: digits + order.filter { !("0"..."9").contains($0) })
  }

  /// `letters` in this order, each once.
  init(letters: [Unicode.Scalar]) {
    self.letters = letters
    var indices: [Unicode.Scalar: Int] = [:]
    for (k, letter) in letters.enumerated() { indices[letter] = k + 1 }
    self.indices = indices
  }

  /// Rows of a letter table: the letters and the one for START and END.
  public var size: Int { letters.count + 1 }

  /// The numbers of a sentence's letters.
  ///
  /// - Throws: `.badValue` naming the first letter outside the vocabulary and its position.
  public func encode(_ sentence: String) throws(RecurrentError) -> [Int] {
    var numbers: [Int] = []
    numbers.reserveCapacity(sentence.utf8.count)
    for (position, letter) in sentence.unicodeScalars.enumerated() {
      guard let number = indices[letter] else {
        throw RecurrentError(
          .badValue,
          "the letter \(name(of: letter)) at position \(position) of the sentence is not in the vocabulary")
      }
      numbers.append(number)
    }
    return numbers
  }
}

/// `'x' (U+0078)`, or the code point alone where it cannot be shown.
func name(of letter: Unicode.Scalar) -> String {
  let hex = String(letter.value, radix: 16, uppercase: true)
  let code = "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
  let category = letter.properties.generalCategory
  switch category {
  case .control, .format, .surrogate, .unassigned, .privateUse, .lineSeparator, .paragraphSeparator: return code
  default: return "'\(letter)' (\(code))"
  }
}
