// A step with a forest, run as one operation and node by node.

import Testing

@testable import Recurrent

/// A step with parameters, nodes with inputs, leaves, and gradients of all states.
struct ForestCase {
  let inputs: Int, states: [Int], arity: Int, dtype: DType
  let parameters: [Mat], x: Mat?, leaves: [Mat]
  /// The children of each node: a leaf's index, or the number of leaves plus a node's; −1 for none.
  let children: [[Int]]
  /// The gradient of each state, by row and column.
  let dStates: [[Double]]
  let body: StepBody

  var leafCount: Int { leaves.first?.d ?? 0 }
  var columns: Int { leafCount + children.count }

  init(
    inputs: Int, states: [Int], parameters shapes: [(n: Int, d: Int)], leaves: Int, children: [[Int]],
    dtype: DType = .float64, _ random: Random, _ body: @escaping StepBody
  ) throws {
    (self.inputs, self.states, self.children, self.dtype) = (inputs, states, children, dtype)
    arity = children[0].count
    func mat(_ n: Int, _ d: Int, _ bound: Double) throws -> Mat {
      let m = try Mat(n, d, dtype)
      try m.fillUniform(-bound, bound, random)
      return m
    }
    parameters = try shapes.map { try mat($0.n, $0.d, $0.d == 1 ? 0.8 : 1.2 / Double($0.d).squareRoot()) }
    x = inputs > 0 ? try mat(inputs, children.count, 1) : nil
    self.leaves = leaves > 0 ? try states.map { try mat($0, leaves, 1) } : []
    dStates = states.map { rows in (0..<rows * (leaves + children.count)).map { _ in random.uniform(-1, 1) } }
    self.body = body
  }

  /// Random children of each of `nodes` nodes. The nodes can share children, and lack some.
  static func children(_ nodes: Int, arity: Int, leaves: Int, _ random: Random) -> [[Int]] {
    (0..<nodes).map { j in
      (0..<arity).map { _ in
        let earlier = leaves + j
        // deep and wide forests, more of them than uniform children make
        let reach = random.next() % 3 == 0 ? min(3, earlier) : earlier
        return earlier - 1 - Int(random.next() % UInt64(reach + 1)) < 0
          ? -1 : random.next() % 5 == 0 ? -1 : earlier - 1 - Int(random.next() % UInt64(max(1, reach)))
      }
    }
  }

  /// The same forest with its nodes in another order in which children precede parents: node j is `order[j]`.
  func listed(_ order: [Int]) throws -> ForestCase {
    var place = [Int](repeating: 0, count: children.count)
    for (j, old) in order.enumerated() { place[old] = j }
    let moved = order.map { children[$0].map { $0 < leafCount ? $0 : leafCount + place[$0 - leafCount] } }
    return try ForestCase(self, children: moved, order)
  }

  private init(_ c: ForestCase, children: [[Int]], _ order: [Int]) throws {
    (inputs, states, arity, dtype, parameters, body) = (c.inputs, c.states, c.arity, c.dtype, c.parameters, c.body)
    (leaves, self.children) = (c.leaves, children)
    let columns = Array(0..<c.leafCount) + order.map { c.leafCount + $0 }
    dStates = zip(c.states, c.dStates).map { rows, old in
      (0..<rows).flatMap { i in columns.map { old[i * columns.count + $0] } }
    }
    x = try c.x.map { x in
      let copy = try Mat(x.n, x.d, x.dtype), old = try x.rows()
      try copy.set(rows: (0..<x.n).flatMap { i in order.map { old[i * x.d + $0] } })
      return copy
    }
  }

  func program() throws -> Program {
    try Program(inputs: inputs, states: states, children: arity, dtype: dtype) {
      [body, parameters] g, x, s throws(RecurrentError) in try body(g, x, s, parameters)
    }
  }

  /// The step with parameters that a run receives, by way of JSON.
  func programOfArguments() throws -> Program {
    let declared = parameters.enumerated().map { Program.Parameter("p\($0.offset)", $0.element.n, $0.element.d) }
    let recorder = try ProgramRecorder(
      Program.Settings(inputs: inputs, states: states, children: arity, parameters: declared, dtype: dtype))
    let program = try recorder.finish(body(recorder.graph, recorder.x, recorder.states, recorder.parameters))
    let text = try program.json(), again = try Program(json: text)
    #expect(try again.json() == text)
    return again
  }

