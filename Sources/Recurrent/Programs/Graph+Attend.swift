// Attention of a step over the states before it.

import Kernels

extension Graph {
  /// Records attention of a step over the past of states: Luong, Pham and Manning, arXiv:1508.04025, equations 7 and 8, over
  /// the network's own states, as in Cheng, Dong and Lapata, arXiv:1601.06733.
  ///
  ///     y = Σₛ pₛ vₛ,  p = softmax(query · kₛ)  over the time steps s = 0 … t
  ///
  /// kₛ and vₛ are the states before time step s of the same sequence, so that k₀ is the initial one. The past begins with a
  /// run: its work is O(T²).
  ///
  /// - Parameters:
  ///   - query: as many rows as the keys. Scores are not scaled: scale the query.
  ///   - keys: a state of the step, as it was given.
  ///   - values: another one, or the same, with as many rows.
  /// - Throws: `.invalidated` for a graph that records no step; `.badShape`.
  public func attend(_ query: Mat, keys: Mat, values: Mat) throws(RecurrentError) -> Mat {
    try requireStep("attend")
    for (mat, name) in [(keys, "keys"), (values, "values")] {
      try require(
        mat.n == query.n && mat.d == query.d, .badShape,
        "\(name) of attend has the wrong shape; expected \(query.shape) as query, got \(mat.shape)")
    }
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(query, "query")
      try appendOperand(keys, "keys")
      try appendOperand(values, "values")
      return try appendNode(StepAttend(), since: mark, n: query.n, d: query.d)
    }
  }
}

private struct StepAttend: GraphOperation {
  var name: String { "attend" }

  // a step's graph only records: the first step's past is its state
  func forward<T: Real>(_ args: Operands<T>) { copy(args[2], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { accumulate(args.dy, times: 1, into: args.gradient(2)) }

  var backwardReads: BackwardReads { BackwardReads() }

  var recordedOperation: RecordedOperation? { .attend }
}

extension Program {
  /// Whether the step attends to the past, which begins with a run: single steps would forget it.
  var attends: Bool { !plan.attended.isEmpty }

  /// Refuses a step that attends to the past.
  func requireNoPast(_ use: StaticString) throws(RecurrentError) {
    try require(
      !attends, .badValue,
      "step attends to the past; expected one whose states hold all that it reads for \(use), got one with attend")
  }
}
