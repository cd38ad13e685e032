// The rule of every reader: a name that it does not know is refused, never dropped.

/// Requires that every name is known; the error names all that are not.
///
/// - Parameters:
///   - path: the owner of the names, for messages; empty for a whole document.
///   - expected: the known names in words, for messages; the names themselves where absent.
func requireKnown(
  _ names: some Sequence<String>, among known: [String], at path: String, expected: String? = nil
) throws(RecurrentError) {
  let set = Set(known), unknown = names.filter { !set.contains($0) }
  if unknown.isEmpty { return }
  let listed = unknown.map { path.isEmpty ? $0 : "\(path).\($0)" }.joined(separator: ", ")
  throw RecurrentError(
    .badFormat,
    "\(listed) \(unknown.count == 1 ? "is" : "are") unknown; expected \(expected ?? known.joined(separator: ", ")), "
      + "got \(unknown.count == 1 ? "one" : "\(unknown.count)") more")
}
