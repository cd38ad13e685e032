// Applications of programs anywhere in a graph: batches, their order, and what is refused.

import Testing

@testable import Recurrent

struct ApplicationTests {
  private func binary(
    _ I: Int, _ H: Int, leaves: Int, _ children: [[Int]], _ dtype: DType = .float64
  ) throws -> ForestCase {
    try ForestCase(
      inputs: I, states: [H, H], parameters: TreeLSTM.binaryParameters(I, H), leaves: leaves, children: children,
      dtype: dtype, Random(seed: 5), TreeLSTM.binary(H))
  }

  /// A full tree of eight leaves, and a list.
  private let trees = [
    [0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11], [12, 13], [0, 1], [15, 2], [16, 3], [17, 4],
  ]

  private func levels(_ g: Graph) throws -> [Int] {
    let schedule = try #require(g.schedule as? ApplicationSchedule)
    return schedule.segments.flatMap { $0.runs.map { $0.levelCount } }
  }

  @Test(arguments: [DType.float32, .float64], [1, 20])
  func hasTheBitsOfAForest(_ dtype: DType, _ H: Int) throws {
    let c = try binary(3, H, leaves: 8, trees, dtype), program = try c.programOfArguments(), g = Graph()
    let applied = try c.applied(program, g), planned = try c.planned(program)
    for (a, b) in zip(applied.tensors, planned.tensors) where a.name != "dleaves 0" && a.name != "dleaves 1" {
      #expect(a.name == b.name)
      // leaves have two parents: the sum of three gradients has another order
      if !a.name.hasPrefix("dstate") { #expect(a.numbers == b.numbers, "\(a.name)") }
    }
    #expect(StepCase.difference(applied, planned).error < (dtype == .float64 ? 1e-14 : 1e-6))
    // eleven nodes in four batches
    #expect(try levels(g) == [4])
  }

  @Test func threadsDoNotChangeBits() throws {
    let count = ThreadPool.count
    defer { try? ThreadPool.set(count) }
    let children = ForestCase.children(120, arity: 2, leaves: 60, Random(seed: 1))
    let c = try binary(70, 70, leaves: 60, children, .float32), program = try c.program()
    var expected: [[Double]] = []
    for threads in 1...4 {
      try ThreadPool.set(threads)
      let outcome = try c.applied(program).tensors.map { $0.numbers }
      if threads == 1 { expected = outcome } else { #expect(outcome == expected, "\(threads) threads") }
    }
  }

  /// Two programs in turns, inputs that are looked up one by one, a loss at every node.
  @Test func batchesAcrossOperations() throws {
    let H = 6, random = Random(seed: 9)
    func mat(_ n: Int, _ d: Int) throws -> Mat {
      let m = try Mat(n, d, .float64)
      try m.fillUniform(-0.8, 0.8, random)
      return m
    }
    let table = try mat(10, 4), W = try mat(H, 4), L = try mat(H, H), R = try mat(H, H), out = try mat(3, H)
    let all = [table, W, L, R, out]
    func leafStep(_ g: Graph, _ x: Mat) throws(RecurrentError) -> Mat { try g.tanh(g.mul(W, x)) }
    func nodeStep(_ g: Graph, _ l: Mat, _ r: Mat) throws(RecurrentError) -> Mat {
      try g.tanh(g.add(g.mul(L, l), g.mul(R, r)))
    }
    let leaf = try Program(inputs: 4, states: [H], dtype: .float64) { g, x, s throws(RecurrentError) in
      guard let x else { return s }
      return [try leafStep(g, x)]
    }
    let node = try Program(inputs: 0, states: [H], children: 2, dtype: .float64) { g, _, s throws(RecurrentError) in
      [try nodeStep(g, s[0], s[1])]
    }
    func run(_ g: Graph, isApplied: Bool) throws -> [[Double]] {
      for m in all { try m.zeroGradient() }
      var losses: [Mat] = []
      func grow(_ depth: Int, _ token: Int) throws -> Mat {
        let h: Mat
        if depth == 0 {
          let x = try g.rowPluck(table, token)
          h = isApplied ? try g.apply(leaf, x, states: [])[0] : try leafStep(g, x)
        } else {
          let l = try grow(depth - 1, token), r = try grow(depth - 1, (3 * token + depth) % 10)
          h = isApplied ? try g.apply(node, nil, states: [l, r])[0] : try nodeStep(g, l, r)
        }
        losses.append(try g.crossEntropy(g.mul(out, h), [token % 3]))
        return h
      }
      for token in 0..<5 { _ = try grow(3, token) }
      var loss = losses[0]
      for other in losses.dropFirst() { loss = try g.add(loss, other) }
      try g.backward(from: loss)
      return try [[loss.rows()[0]]] + all.map { try $0.gradientRows() }
    }
    let g = Graph()
    let outcomes = [try run(Graph(), isApplied: false), try run(g, isApplied: true)].map {
      StepCase.Outcome(tensors: $0.enumerated().map { ("\($0.offset)", $0.element) })
    }
    #expect(StepCase.difference(outcomes[1], outcomes[0]).error < 1e-12)
    // all leaves are a batch, and the nodes of each height
    #expect(try levels(g) == [1, 3])
  }

  @Test func aReadEndsABatch() throws {
    let c = try binary(3, 8, leaves: 8, trees), program = try c.program(), g = Graph()
    let read = try c.applied(program, g, reading: 4), whole = try c.applied(program)
    #expect(StepCase.difference(read, whole).error < 1e-13)
    #expect(try levels(g) == [1, 2, 3])
  }

  @Test func columnsAreNodes() throws {
    let c = try binary(3, 8, leaves: 8, trees), program = try c.program(), x = try #require(c.x), g = Graph()
    // four nodes at once
    func columns(_ chosen: [Int]) throws -> [Mat] {
      try c.leaves.map { leaf in
        try g.concatColumns(chosen.map { try leaf.view(row: 0, column: $0, n: 8, d: 1) })
      }
    }
    let l = try columns([0, 2, 4, 6]), r = try columns([1, 3, 5, 7])
    let four = try g.apply(program, x.view(row: 0, column: 0, n: 3, d: 4), states: l + r)
    let forest = try g.forest(program, x, children: trees.flatMap { $0 }, leaves: c.leaves)
    #expect(try four[0].rows() == forest[0].view(row: 0, column: 8, n: 8, d: 4).rows())
    #expect(try four[1].rows() == forest[1].view(row: 0, column: 8, n: 8, d: 4).rows())
  }

  @Test func aWriteBetweenChangesNothing() throws {
    let c = try binary(3, 8, leaves: 8, trees), program = try c.program()
    let before = try c.parameters.map { try $0.rows() }
    let x = try #require(c.x), column = try x.view(row: 0, column: 0, n: 3, d: 1)
    func run(_ g: Graph, isWritten: Bool) throws -> [[Double]] {
      for m in c.parameters + [x] { try m.zeroGradient() }
      let a = try g.apply(program, column, states: []), b = try g.apply(program, column, states: a + a)
      if isWritten {
        for p in c.parameters { try p.set(rows: p.rows().map { _ in 3 }) }
      }
      let values = try b[0].rows()
      try b[0].set(gradientRows: values)
      try g.backward()
      let gradients = try (c.parameters + [x]).map { try $0.gradientRows() }
      for (p, rows) in zip(c.parameters, before) { try p.set(rows: rows) }
      return [values] + gradients
    }
    #expect(try run(Graph(), isWritten: true) == run(Graph(), isWritten: false))
  }

  /// A parameter that the step computes from its weights is computed again after a write.
  @Test func computedParametersFollowAWrite() throws {
    let W = try Mat(2, 2, .float64), x = try Mat(2, 1, .float64), g = Graph()
    let program = try Program(inputs: 2, states: [2], dtype: .float64) { g, x, s throws(RecurrentError) in
      guard let x else { return s }
      return [try g.tanh(g.mul(g.square(W), x))]
    }
    try x.set(rows: [1, 1])
    for value in [0.5, 0.25] {
      try W.set(rows: [value, 0, 0, value])
      let y = try g.apply(program, x, states: [])[0]
      #expect(try y.rows() == g.tanh(g.mul(g.square(W), x)).rows())
    }
  }

  /// The derivative of √0 is infinite: of an application that nothing uses it reaches no gradient.
  @Test func anUnusedApplicationAddsNothing() throws {
    let W = try Mat(2, 2, .float64)
    try W.set(rows: [1, 0, 0, 1])
    let program = try Program(inputs: 2, states: [2], dtype: .float64) { g, x, s throws(RecurrentError) in
      guard let x else { return s }
      return [try g.sqrt(g.mul(W, x))]
    }
    let g = Graph(), x = try Mat(2, 1, .float64), zero = try Mat(2, 1, .float64)
    try x.set(rows: [1, 4])
    let used = try g.apply(program, x, states: [])[0]
    _ = try g.apply(program, zero, states: [])
    try g.backward(from: g.sum(used))
    #expect(try levels(g) == [1])
    #expect(try W.gradientRows() == [0.5, 2, 0.25, 1])
    #expect(try zero.gradientRows() == [0, 0] && x.gradientRows() == [0.5, 0.25])
  }

  @Test func worksWithoutHistory() throws {
    let c = try binary(3, 8, leaves: 8, trees), program = try c.programOfArguments(), x = try #require(c.x)
    func run(_ g: Graph) throws -> [Double] {
      let column = try x.view(row: 0, column: 0, n: 3, d: 1)
      let a = try g.apply(program, column, states: [], parameters: c.parameters)
      return try g.tanh(g.apply(program, column, states: a + a, parameters: c.parameters)[1]).rows()
    }
    #expect(try run(Graph(needsBackprop: false)) == run(Graph()))
  }

  @Test func reusesAGraph() throws {
    let c = try binary(3, 8, leaves: 8, trees), program = try c.program(), g = Graph()
    let first = try c.applied(program, g).tensors.map { $0.numbers }
    g.reset()
    #expect(try c.applied(program, g).tensors.map { $0.numbers } == first)
    g.reset()
    #expect(try g.tanh(c.parameters[3]).rows().count == 40)
  }

  /// A recording that fails after its node is evaluated is undone: the nodes before it are evaluated again.
  @Test func aFailedRecordingLeavesTheNodesBefore() throws {
    let c = try binary(3, 8, leaves: 8, trees), program = try c.program(), x = try #require(c.x), g = Graph()
    for m in c.parameters + [x] { try m.zeroGradient() }
    let column = try x.view(row: 0, column: 0, n: 3, d: 1), a = try g.apply(program, column, states: [])
    let failure = RecurrentError(.noMemory, "a test")
    refused(.noMemory, "a test") {
      try g.recording { () throws(RecurrentError) in
        _ = try g.apply(program, column, states: a + a)
        try g.evaluate()
        throw failure
      }
    }
    #expect(g.count == 1)
    // another operation takes the place of the one that was removed
    try g.backward(from: g.sum(g.tanh(a[0])))
    let gradients = try (c.parameters + [x]).map { try $0.gradientRows() }
    for m in c.parameters + [x] { try m.zeroGradient() }
    let twin = Graph()
    try twin.backward(from: twin.sum(twin.tanh(twin.apply(program, column, states: [])[0])))
    #expect(try (c.parameters + [x]).map { try $0.gradientRows() } == gradients)
  }

  @Test func refuses() throws {
    let c = try binary(3, 8, leaves: 8, trees), program = try c.programOfArguments(), p = c.parameters
    let x = try Mat(3, 2, .float64), s = try (0..<4).map { _ in try Mat(8, 2, .float64) }, g = Graph()
    refused(.badShape, "states has the wrong length", "expected 4, 2 for each child", "got 3") {
      try g.apply(program, x, states: Array(s.prefix(3)), parameters: p)
    }
    refused(.badShape, "states[2] has the wrong shape", "expected 8 x 2, got 8 x 1") {
      try g.apply(program, x, states: [s[0], s[1], Mat(8, 1, .float64), s[3]], parameters: p)
    }
    refused(.badType, "states[3] has the wrong dtype") {
      try g.apply(program, x, states: [nil, nil, nil, Mat(8, 2)], parameters: p)
    }
    refused(.badShape, "x is absent; expected 3 rows") { try g.apply(program, nil, states: s, parameters: p) }
    refused(.badShape, "x has the wrong shape; expected 3 rows") {
      try g.apply(program, Mat(2, 2, .float64), states: s, parameters: p)
    }
    refused(.badType, "x has the wrong dtype") { try g.apply(program, Mat(3, 2), states: s, parameters: p) }
    refused(.badShape, "parameters has the wrong length") { try g.apply(program, x, states: s) }
    #expect(g.count == 0)
    refused(.badValue, "operation 0 of step is apply") {
      try Program(inputs: 3, states: [8, 8], dtype: .float64) { g, x, s throws(RecurrentError) in
        try g.apply(program, x, states: [], parameters: p)
      }
    }
  }
}
