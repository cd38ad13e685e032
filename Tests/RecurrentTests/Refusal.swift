// Failures: their kind, and the words of their messages.

import Recurrent
import Testing

/// Expects `body` to be refused with `kind` and a message that contains all `words`.
func refused<R>(
  _ kind: RecurrentError.Kind, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> R
) {
  do {
    _ = try body()
    Issue.record("nothing was refused; expected \(kind)", sourceLocation: sourceLocation)
  } catch let error as RecurrentError {
    #expect(error.kind == kind, "\(error.description)", sourceLocation: sourceLocation)
    #expect(!error.description.isEmpty, sourceLocation: sourceLocation)
    for word in words {
      #expect(
        error.description.contains(word), "\"\(error.description)\" does not say \"\(word)\"",
        sourceLocation: sourceLocation)
    }
  } catch {
    Issue.record("\(error) is not a RecurrentError", sourceLocation: sourceLocation)
  }
}
