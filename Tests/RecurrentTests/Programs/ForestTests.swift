// Programs over forests: TreeLSTMs, the order of sums, and what is refused.

import Testing

@testable import Recurrent

/// Tree-structured LSTMs: Tai, Socher and Manning, arXiv:1503.00075.
enum TreeLSTM {
  /// Binary, equations 9 to 14: parameters W [5H × I], Ul, Ur [5H × H], b [5H × 1], with the rows i, fl, fr, o, g.
  static func binary(_ H: Int) -> StepBody {
    { g, x, s, p throws(RecurrentError) in
      var z = try g.add(g.add(g.mul(p[1], s[0]), g.mul(p[2], s[2])), p[3])
      if let x { z = try g.add(g.mul(p[0], x), z) }
      func gate(_ k: Int) throws(RecurrentError) -> Mat { try g.sigmoid(g.sliceRows(z, k * H, H)) }
      let new = try g.eltmul(gate(0), g.tanh(g.sliceRows(z, 4 * H, H)))
      let old = try g.add(g.eltmul(gate(1), s[1]), g.eltmul(gate(2), s[3]))
      let c = try g.add(new, old)
      return [try g.eltmul(gate(3), g.tanh(c)), c]
    }
  }
  static func binaryParameters(_ I: Int, _ H: Int) -> [(n: Int, d: Int)] {
    [(5 * H, max(1, I)), (5 * H, H), (5 * H, H), (5 * H, 1)]
  }

  /// Child-sum, equations 2 to 8: parameters W [3H × I], U [3H × H], Wf [H × I], Uf [H × H], b [3H × 1], bf [H × 1].
  static func childSum(_ H: Int) -> StepBody {
    { g, x, s, p throws(RecurrentError) in
      guard let x else { return s }
      var h = s[0]
      for k in stride(from: 2, to: s.count, by: 2) { h = try g.add(h, s[k]) }
      let z = try g.add(g.add(g.mul(p[0], x), g.mul(p[1], h)), p[4])
      var c = try g.eltmul(g.sigmoid(g.sliceRows(z, 0, H)), g.tanh(g.sliceRows(z, 2 * H, H)))
      for k in stride(from: 0, to: s.count, by: 2) {
        let f = try g.sigmoid(g.add(g.add(g.mul(p[2], x), g.mul(p[3], s[k])), p[5]))
        c = try g.add(c, g.eltmul(f, s[k + 1]))
      }
      return [try g.eltmul(g.sigmoid(g.sliceRows(z, H, H)), g.tanh(c)), c]
    }
  }
  static func childSumParameters(_ I: Int, _ H: Int) -> [(n: Int, d: Int)] {
    [(3 * H, I), (3 * H, H), (H, I), (H, H), (3 * H, 1), (H, 1)]
  }
}

struct ForestTests {
  private func binary(
    _ I: Int, _ H: Int, leaves: Int, _ children: [[Int]], _ dtype: DType = .float64, seed: UInt64 = 5
  ) throws -> ForestCase {
    try ForestCase(
      inputs: I, states: [H, H], parameters: TreeLSTM.binaryParameters(I, H), leaves: leaves, children: children,
      dtype: dtype, Random(seed: seed), TreeLSTM.binary(H))
  }

  @Test(arguments: [0, 3], [1, 8, 33])
  func binaryTreesEqualTheGraph(_ I: Int, _ H: Int) throws {
    for seed in 0..<20 as Range<UInt64> {
      let random = Random(seed: seed)
      let leaves = seed % 2 == 0 && I > 0 ? 0 : 1 + Int(seed)
      let children = ForestCase.children(1 + Int(2 * seed), arity: 2, leaves: leaves, random)
      let c = try binary(I, H, leaves: leaves, children, seed: seed)
      let (name, error) = try StepCase.difference(c.planned(c.program()), c.recorded())
      #expect(error < 1e-12, "seed \(seed): \(name) differs by \(error)")
    }
  }

  @Test(arguments: [1, 2, 3, 7])
  func childSumsEqualTheGraph(_ arity: Int) throws {
    for (H, dtype) in [(8, DType.float64), (33, .float64), (20, .float32)] {
      let random = Random(seed: UInt64(arity))
      let children = ForestCase.children(40, arity: arity, leaves: 0, random)
      let c = try ForestCase(
        inputs: 5, states: [H, H], parameters: TreeLSTM.childSumParameters(5, H), leaves: 0, children: children,
        dtype: dtype, random, TreeLSTM.childSum(H))
      let (name, error) = try StepCase.difference(c.planned(c.programOfArguments()), c.recorded())
      #expect(error < (dtype == .float64 ? 1e-12 : 1e-5), "H \(H) \(dtype): \(name) differs by \(error)")
    }
  }

