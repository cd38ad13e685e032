// The recording of one application of a program as one node.

import Kernels

/// One application of a program. Its node has x, the states that are not zeros, and the parameters as operands.
struct ProgramApplication: GraphOperation {
  /// The index of its batch among those of the nodes that are evaluated together.
  let batch: Int32
  let columns: Int32
  /// By bit, the states of children that are operands.
  let present: UInt64

  var name: String { "apply" }

  // an `ApplicationSchedule` computes all of a batch together
  func forward<T: Real>(_: Operands<T>) {}
  func backward<T: Real>(_: Operands<T>) {}

  var backwardReads: BackwardReads { .operands }
}

extension Graph {
  /// Records one application of a program: its step on one node, or on each of some columns.
  ///
  /// The result is computed on first access, together with all applications of the program with these parameters that
  /// wait for the same number of others: batched by height, as `forest` does, with the same bits of every state. Dropout and
  /// zoneout of the step are what they are in evaluation.
  ///
  ///     let leaf = try graph.apply(program, word, states: [])
  ///     let node = try graph.apply(program, nil, states: left + right)
  ///
  /// - Parameters:
  ///   - program: the step.
  ///   - x: the input, [I × B]; nil for a step without.
  ///   - states: those of the children, [rows × B] each, those of the first child first; nil for zeros. Empty for a node
  ///     without children.
  ///   - parameters: the Mats of the program's parameters; none for a step that captured them.
  /// - Returns: each state, [rows × B].
  /// - Throws: `.badShape`, `.badType` for arguments that do not fit, `.noMemory`.
  public func apply(
    _ program: Program, _ x: Mat?, states: [Mat?], parameters: [Mat] = []
  ) throws(RecurrentError) -> [Mat] {
    try program.requireNoPast("an application")
    try check(program, parameters: parameters)
    let B = try check(program, x, children: states), rows = program.states.reduce(0, +)
    try require(
      B <= Mat.maxCount / rows, .badShape,
      "x is too large; expected at most \(Mat.maxCount) elements in all states, got \(rows) x \(B)")
    let (index, batch) = try applications.batch(program, parameters, self)
    let all = try recording { () throws(RecurrentError) in
      let mark = operands.count
      var present: UInt64 = 0
      if let x { try appendOperand(x, "x") }
      for (k, state) in states.enumerated() {
        guard let state else { continue }
        try appendOperand(state, "states")
        present |= 1 << UInt64(k)
      }
      for parameter in batch.parameters { try appendOperand(parameter, "parameter") }
      // a node has an operand
      if operands.count == mark { try appendOperand(zeros(1, 1, program.dtype), "x") }
      let application = ProgramApplication(batch: Int32(index), columns: Int32(B), present: present)
      return try appendNode(application, since: mark, n: rows * B, d: 1)
    }
    return program.states.enumerated().map { k, n in
      all.part(ForestRun<Float>.offset(k, program.states, columns: B), n, B)
    }
  }

  /// The schedule of a graph with applications.
  private var applications: ApplicationSchedule {
    if let schedule { return unsafeDowncast(schedule, to: ApplicationSchedule.self) }
    let made = ApplicationSchedule()
    schedule = made
    return made
  }

  /// Returns the number of columns.
  private func check(_ program: Program, _ x: Mat?, children states: [Mat?]) throws(RecurrentError) -> Int {
    let count = program.states.count
    try require(
      states.isEmpty || states.count == count * program.children, .badShape,
      "states has the wrong length; expected \(count * program.children), \(count) for each child, or none, "
        + "got \(states.count)")
    try require(
      (x == nil) == (program.inputs == 0), .badShape,
      "x is \(x == nil ? "absent" : "unused"); expected \(program.inputs) rows, got \(x.map(\.shape) ?? "none")")
    let B = x?.d ?? states.lazy.compactMap { $0 }.first?.d ?? 1
    if let x {
      try require(
        x.n == program.inputs, .badShape,
        "x has the wrong shape; expected \(program.inputs) rows, got \(x.shape)")
      try require(
        x.dtype == program.dtype, .badType, "x has the wrong dtype; expected \(program.dtype), got \(x.dtype)")
    }
    for (k, state) in states.enumerated() {
      guard let state else { continue }
      try require(
        state.n == program.states[k % count] && state.d == B, .badShape,
        "states[\(k)] has the wrong shape; expected \(program.states[k % count]) x \(B), got \(state.shape)")
      try require(
        state.dtype == program.dtype, .badType,
        "states[\(k)] has the wrong dtype; expected \(program.dtype), got \(state.dtype)")
    }
    return B
  }
}
