// Names that the caller chooses: of cells, states, parameters and values.

/// Refuses a name that is not an identifier.
///
/// - Parameters:
///   - name: what the caller gave.
///   - what: what has the name, for the message.
///   - beforeNumber: whether the number of a layer follows the name.
func requireIdentifier(
  _ name: String, _ what: @autoclosure () -> String, beforeNumber: Bool = false
) throws(RecurrentError) {
  func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
  func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte & 0xDF) || byte == 95 }
  let letters = name.utf8.allSatisfy { isLetter($0) || isDigit($0) }
  let isUsable =
    letters && (1...64).contains(name.utf8.count) && name.utf8.first.map { isLetter($0) } ?? false
    && !(beforeNumber && name.utf8.last.map { isDigit($0) } ?? false)
  let ends = beforeNumber ? ", the last not a digit" : ""
  try require(
    isUsable, .badValue,
    "\(what()) is unusable; expected 1 to 64 letters, digits and underscores, the first not a digit\(ends), "
      + "got '\(name.unicodeScalars.prefix(80).map { String($0) }.joined())'")
}