  /// A list is a tree in which every node has one child.
  @Test func listsEqualSequences() throws {
    let random = Random(seed: 3), T = 9, H = 12
    let body: StepBody = { g, x, s, p throws(RecurrentError) in
      guard let x else { return s }
      let h = try g.tanh(g.add(g.mul(p[0], x), g.mul(p[1], s[0])))
      return [h, try g.add(s[1], h)]
    }
    let c = try ForestCase(
      inputs: 4, states: [H, H], parameters: [(H, 4), (H, H)], leaves: 0, children: (0..<T).map { [$0 - 1] }, random,
      body)
    let program = try c.program()
    let forest = try c.planned(program)
    let g = Graph()
    for parameter in c.parameters { try parameter.zeroGradient() }
    let x = try #require(c.x)
    try x.zeroGradient()
    let (y, _) = try g.scan(program, x, states: [Mat(H, 1, .float64), Mat(H, 1, .float64)], steps: T)
    #expect(try StepCase.difference(StepCase.Outcome(tensors: [("state 0", y.rows())]), forest).error < 1e-12)
  }

  /// Neither x, leaves nor parameters: a step that passes on a state of zeros.
  @Test func worksWithoutOperands() throws {
    let c = try ForestCase(
      inputs: 0, states: [2], parameters: [], leaves: 0, children: [[-1, -1], [-1, 0], [1, 0]], Random(seed: 1)
    ) { g, x, s, p throws(RecurrentError) in [s[1]] }
    #expect(try StepCase.difference(c.planned(c.program()), c.recorded()).error == 0)
  }

  /// A mask is the only operand: its type is the node's.
  @Test(arguments: [DType.float32, .float64]) func worksWithMasksAlone(_ dtype: DType) throws {
    let c = try ForestCase(
      inputs: 0, states: [33], parameters: [], leaves: 0, children: [[-1, -1], [-1, 0], [1, 0]], dtype: dtype,
      Random(seed: 1)
    ) { g, x, s, p throws(RecurrentError) in
      let m = try g.shift(s[0], by: 1)
      if g.recordedOperands != nil { return [try g.zoneout(m, s[1], rate: 0.25)] }
      return [try g.add(s[1], g.scale(g.sub(m, s[1]), by: 0.75))]
    }
    #expect(try StepCase.difference(c.planned(c.program()), c.recorded()).error < 1e-6)
  }

  // MARK: Order of sums

  private func bits(_ outcome: StepCase.Outcome) -> [[UInt64]] {
    outcome.tensors.map { $0.numbers.map { $0.bitPattern } }
  }

