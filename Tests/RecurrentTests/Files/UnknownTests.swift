// Names that a reader does not know: all of them in one sentence.

import Testing

@testable import Recurrent

@Suite struct UnknownTests {
  @Test func everyUnknownNameIsNamed() throws {
    try requireKnown(["a", "b"], among: ["a", "b", "c"], at: "model")
    try requireKnown([], among: [], at: "")
    refused(.badFormat, "d is unknown; expected a, b, got one more") {
      try requireKnown(["d", "a"], among: ["a", "b"], at: "")
    }
    refused(.badFormat, "model.d, model.c are unknown; expected its matrices, got 2 more") {
      try requireKnown(["d", "a", "c"], among: ["a"], at: "model", expected: "its matrices")
    }
  }
}
