// Optimizers for tests.

@testable import Recurrent

extension Optimizer {
  /// From a name and further settings as the members of a JSON object.
  convenience init(_ name: String, _ settings: String = "") throws(RecurrentError) {
    try self.init(settings: "{\"name\": \"\(name)\"\(settings.isEmpty ? "" : ", ")\(settings)}")
  }
}