  @Test(arguments: [DType.float32, .float64])
  func threadsDoNotChangeBits(_ dtype: DType) throws {
    let count = ThreadPool.count
    defer { try? ThreadPool.set(count) }
    let children = ForestCase.children(300, arity: 2, leaves: 60, Random(seed: 1))
    let c = try binary(70, 70, leaves: 60, children, dtype)
    let program = try c.program()
    var expected: [[UInt64]] = []
    for threads in 1...4 {
      try ThreadPool.set(threads)
      let outcome = bits(try c.planned(program))
      if threads == 1 { expected = outcome } else { #expect(outcome == expected, "\(threads) threads") }
    }
  }

  /// A tree's values, and the gradients that belong to its nodes, do not depend on the trees around it.
  @Test(arguments: [1, 20, 33])
  func orderDoesNotChangeBits(_ H: Int) throws {
    // two trees: a list that grows at the right, one node in a level, and a full one
    let leaves = 8
    let list = [[0, 1], [8, 2], [9, 3], [10, 4], [11, 5]]
    let full = [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11], [12, 13]].map { $0.map { $0 < 8 ? $0 : $0 + 5 } }
    let c = try binary(6, H, leaves: leaves, list + full, .float32)
    let program = try c.program()
    let all = try c.planned(program)
    // the nodes of both trees mixed
    let order = [5, 0, 6, 1, 7, 2, 8, 9, 10, 3, 11, 4]
    let mixed = try c.listed(order).planned(program)
    let alone = try binary(6, H, leaves: leaves, list, .float32)
    // values of the same x and leaves: those of the list's nodes come first
    for (to, from) in zip(alone.leaves + alone.parameters, c.leaves + c.parameters) { try to.set(rows: from.rows()) }
    if let to = alone.x, let x = c.x {
      try to.set(rows: (0..<6).flatMap { [values = try x.rows()] i in (0..<5).map { values[i * 12 + $0] } })
    }
    let single = try alone.planned(alone.program())
    for name in ["state 0", "state 1", "dstate 0", "dstate 1", "dx"] {
      func numbers(_ outcome: StepCase.Outcome) throws -> [Double] {
        try #require(outcome.tensors.first { $0.name == name }).numbers
      }
      let offset = name == "dx" ? 0 : leaves, width = offset + 12
      let (a, b, s) = (try numbers(all), try numbers(mixed), try numbers(single))
      for i in 0..<a.count / width {
        for j in 0..<12 {
          #expect(
            a[i * width + offset + order[j]].bitPattern == b[i * width + offset + j].bitPattern, "\(name) of node \(j)")
        }
        if name.hasPrefix("state") {
          for j in 0..<5 {
            #expect(a[i * width + offset + j] == s[i * (offset + 5) + offset + j], "\(name) of node \(j)")
          }
        }
      }
    }
  }

  // MARK: Graphs

  @Test func worksWithoutHistory() throws {
    let c = try binary(3, 8, leaves: 2, [[0, 1], [2, 0]])
    let program = try c.program()
    func run(_ g: Graph) throws -> [Double] {
      try g.forest(program, c.x, children: [0, 1, 2, 0], leaves: c.leaves)[0].rows()
    }
    #expect(try run(Graph(needsBackprop: false)) == run(Graph()))
  }

  @Test func reusesAGraph() throws {
    let c = try binary(3, 8, leaves: 2, [[0, 1], [-1, 0], [2, -1]])
    let other = try binary(3, 8, leaves: 2, [[0, 1], [2, 0], [1, 3], [3, 3]])
    let program = try c.program(), g = Graph()
    let first = bits(try c.planned(program))
    _ = try other.planned(program, g)
    g.reset()
    #expect(bits(try c.planned(program, g)) == first)
  }

  @Test func composesWithOperations() throws {
    // a forest whose x, leaves and a parameter are results, and whose states are operands
    let c = try binary(3, 8, leaves: 2, [[0, 1], [2, 0], [-1, 3]]), x = try #require(c.x)
    let program = try c.programOfArguments()
    var losses: [Double] = [], gradients: [[Double]] = []
    for isDoubled in [false, true] {
      let g = Graph()
      for mat in [x] + c.leaves + c.parameters { try mat.zeroGradient() }
      func twice(_ m: Mat) throws -> Mat { isDoubled ? try g.scale(g.scale(m, by: 2), by: 0.5) : m }
      let all = try g.forest(
        program, twice(x), children: [0, 1, 2, 0, -1, 3], leaves: c.leaves.map { try twice($0) },
        parameters: c.parameters.map { try twice($0) })
      let loss = try g.sum(g.tanh(g.add(all[0], all[1])))
      try g.backward(from: loss)
      losses.append(try loss.rows()[0])
      gradients.append(try ([x] + c.leaves + c.parameters).flatMap { try $0.gradientRows() })
    }
    #expect(losses[0] == losses[1])
    #expect(gradients[0] == gradients[1])
    #expect(gradients[0].contains { $0 != 0 })
  }

  @Test func aWriteBetweenChangesNothing() throws {
    let c = try binary(3, 8, leaves: 2, [[0, 1], [2, 0]])
    let program = try c.program(), expected = try c.planned(program)
    for mat in [try #require(c.x)] + c.leaves + c.parameters { try mat.zeroGradient() }
    let g = Graph(), all = try g.forest(program, c.x, children: [0, 1, 2, 0], leaves: c.leaves)
    let before = try c.parameters.map { try $0.rows() }
    // the write evaluates the forest first, and its backward pass reads a copy
    for parameter in c.parameters { try parameter.set(rows: parameter.rows().map { _ in 7 }) }
    for (k, state) in all.enumerated() {
      #expect(try state.rows() == expected.tensors[k].numbers)
      try state.set(gradientRows: c.dStates[k])
    }
    try g.backward()
    for (i, parameter) in c.parameters.enumerated() {
      let name = "dparameter \(i)"
      #expect(try parameter.gradientRows() == expected.tensors.first { $0.name == name }?.numbers)
      try parameter.set(rows: before[i])
    }
  }

  // MARK: Refusals

  private func forest(
    _ children: [Int], x columns: Int = 2, rows: Int = 3, leaves: [(n: Int, d: Int)] = [(8, 2), (8, 2)],
    _ dtype: DType = .float64, inputs: Int = 3
  ) throws {
    let c = try binary(inputs, 8, leaves: 2, [[0, 1], [2, 0]])
    let x = columns > 0 ? try Mat(rows, columns, dtype) : nil
    var states: [Mat] = []
    for leaf in leaves { states.append(try Mat(leaf.n, leaf.d, .float64)) }
    let g = Graph()
    do {
      _ = try g.forest(c.program(), x, children: children, leaves: states)
    } catch {
      #expect(g.count == 0 || c.parameters.isEmpty)
      throw error
    }
  }

  @Test func refusesChildren() throws {
    try forest([0, 1, 2, 0])
    refused(.badShape, "children has the wrong length", "expected 2 for each", "got 3") { try forest([0, 1, 2]) }
    refused(.badShape, "children has the wrong length", "got 0") { try forest([]) }
    refused(.badIndex, "children[1][0] is out of range", "expected -1 for none, or 0 to 2", "got 4") {
      try forest([0, 1, 4, 0])
    }
    refused(.badIndex, "children[0][1] is out of range", "got -2") { try forest([0, -2, 2, 0]) }
    refused(.badIndex, "children[0][1] does not precede its parent, node 0", "got 3") { try forest([0, 3, 2, 0]) }
    refused(.badIndex, "children[1][1] does not precede its parent, node 1", "got 3") { try forest([0, 1, 2, 3]) }
    refused(.badIndex, "children[0][0] is out of range", "got \(Int.min)") { try forest([.min, 1, 2, 0]) }
    refused(.badIndex, "children[0][0] is out of range", "got \(Int.max)") { try forest([.max, 1, 2, 0]) }
  }

  @Test func refusesShapes() throws {
    refused(.badShape, "x has the wrong shape", "expected 3 x 2, a column for each node", "got 3 x 3") {
      try forest([0, 1, 2, 0], x: 3)
    }
    refused(.badShape, "x has the wrong shape", "got 2 x 2") { try forest([0, 1, 2, 0], rows: 2) }
    refused(.badShape, "x is absent") { try forest([0, 1, 2, 0], x: 0) }
    refused(.badShape, "x is unused") { try forest([0, 1, 2, 0], inputs: 0) }
    refused(.badType, "x has the wrong dtype") { try forest([0, 1, 2, 0], .float32) }
    refused(.badShape, "leaves has the wrong length", "expected 2 states, got 1") {
      try forest([0, 1, 2, 0], leaves: [(8, 2)])
    }
    refused(.badShape, "leaves[1] has the wrong shape", "expected 8 x 2, got 8 x 3") {
      try forest([0, 1, 2, 0], leaves: [(8, 2), (8, 3)])
    }
    refused(.badShape, "leaves[0] has the wrong shape", "expected 8 x 2, got 7 x 2") {
      try forest([0, 1, 2, 0], leaves: [(7, 2), (8, 2)])
    }
  }

  @Test func refusesSequences() throws {
    let c = try binary(3, 8, leaves: 2, [[0, 1], [2, 0]])
    refused(.badShape, "program reads the states of 2 nodes", "expected one in a sequence") {
      _ = try Graph().scan(c.program(), c.x, states: c.leaves, steps: 1)
    }
    refused(.badShape, "children is out of range", "expected 1 to 32 with 2 states, got 33") {
      _ = try ProgramRecorder(Program.Settings(inputs: 1, states: [2, 2], children: 33))
    }
    refused(.badShape, "children is out of range", "got 0") {
      _ = try ProgramRecorder(Program.Settings(inputs: 1, states: [2, 2], children: 0))
    }
  }

  @Test func refusesWhatIsTooLarge() throws {
    let program = try Program(inputs: 0, states: [1 << 20], dtype: .float32) { g, x, s throws(RecurrentError) in
      [try g.tanh(s[0])]
    }
    refused(.badShape, "forest is too large", "got 1048576 x 4096") {
      _ = try Graph().forest(program, nil, children: [Int](repeating: -1, count: 4096))
    }
  }
}
