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

/// Appends the count of a campaign to the file that the environment names in RECURRENT_CAMPAIGNS, one JSON object a line.
public func count(_ campaign: String, cases: Int, failures: Int) {
  guard let path = ProcessInfo.processInfo.environment["RECURRENT_CAMPAIGNS"], let file = fopen(path, "a") else {
    return
  }
  // one write: several processes append
  fputs("{\"campaign\": \"\(campaign)\", \"cases\": \(cases), \"failures\": \(failures)}\n", file)
  fclose(file)
}
