// Error messages of range checks.

import Testing

@testable import Recurrent

@Suite struct RecurrentErrorTests {
  @Test func messagesNameArgumentExpectationAndValue() {
    refused(.badValue, "rate is out of range; expected 0.0 to 1.0, got 2.0") { try require(2, "rate", in: 0...1) }
    refused(.badValue, "std is out of range; expected a finite number of at least 0.0, got -1.0") {
      try require(-1, "std", in: 0 ... .infinity)
    }
    refused(.badValue, "got inf") { try require(.infinity, "std", in: 0 ... .infinity) }
    refused(.badValue, "epsilon is out of range; expected a finite number above 0, got 0.0") {
      try require(0, isPositive: "epsilon")
    }
    refused(.badValue, "got nan") { try require(.nan, isPositive: "epsilon") }
  }

  @Test func aMessageIsBuiltOnlyOnFailure() throws {
    var built = 0
    func message() -> String {
      built += 1
      return "message"
    }
    try require(true, .badValue, message())
    #expect(built == 0)
    refused(.badIndex, "message") { try require(false, .badIndex, message()) }
    #expect(built == 1)
  }
}
