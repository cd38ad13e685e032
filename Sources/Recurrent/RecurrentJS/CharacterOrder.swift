// RecurrentJS's numbering of characters.

/// Returns the characters of the sentences that are not blank, in the order of their tokens.
///
/// Parity: the order is that of a JavaScript object's keys: digits first, ascending, then the others in the order of
/// their first occurrence.
func recurrentJSOrder(_ sentences: [String]) -> [Unicode.Scalar] {
  var seen: Set<Unicode.Scalar> = [], order: [Unicode.Scalar] = []
  for sentence in sentences where !sentence.unicodeScalars.allSatisfy({ $0.properties.isWhitespace }) {
    for character in sentence.unicodeScalars where seen.insert(character).inserted { order.append(character) }
  }
  func isDigit(_ character: Unicode.Scalar) -> Bool { ("0"..."9").contains(character) }
  return order.filter(isDigit).sorted() + order.filter { !isDigit($0) }
}
