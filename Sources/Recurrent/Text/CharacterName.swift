// The name of a character in messages.

/// Returns `'x' (U+0078)`, or the code point alone for a character that cannot be displayed.
func name(of character: Unicode.Scalar) -> String {
  let hex = String(character.value, radix: 16, uppercase: true)
  let code = "U+" + String(repeating: "0", count: max(0, 4 - hex.count)) + hex
  switch character.properties.generalCategory {
  case .control, .format, .surrogate, .unassigned, .privateUse, .lineSeparator, .paragraphSeparator: return code
  default: return "'\(character)' (\(code))"
  }
}
