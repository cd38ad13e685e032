// The counts of campaigns, for the table of `make harden`.

import Foundation

/// Whether the environment has RECURRENT_HARDEN, which enables tests of every float and others that take minutes.
public let harden = ProcessInfo.processInfo.environment["RECURRENT_HARDEN"] != nil

private let interruptCheck = NSLock()

/// Runs a test that sets the interrupt check, which the process has once, while no other such test runs.
public func withInterruptCheck<R>(_ body: () throws -> R) rethrows -> R {
  interruptCheck.lock()
  defer { interruptCheck.unlock() }
  return try body()
}

/// The cases of a campaign so far, and those that broke its promise.
public struct Count {
  public var cases: Int, failures: Int

  /// Counts so far, none by default.
  public init(cases: Int = 0, failures: Int = 0) { (self.cases, self.failures) = (cases, failures) }
}

/// Runs a campaign and counts it. It is a failure from its beginning on: a case may end the process.
public func campaign(_ name: String, _ body: (inout Count) throws -> Void) rethrows {
  var count = Count()
  add(name, cases: 0, failures: 1)
  try body(&count)
  add(name, cases: count.cases, failures: count.failures - 1)
}

/// Appends a count to the file that the environment names in RECURRENT_CAMPAIGNS, one JSON object a line.
private func add(_ campaign: String, cases: Int, failures: Int) {
  guard let path = ProcessInfo.processInfo.environment["RECURRENT_CAMPAIGNS"], let file = fopen(path, "a") else {
    return
  }
  // one write: several processes append
  fputs("{\"campaign\": \"\(campaign)\", \"cases\": \(cases), \"failures\": \(failures)}\n", file)
  fclose(file)
}
