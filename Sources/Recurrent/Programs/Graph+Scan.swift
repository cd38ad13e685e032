// The recording of a program over a whole sequence as one node.

import Kernels

extension Graph {
  /// Records a program over T time steps of B sequences as one operation.
  ///
  /// - Parameters:
  ///   - program: the step.
  ///   - x: the input, [I × T·B], column t·B + b; nil for a step without.
  ///   - states: the initial states, [rows × B] each.
  ///   - parameters: the Mats of the program's parameters; none for a step that captured them.
  ///   - T: the number of time steps.
  ///   - lengths: valid time steps of each sequence, 0 to T; nil for T. Beyond them outputs are 0, the other states stay,
  ///     and x may hold anything.
  ///   - resets: for each time step and sequence, t·B + b, whether the sequence begins there: the states before the step are
  ///     then `starts`, and no gradient passes; nil where none does.
  ///   - starts: [rows × 1] for each state; none for zeros.
  ///   - wantsInput: whether the gradient of x is needed.
  ///   - random: draws the masks of dropout and zoneout, parameters' first, then in the order of the operations; nil for
  ///     evaluation.
  /// - Returns: the outputs, [rows of the first state × T·B], and the final states.
  /// - Throws: `.badShape`, `.badType`, `.badIndex` for arguments that do not fit, `.noMemory`.
  public func scan(
    _ program: Program, _ x: Mat?, states: [Mat], parameters: [Mat] = [], steps T: Int, lengths: [Int]? = nil,
    resets: [Bool]? = nil, starts: [Mat] = [], wantsInput: Bool = true, random: Random? = nil
  ) throws(RecurrentError) -> (y: Mat, states: [Mat]) {
    var mats = states.map { [$0] }
    let mark = arena.mark
    do throws(RecurrentError) {
      let B = try check(program, x, hasTokens: false, mats, 0, parameters, T)
      let copied: UnsafeMutablePointer<Int32>? =
        if let lengths { try copyIndices(lengths, count: B, below: T + 1, "lengths") } else { nil }
      let begins: UnsafeMutablePointer<Int32>? =
        if let resets { try copyIndices(resets.lazy.map { $0 ? 1 : 0 }, count: T * B, below: 2, "resets") } else { nil }
      let y = try Random.restoring(random) { () throws(RecurrentError) in
        try scan(
          program, x, tokens: nil, states: &mats, 0, parameters: parameters, steps: T, lengths: copied,
          resets: begins, starts: starts, wantsInput: wantsInput, random: random)
      }
      return (y, mats.map { $0[0] })
    } catch {
      if nodes.isEmpty { arena.release(to: mark) }
      throw error
    }
  }

  /// Records a program whose lengths and tokens are in the graph's memory.
  ///
  /// - Parameters:
  ///   - x: with tokens a table of which they select rows; nil for one-hot tokens.
  ///   - states: for each state the Mats of all layers; those of layer k become the final ones.
  /// - Returns: the outputs.
  func scan(
    _ program: Program, _ x: Mat?, tokens: UnsafeMutablePointer<Int32>?, states: inout [[Mat]], _ k: Int,
    parameters: [Mat], steps T: Int, lengths: UnsafeMutablePointer<Int32>?,
    resets: UnsafeMutablePointer<Int32>? = nil, starts: [Mat] = [], wantsInput: Bool, random: Random?
  ) throws(RecurrentError) -> Mat {
    let B = try check(program, tokens == nil ? x : nil, hasTokens: tokens != nil, states, k, parameters, T)
    let parameters = try program.parameters(parameters, on: self, random)
    var (x, tokens, wantsInput) = (x, tokens, wantsInput)
    if let selected = tokens {
      if let table = x, !program.takesTable || table.n > T * B {
        // with more tokens than columns, one product per column costs less than one per token
        (x, tokens) = (try rowPluck(table, rows: selected, count: T * B), nil)
      } else if x == nil && !program.takesOneHotTokens {
        // a step that reads rows of x by themselves needs the columns
        x = try oneHot(selected, rows: program.inputs, columns: T * B, program.dtype)
        (tokens, wantsInput) = (nil, false)
      }
    }
    if resets != nil {
      try program.requireNoPast("resets")
      try check(program, starts: starts)
    }
    return try record(
      program, x, tokens, &states, k, parameters, random, T, B, lengths, resets, resets == nil ? [] : starts, wantsInput
    )
  }

  private func oneHot(
    _ tokens: UnsafeMutablePointer<Int32>, rows: Int, columns: Int, _ dtype: DType
  ) throws(RecurrentError) -> Mat {
    let x = try zeros(rows, columns, dtype)
    for j in 0..<columns {
      let at = j * rows + Int(tokens[j])
      switch dtype {
      case .float32: x.wStart.assumingMemoryBound(to: Float.self)[at] = 1
      case .float64: x.wStart.assumingMemoryBound(to: Double.self)[at] = 1
      }
    }
    return x
  }