  private var inputsAndParameters: [(String, Mat)] {
    (x.map { [("dx", $0)] } ?? []) + leaves.enumerated().map { ("dleaves \($0.offset)", $0.element) }
      + parameters.enumerated().map { ("dparameter \($0.offset)", $0.element) }
  }

  /// The values and gradients of all states by name, then the gradients of x, of the leaves and of the parameters.
  func planned(_ program: Program, _ g: Graph = Graph()) throws -> StepCase.Outcome {
    for (_, mat) in inputsAndParameters { try mat.zeroGradient() }
    let arguments = program.settings.parameters.isEmpty ? [] : parameters
    let all = try g.forest(program, x, children: children.flatMap { $0 }, leaves: leaves, parameters: arguments)
    var outcome = StepCase.Outcome()
    for (k, state) in all.enumerated() {
      outcome.tensors.append(("state \(k)", try state.rows()))
      try state.set(gradientRows: dStates[k])
    }
    try g.backward()
    for (k, state) in all.enumerated() { outcome.tensors.append(("dstate \(k)", try state.gradientRows())) }
    for (name, mat) in inputsAndParameters { outcome.tensors.append((name, try mat.gradientRows())) }
    return outcome
  }

  /// The same, node by node and operation by operation.
  func recorded() throws -> StepCase.Outcome {
    try byNodes { g, x, before, _ in
      var mats: [Mat] = []
      for (k, state) in before.enumerated() { mats.append(try state ?? Mat(states[k % states.count], 1, dtype)) }
      return try body(g, x, mats, parameters).map { try g.scale($0, by: 1) }
    }
  }

  /// The same, an application of the program for each node.
  ///
  /// - Parameter every: nodes after which a value is read.
  func applied(_ program: Program, _ g: Graph = Graph(), reading every: Int? = nil) throws -> StepCase.Outcome {
    let arguments = program.settings.parameters.isEmpty ? [] : parameters
    return try byNodes(g) { g, x, before, j in
      let after = try g.apply(program, x, states: before, parameters: arguments)
      if let every, j % every == every - 1 { _ = try after[0].rows() }
      return after
    }
  }

  private func byNodes(
    _ g: Graph = Graph(), _ node: (_ g: Graph, _ x: Mat?, _ before: [Mat?], _ j: Int) throws -> [Mat]
  ) throws -> StepCase.Outcome {
    for (_, mat) in inputsAndParameters { try mat.zeroGradient() }
    // an operation for each column, so that each has a gradient of its own
    var all: [[Mat]] = []
    for i in 0..<leafCount {
      var leaf: [Mat] = []
      for state in leaves { leaf.append(try g.scale(state.view(row: 0, column: i, n: state.n, d: 1), by: 1)) }
      all.append(leaf)
    }
    for (j, children) in children.enumerated() {
      var before: [Mat?] = []
      for child in children { before += child >= 0 ? all[child] : states.map { _ in nil } }
      all.append(try node(g, x?.view(row: 0, column: j, n: inputs, d: 1), before, j))
    }
    var outcome = StepCase.Outcome()
    for k in states.indices {
      outcome.tensors.append(("state \(k)", try byRows(all.map { try $0[k].rows() }, states[k])))
      for (j, column) in all.enumerated() {
        try column[k].set(gradientRows: (0..<states[k]).map { dStates[k][$0 * columns + j] })
      }
    }
    try g.backward()
    for k in states.indices {
      outcome.tensors.append(("dstate \(k)", try byRows(all.map { try $0[k].gradientRows() }, states[k])))
    }
    for (name, mat) in inputsAndParameters { outcome.tensors.append((name, try mat.gradientRows())) }
    return outcome
  }

  private func byRows(_ columns: [[Double]], _ rows: Int) throws -> [Double] {
    (0..<rows).flatMap { i in columns.map { $0[i] } }
  }
}
