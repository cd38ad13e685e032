// The recording of a program over the nodes of a forest as one node.

import Kernels

extension Graph {
  /// Records a program over the nodes of trees, or of directed graphs without circles, as one operation.
  ///
  /// The step of a node reads the states of its children, and its x. Nodes of one height are computed together: as one
  /// product for each stack of weights. A state has the same bits in any forest.
  ///
  ///     // the tree ((0 1) 2): three leaves, whose states are given, and two nodes
  ///     let states = try graph.forest(program, x, children: [0, 1, 3, 2], leaves: [h, c])
  ///     states[0]  // [H × 5]: h of the leaves, then of the nodes
  ///
  /// - Parameters:
  ///   - program: the step.
  ///   - x: the input, [I × nodes]; nil for a step without.
  ///   - children: `program.children` columns for each node: i is leaf i, or node i − leaves; −1 for none: its states are
  ///     zeros. A node can be the child of several. Children precede their parents.
  ///   - leaves: the states of leaves, [rows × leaves] each; none where nodes without children are all there is.
  ///   - parameters: the Mats of the program's parameters; none for a step that captured them.
  ///   - wantsInput: whether the gradient of x is needed.
  /// - Returns: each state of all leaves and nodes, [rows × leaves + nodes]. After `backward()` the gradient of a column
  ///   includes what its parents add.
  /// - Throws: `.badIndex` naming a node whose child does not precede it; `.badShape`, `.badType` for arguments that do
  ///   not fit; `.noMemory`.
  public func forest(
    _ program: Program, _ x: Mat?, children: [Int], leaves: [Mat] = [], parameters: [Mat] = [],
    wantsInput: Bool = true
  ) throws(RecurrentError) -> [Mat] {
    try children.withUnsafeBufferPointer { (children) throws(RecurrentError) in
      try forest(program, x, children: children, leaves: leaves, parameters: parameters, wantsInput: wantsInput)
    }
  }

  /// `forest` of children in memory of the caller, which is read once.
  package func forest(
    _ program: Program, _ x: Mat?, children: UnsafeBufferPointer<Int>, leaves: [Mat], parameters: [Mat],
    wantsInput: Bool = true
  ) throws(RecurrentError) -> [Mat] {
    try program.requireNoPast("a forest")
    try check(program, parameters: parameters)
    let leafCount = try check(program, leaves: leaves)
    let mark = arena.mark
    do throws(RecurrentError) {
      let levels = try ForestLevels(
        children, arity: program.children, leaves: leafCount, limit: program.columnsOfLevel
      ) {
        (count) throws(RecurrentError) in try indices(count)
      }
      try check(program, x, nodes: levels.nodes)
      return try record(program, x, levels, leaves, program.parameters(parameters, on: self), wantsInput)
    } catch {
      if nodes.isEmpty { arena.release(to: mark) }
      throw error
    }
  }

  /// Returns the number of leaves.
  private func check(_ program: Program, leaves: [Mat]) throws(RecurrentError) -> Int {
    guard let count = leaves.first?.d else { return 0 }
    try require(
      leaves.count == program.states.count, .badShape,
      "leaves has the wrong length; expected \(program.states.count) states, got \(leaves.count)")
    for (k, state) in leaves.enumerated() {
      try require(
        state.n == program.states[k] && state.d == count, .badShape,
        "leaves[\(k)] has the wrong shape; expected \(program.states[k]) x \(count), got \(state.shape)")
      try require(
        state.dtype == program.dtype, .badType,
        "leaves[\(k)] has the wrong dtype; expected \(program.dtype), got \(state.dtype)")
    }
    return count
  }

  private func check(_ program: Program, _ x: Mat?, nodes: Int) throws(RecurrentError) {
    try require(
      (x == nil) == (program.inputs == 0), .badShape,
      "x is \(x == nil ? "absent" : "unused"); expected \(program.inputs) rows, got \(x.map(\.shape) ?? "none")")
    guard let x else { return }
    try require(
      x.n == program.inputs && x.d == nodes, .badShape,
      "x has the wrong shape; expected \(program.inputs) x \(nodes), a column for each node, got \(x.shape)")
    try require(
      x.dtype == program.dtype, .badType, "x has the wrong dtype; expected \(program.dtype), got \(x.dtype)")
  }

  private func record(
    _ program: Program, _ x: Mat?, _ levels: ForestLevels, _ leaves: [Mat], _ parameters: [Mat], _ wantsInput: Bool
  ) throws(RecurrentError) -> [Mat] {
    var scan = ProgramScan(
      program: .passUnretained(program), T: levels.nodes, B: 1, tokens: nil, V: 0, isOneHot: false, lengths: nil,
      wantsInput: wantsInput && x != nil, hasHistory: needsBackprop,
      threads: program.threads(columns: levels.nodes / levels.count), levels: levels)
    let workspace = program.forestWorkspaces.workspace(scan, program)
    scan.workspace = .passUnretained(workspace)
    let columns = levels.leaves + levels.nodes, rows = program.states.reduce(0, +)
    try require(
      !workspace.regions.overflows && columns <= Mat.maxCount / rows, .badShape,
      "forest is too large; expected at most \(Mat.maxCount) elements in all states, got \(rows) x \(columns)")
    defer { withExtendedLifetime(workspace) {} }
    let operation = ProgramForest(scan: scan)
    let all = try recording { () throws(RecurrentError) in
      let mark = operands.count
      if let x { try appendOperand(x, "x") }
      for state in leaves { try appendOperand(state, "leaves") }
      for parameter in parameters { try appendOperand(parameter, "parameter") }
      try appendMasks(program, levels.nodes, 1, nil)
      // a node has an operand
      if operands.count == mark { try appendOperand(zeros(1, 1, program.dtype), "x") }
      if needsBackprop {
        retained.append(program)
        retained.append(workspace)
      }
      return try appendNode(operation, since: mark, n: rows * columns, d: 1, scratch: workspace.regions.count)
    }
    return program.states.enumerated().map { k, n in
      all.part(ForestRun<Float>.offset(k, program.states, columns: columns), n, columns)
    }
  }
}
