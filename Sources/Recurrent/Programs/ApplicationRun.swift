// The applications of one batch that are evaluated at a time: a forest whose nodes are nodes of the graph.

import Kernels

/// A batch's applications, level by level.
final class ApplicationRun {
  private let batch: ApplicationBatch
  /// The nodes by stage, and the first column of each.
  private let members: UnsafeMutablePointer<Int32>, columns: UnsafeMutablePointer<Int32>
  private var memberCount = 0
  /// Of each level the first member, the first column and the stage.
  private let firstMembers: UnsafeMutablePointer<Int32>, firstColumns: UnsafeMutablePointer<Int32>
  private let stages: UnsafeMutablePointer<Int32>
  private(set) var levelCount = 0
  private var widest = 0, total = 0
  /// The level that follows: forward the next one, backward the one after it.
  private var level = 0
  /// A node of a forest whose operands are the parameters.
  private let node: UnsafeMutablePointer<Node>, operands: UnsafeMutablePointer<OperandRef>
  private var scan: ProgramScan?, workspace: ProgramWorkspace?

  /// - Parameter count: the number of applications.
  init(_ graph: Graph, _ batch: ApplicationBatch, members count: Int) throws(RecurrentError) {
    self.batch = batch
    (members, columns) = (try graph.indices(count), try graph.indices(count + 1))
    (firstMembers, firstColumns) = (try graph.indices(count + 1), try graph.indices(count + 1))
    stages = try graph.indices(count)
    func allocate<Element>(_ count: Int, _: Element.Type) throws(RecurrentError) -> UnsafeMutablePointer<Element> {
      // 4 bytes an index
      let memory = UnsafeMutableRawPointer(try graph.indices(count * MemoryLayout<Element>.stride / 4 + 1))
      return memory.bindMemory(to: Element.self, capacity: count)
    }
    node = try allocate(1, Node.self)
    operands = try allocate(batch.parameters.count + batch.masks.count + 1, OperandRef.self)
  }

  /// Adds an application; those of earlier stages are added before.
  func append(_ node: Int, _ width: Int, _ stage: Int) {
    let limit = batch.program.columnsOfLevel
    if levelCount == 0 || stages[levelCount - 1] != stage || total - Int(firstColumns[levelCount - 1]) + width > limit {
      (firstMembers[levelCount], firstColumns[levelCount]) = (Int32(memberCount), Int32(total))
      stages[levelCount] = Int32(stage)
      levelCount += 1
    }
    (members[memberCount], columns[memberCount]) = (Int32(node), Int32(total))
    memberCount += 1
    // `allocate` refuses more columns than a Mat can have
    total = min(total + width, Mat.maxCount)
    widest = max(widest, total - Int(firstColumns[levelCount - 1]))
    (firstMembers[levelCount], firstColumns[levelCount]) = (Int32(memberCount), Int32(total))
  }

  /// Allocates the memory of the run.
  func allocate(_ graph: Graph) throws(RecurrentError) {
    let program = batch.program
    var scan = ProgramScan(
      program: .passUnretained(program), T: total, B: 1, tokens: nil, V: 0, isOneHot: false, lengths: nil,
      wantsInput: program.inputs > 0, hasHistory: graph.needsBackprop,
      threads: program.threads(columns: total / levelCount),
      levels: ForestLevels(firstColumns, count: levelCount, widest: widest, arity: program.children))
    let workspace = program.forestWorkspaces.workspace(scan, program), rows = program.states.reduce(0, +)
    try require(
      !workspace.regions.overflows && total < Mat.maxCount / rows, .badShape,
      "applications are too large; expected at most \(Mat.maxCount) elements in all states, got \(rows) x \(total)")
    scan.workspace = .passUnretained(workspace)
    (self.scan, self.workspace) = (scan, workspace)
    let first = graph.nodes[Int(members[0])]
    var result = first.result
    result.node = -1
    let scratch = try graph.allocate(workspace.regions.count, program.dtype)
    node.initialize(
      to: Node(
        operation: ProgramApplication.self, settings: (0, 0), first: 0,
        count: batch.parameters.count + batch.masks.count + 1, result: result, scratch: scratch))
    operands.initialize(to: graph.operands[first.first])
    let mask = operands + (program.inputs > 0 ? 1 : 0) + batch.parameters.count
    for (m, mat) in batch.masks.enumerated() { (mask + m).initialize(to: mat.operandRef) }
    readParameters(graph)
  }