  /// Checks the parameters of a run.
  func check(_ program: Program, parameters: [Mat]) throws(RecurrentError) {
    let declared = program.settings.parameters
    try require(
      parameters.count == declared.count, .badShape,
      "parameters has the wrong length; expected \(declared.count), got \(parameters.count)")
    for (mat, parameter) in zip(parameters, declared) {
      try require(
        mat.n == parameter.n && mat.d == parameter.d, .badShape,
        "parameter \(parameter.name) has the wrong shape; expected \(parameter.n) x \(parameter.d), got \(mat.shape)")
      try require(
        mat.dtype == program.dtype, .badType,
        "parameter \(parameter.name) has the wrong dtype; expected \(program.dtype), got \(mat.dtype)")
    }
  }

  /// Checks the states of sequences that begin.
  private func check(_ program: Program, starts: [Mat]) throws(RecurrentError) {
    if starts.isEmpty { return }
    try require(
      starts.count == program.states.count, .badShape,
      "starts has the wrong length; expected \(program.states.count), got \(starts.count)")
    for (k, start) in starts.enumerated() {
      try require(
        start.n == program.states[k] && start.d == 1, .badShape,
        "starts[\(k)] has the wrong shape; expected \(program.states[k]) x 1, got \(start.shape)")
    }
  }

  /// Returns the batch size.
  private func check(
    _ program: Program, _ x: Mat?, hasTokens: Bool, _ states: [[Mat]], _ layer: Int, _ parameters: [Mat], _ T: Int
  ) throws(RecurrentError) -> Int {
    try require(
      program.children == 1, .badShape,
      "program reads the states of \(program.children) nodes; expected one in a sequence, got a step for a forest")
    try check(program, parameters: parameters)
    try require(
      states.count == program.states.count, .badShape,
      "states has the wrong length; expected \(program.states.count), got \(states.count)")
    let B = states[0][layer].d
    for k in states.indices {
      let state = states[k][layer]
      try require(
        state.n == program.states[k] && state.d == B, .badShape,
        "states[\(k)] has the wrong shape; expected \(program.states[k]) x \(B), got \(state.shape)")
      try require(
        state.dtype == program.dtype, .badType,
        "states[\(k)] has the wrong dtype; expected \(program.dtype), got \(state.dtype)")
    }
    try require(T >= 1 && T <= Mat.maxCount, .badShape, "steps is out of range; expected at least 1, got \(T)")
    try require(
      hasTokens || (x == nil) == (program.inputs == 0), .badShape,
      "x is \(x == nil ? "absent" : "unused"); expected \(program.inputs) rows, got \(x.map(\.shape) ?? "none")")
    if let x {
      try require(
        x.n == program.inputs && x.d / T == B && x.d % T == 0, .badShape,
        "x has the wrong shape; expected \(program.inputs) x \(T)·\(B), got \(x.shape)")
      try require(
        x.dtype == program.dtype, .badType, "x has the wrong dtype; expected \(program.dtype), got \(x.dtype)")
    }
    return B
  }

  private func record(
    _ program: Program, _ x: Mat?, _ tokens: UnsafeMutablePointer<Int32>?, _ states: inout [[Mat]], _ layer: Int,
    _ parameters: [Mat], _ random: Random?, _ T: Int, _ B: Int, _ lengths: UnsafeMutablePointer<Int32>?,
    _ resets: UnsafeMutablePointer<Int32>?, _ starts: [Mat], _ wantsInput: Bool
  ) throws(RecurrentError) -> Mat {
    var scan = ProgramScan(
      program: .passUnretained(program), T: T, B: B, tokens: tokens, V: tokens == nil ? 0 : x?.n ?? program.inputs,
      isOneHot: tokens != nil && x == nil, lengths: lengths,
      wantsInput: wantsInput && x != nil, hasHistory: needsBackprop && !holdsInputs,
      threads: program.threads(columns: B))
    (scan.resets, scan.hasStarts) = (resets, !starts.isEmpty)
    let workspace = (scan.isStep ? program.stepWorkspaces : program.scanWorkspaces).workspace(scan, program)
    scan.workspace = .passUnretained(workspace)
    guard let count = ProgramRun<Float>.resultCount(program.states, T, B), !workspace.regions.overflows else {
      throw RecurrentError(
        .badShape,
        "sequence is too large; expected at most \(Mat.maxCount) elements in all states, got \(T) steps of \(B)")
    }
    defer { withExtendedLifetime(workspace) {} }
    let all = try recording { () throws(RecurrentError) in
      let mark = operands.count
      if let x { try appendOperand(x, "x") }
      for k in states.indices { try appendOperand(states[k][layer], "states") }
      for parameter in parameters { try appendOperand(parameter, "parameter") }
      try appendMasks(program, T, B, random)
      for start in starts { try appendOperand(start, "starts") }
      if needsBackprop {
        retained.append(program)
        retained.append(workspace)
      }
      return try appendNode(scan, since: mark, n: count, d: 1, scratch: workspace.regions.count)
    }
    for k in states.indices {
      states[k][layer] = all.part(ProgramRun<Float>.finalOffset(k, program.states, T, B), program.states[k], B)
    }
    let H = program.states[0]
    return all.part(H * B, H, T * B)
  }
}