  /// Reads where the parameters' values are: a write of the caller makes the graph copy them.
  private func readParameters(_ graph: Graph) {
    let node = graph.nodes[Int(members[0])], count = batch.parameters.count
    // x stands first
    let offset = batch.program.inputs > 0 ? 1 : 0
    for p in 0..<count {
      (operands + offset + p).initialize(to: graph.operands[node.first + node.count - count + p])
    }
  }

  func begin() { level = 0 }

  /// Computes the levels of a stage. Returns whether they are complete.
  func forward(_ graph: Graph, _ stage: Int) -> Bool {
    while level < levelCount && stages[level] == stage {
      switch batch.program.dtype {
      case .float32: ApplicationLevel<Float>(self, graph, level).forward()
      case .float64: ApplicationLevel<Double>(self, graph, level).forward()
      }
      level += 1
      if Interrupt.ofThread.isRequested { return false }
    }
    return true
  }

  /// Backpropagates through the levels of a stage. Returns whether they are complete.
  func backward(_ graph: Graph, _ stage: Int) -> Bool {
    while level > 0 && stages[level - 1] == stage {
      level -= 1
      if level == levelCount - 1 { readParameters(graph) }
      switch batch.program.dtype {
      case .float32: ApplicationLevel<Float>(self, graph, level).backward()
      case .float64: ApplicationLevel<Double>(self, graph, level).backward()
      }
      if Interrupt.ofThread.isRequested { return false }
    }
    return true
  }

  fileprivate func run<Scalar: Real>(_: Scalar.Type) -> ProgramRun<Scalar> {
    ProgramRun(scan.unsafelyUnwrapped, Operands(operands, node))
  }

  /// The members of a level.
  fileprivate func members(_ l: Int) -> Range<Int> { Int(firstMembers[l])..<Int(firstMembers[l + 1]) }
  /// The node of a member, and its first column.
  fileprivate func member(_ m: Int) -> (node: Int, column: Int) { (Int(members[m]), Int(columns[m])) }
  /// The columns of a level.
  fileprivate func columns(_ l: Int) -> Range<Int> { Int(firstColumns[l])..<Int(firstColumns[l + 1]) }
  fileprivate var last: Int { levelCount - 1 }
}

/// One level of a batch.
private struct ApplicationLevel<Scalar: Real> {
  let batch: ApplicationRun, graph: Graph, run: ProgramRun<Scalar>
  let level: Int, columns: Range<Int>

  init(_ batch: ApplicationRun, _ graph: Graph, _ level: Int) {
    (self.batch, self.graph, self.level) = (batch, graph, level)
    (run, columns) = (batch.run(Scalar.self), batch.columns(level))
  }

  /// Calls `body` with the node of each application, the views of its columns, and its settings.
  private func forEach(_ body: (_ node: Node, _ application: ProgramApplication, _ column: Int, _ count: Int) -> Void) {
    for m in batch.members(level) {
      let (index, column) = batch.member(m), node = graph.nodes[index], application = node.application
      body(node, application, column, Int(application.columns))
    }
  }

  /// The operand that is a state of a child; nil for zeros.
  private func operand(_ node: Node, _ application: ProgramApplication, state k: Int) -> OperandRef? {
    if application.present >> UInt64(k) & 1 == 0 { return nil }
    let before = (application.present & (1 << UInt64(k) - 1)).nonzeroBitCount
    return graph.operands[node.first + (run.plan.inputs > 0 ? 1 : 0) + before]
  }

  /// A state in a result.
  private func part(_ p: UnsafeMutableRawPointer, _ k: Int, _ count: Int) -> MatrixView<Scalar> {
    let states = run.plan.states, offset = ForestRun<Scalar>.offset(k, states, columns: count)
    return MatrixView(
      p.assumingMemoryBound(to: Scalar.self) + offset, rows: states[k], columns: count, columnStride: states[k])
  }

  func forward() {
    if level == 0 {
      run.gatherWeights()
      run.gatherBiases()
      run.packWeights(Team.alone, 0)
    }
    if run.plan.inputs > 0 {
      let x = run.x
      forEach { node, _, column, count in
        copy(graph.operands[node.first].w(Scalar.self), to: x.columns(column, count))
      }
    }
    for k in run.plan.before.indices {
      let to = run.states(k)
      forEach { node, application, column, count in
        if let from = operand(node, application, state: k) {
          copy(from.w(Scalar.self), to: to.columns(column, count))
        } else {
          fill(to.columns(column, count), with: 0)
        }
      }
    }
    let progress = Progress()
    ThreadPool.run(run.scan.threads) { thread, team in
      run.precomputeInput(columns, team, thread, progress)
      let code = run.forwardCode(team, thread)
      team.barrier()
      code.run(
        columns.lowerBound, columns: columns.count, mine: team.share(columns.count, thread), part: run.part, team)
      progress.count(run.stepWork * columns.count, thread)
    }
    for k in run.plan.states.indices {
      let from = run.statesAfter(k)
      forEach { node, _, column, count in copy(from.columns(column, count), to: part(node.result.w, k, count)) }
    }
  }

  func backward() {
    let first = columns.lowerBound
    if level == batch.last {
      run.gatherWeights()
      run.clearOutputGradient()
      run.clear(run.parameterGradients, 0..<run.T)
      run.packTransposed(Team.alone, 0)
    }
    for k in run.plan.states.indices {
      let to = run.carry(k, 0)
      forEach { node, _, column, count in copy(part(node.result.dw, k, count), to: to.columns(column - first, count)) }
    }
    let progress = Progress()
    ThreadPool.run(run.scan.threads) { thread, team in
      let code = run.backwardCode(team, thread, version: 0)
      team.barrier()
      code.run(first, columns: columns.count, mine: team.share(columns.count, thread), part: run.part, team)
      if thread == 0 { clearUnreached() }
      team.barrier()
      if run.scan.wantsInput { run.inputGradients(columns, team, thread, progress) }
      progress.count(2 * run.stepWork * columns.count, thread)
    }
    scatter()
    if level == 0 {
      ThreadPool.run(run.scan.threads) { thread, team in run.weightGradients(team, thread, progress) }
    }
  }

  /// An application that no gradient reaches adds nothing, whatever its derivatives are.
  private func clearUnreached() {
    forEach { node, _, column, count in
      if node.isReached { return }
      run.clearGradients(column..<column + count)
      for k in run.plan.before.indices { fill(run.carry(k, 1).columns(column - columns.lowerBound, count), with: 0) }
    }
  }

  /// Adds the gradients of x and of the children's states, in the order of a forest.
  private func scatter() {
    for k in run.plan.before.indices {
      let from = run.carry(k, 1)
      forEach { node, application, column, count in
        guard let to = operand(node, application, state: k) else { return }
        accumulate(from.columns(column - columns.lowerBound, count), times: 1, into: to.dw(Scalar.self))
      }
    }
    if run.plan.inputs == 0 { return }
    let dx = run.dx
    forEach { node, _, column, count in
      accumulate(dx.columns(column, count), times: 1, into: graph.operands[node.first].dw(Scalar.self))
    }
  }
}
