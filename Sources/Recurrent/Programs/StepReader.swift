// Pass 0: the nodes that a graph recorded on placeholders become a step.

import Kernels

/// A placeholder: a Mat without numbers that stands for x, a state or a parameter while a step is recorded.
struct Placeholder {
  /// The columns of those that stand for one column per sequence: a number that no matrix has by accident.
  static let columns = 7

  let source: StepTrace.Source
  let mat: Mat

  /// A Mat of a graph in memory of its own, of which nothing is touched: it costs addresses only.
  static func mat(_ n: Int, _ d: Int, _ dtype: DType, of graph: Graph) throws(RecurrentError) -> Mat {
    try Mat.check(n, d)
    guard let half = Storage.bytes(n * d, of: dtype.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(n) x \(d) elements of \(dtype)")
    }
    let storage = try Storage(bytes: 2 * half, lock: graph.lock, owner: graph.identity)
    return Mat(
      n, d, stride: n, dtype, storage, w: storage.start, dw: storage.start + half, node: -1,
      generation: graph.generation)
  }
}

/// Reads the nodes of a graph into a recorded step.
struct StepReader {
  private let graph: Graph
  private let placeholders: [Placeholder]
  private(set) var step: RecordedStep
  /// For each node of the graph, what it has become.
  private var sources: [RecordedStep.Source] = []
  /// Captured parameters and parts of parameters, by their memory.
  private var known: [MatKey: Int] = [:]

  private struct MatKey: Hashable {
    let w: UnsafeMutableRawPointer, n: Int, d: Int, stride: Int
    init(_ m: Mat) { (w, n, d, stride) = (m.wStart, m.n, m.d, m.stride) }
  }

  init(_ graph: Graph, _ placeholders: [Placeholder], inputs: Int, states: [Int], children: Int) {
    (self.graph, self.placeholders) = (graph, placeholders)
    step = RecordedStep(inputs: inputs, states: states, children: children)
    for placeholder in placeholders {
      if case .argument(let i) = placeholder.source { step.parameters.append(.argument(i)) }
    }
  }

  mutating func readNodes() throws(RecurrentError) {
    for (i, node) in graph.nodes.elements.enumerated() {
      let name = node.operation.name(node)
      guard let operation = node.operation.recordedOperation(node) else {
        throw RecurrentError(
          .badValue,
          "operation \(i) of step is \(name); expected element-wise operations, products with parameters, concat_rows, "
            + "slices of rows, the sum, mean, softmax or layer_norm of each column, dropout or zoneout, got another")
      }
      var operands: [RecordedStep.View] = [], traced: [StepTrace.Operand] = []
      for k in node.first..<node.first + node.count {
        guard let mat = graph.recordedOperands?[k] else { continue }
        let place = try locate(mat, "operand \(k - node.first) of \(name)")
        traced.append(place)
        let view = try view(mat, place)
        if case .parameter = view.source { try checkColumns(mat, operation, "operand \(k - node.first) of \(name)") }
        operands.append(view)
      }
      step.trace.operations.append(StepTrace.Operation(operation: operation, operands: traced))
      sources.append(try read(operation, operands, rows: node.result.n, name))
    }
  }

  mutating func readNext(_ mats: [Mat]) throws(RecurrentError) {
    try require(
      mats.count == step.states.count, .badShape,
      "step returns the wrong number of states; expected \(step.states.count), got \(mats.count)")
    for (k, mat) in mats.enumerated() {
      let name = "next value of state \(k)"
      try require(
        mat.n == step.states[k], .badShape,
        "\(name) has the wrong shape; expected \(step.states[k]) rows, got \(mat.n)")
      let place = try locate(mat, name)
      let view = try view(mat, place)
      if case .parameter = view.source {
        throw RecurrentError(
          .badShape, "\(name) depends on neither x nor a state; expected a column for each sequence, got \(mat.shape)")
      }
      step.next.append(view)
      step.trace.next.append(place)
    }
  }

  mutating func readNames() throws(RecurrentError) {
    for (name, mat) in graph.recordedNames {
      let place = try locate(mat, "value '\(name)'"), view = try view(mat, place)
      if case .parameter = view.source {
        throw RecurrentError(
          .badShape,
          "value '\(name)' depends on neither x nor a state; expected a column for each sequence, got \(mat.shape)")
      }
      step.names.append((name, view))
      step.trace.names.append((name, place))
    }
  }

  /// Refuses a parameter with a column per sequence: the batch size belongs to a run of the program.
  private func checkColumns(_ mat: Mat, _ operation: RecordedOperation, _ name: String) throws(RecurrentError) {
    if case .product = operation { return }
    try require(
      mat.d == 1 || mat.d != Placeholder.columns, .badShape,
      "\(name) has the wrong shape; expected a single column from outside of the step, got \(mat.shape)")
  }

  private mutating func read(
    _ operation: RecordedOperation, _ operands: [RecordedStep.View], rows: Int, _ name: String
  ) throws(RecurrentError) -> RecordedStep.Source {
    let parameters = operands.compactMap { if case .parameter(let p) = $0.source { p } else { nil } }
    if parameters.count == operands.count {
      if case .zoneout = operation {
        throw RecurrentError(
          .badShape, "m of zoneout is a parameter; expected a value of the step, got a Mat from outside")
      }
      step.parameters.append(.computed(operation, parameters))
      return .parameter(step.parameters.count - 1)
    }
    if case .product = operation {
      guard case .parameter = operands[0].source else {
        throw RecurrentError(
          .badShape, "a of \(name) changes with the step; expected a parameter, got a value of the step")
      }
      if case .parameter = operands[1].source {
        throw RecurrentError(
          .badShape, "b of \(name) is a parameter; expected a value of the step, got a Mat from outside")
      }
    }
    if case .binary = operation, let k = operands.firstIndex(where: { $0.rows != rows }) {
      throw RecurrentError(
        .badShape,
        "operand \(k) of \(name) has the wrong shape; expected \(rows) rows, as a step broadcasts none, got 1 row")
    }
    if case .attend = operation { try checkPast(operands) }
    step.nodes.append(RecordedStep.Node(operation: operation, operands: operands, rows: rows))
    return .node(step.nodes.count - 1)
  }

  /// Requires that the keys and the values of an attention are states before the step.
  private func checkPast(_ operands: [RecordedStep.View]) throws(RecurrentError) {
    for (view, name) in zip(operands.dropFirst(), ["keys", "values"]) {
      if case .state(let k) = view.source, view.row == 0 && view.rows == step.states[k] && step.children == 1 {
        continue
      }
      throw RecurrentError(
        .badValue,
        "\(name) of attend has no past; expected a whole state before the step of a sequence, got another Mat")
    }
  }

  /// Where a Mat lies among placeholders and results.
  private func locate(_ mat: Mat, _ name: String) throws(RecurrentError) -> StepTrace.Operand {
    guard mat.storage.owner === graph.identity else {
      return StepTrace.Operand(source: .captured, row: 0, column: 0, n: mat.n, d: mat.d)
    }
    try mat.checkValid()
    func operand(_ source: StepTrace.Source, _ w: UnsafeMutableRawPointer, _ stride: Int) -> StepTrace.Operand {
      let offset = (mat.wStart - w) / mat.dtype.size
      return StepTrace.Operand(source: source, row: offset % stride, column: offset / stride, n: mat.n, d: mat.d)
    }
    if mat.node >= 0 {
      let result = graph.nodes[mat.node].result
      return operand(.node(mat.node), result.w, result.stride)
    }
    for placeholder in placeholders {
      let whole = placeholder.mat, offset = (mat.wStart - whole.wStart) / mat.dtype.size
      if offset >= 0 && offset < whole.count { return operand(placeholder.source, whole.wStart, whole.n) }
    }
    throw RecurrentError(
      .badValue, "\(name) is foreign; expected x, a state, a parameter or a result of the step, got another Mat")
  }

  /// What a place is a view of.
  private mutating func view(_ mat: Mat, _ place: StepTrace.Operand) throws(RecurrentError) -> RecordedStep.View {
    let source: RecordedStep.Source, whole: Mat?
    switch place.source {
    case .input: (source, whole) = (.input, nil)
    case .state(let k): (source, whole) = (.state(k), nil)
    case .argument(let i): (source, whole) = (.parameter(i), placeholders.first { $0.source == place.source }?.mat)
    case .node(let i): (source, whole) = (sources[i], nil)
    case .captured:
      let key = MatKey(mat)
      if known[key] == nil {
        known[key] = step.parameters.count
        step.parameters.append(.mat(mat))
      }
      return RecordedStep.View(source: .parameter(known[key] ?? 0), row: 0, rows: mat.n)
    }
    guard case .parameter(let p) = source else {
      try require(
        mat.d == Placeholder.columns, .badShape,
        "step uses a part of the columns; expected all of them, the batch, got columns from \(place.column)")
      return RecordedStep.View(source: source, row: place.row, rows: mat.n)
    }
    // a parameter, or a part of one
    let isWhole: Bool
    if case .node(let i) = place.source {
      isWhole = graph.nodes[i].result.n == mat.n && graph.nodes[i].result.d == mat.d
    } else {
      isWhole = whole?.n == mat.n && whole?.d == mat.d
    }
    if isWhole { return RecordedStep.View(source: source, row: 0, rows: mat.n) }
    let key = MatKey(mat)
    if known[key] == nil {
      known[key] = step.parameters.count
      step.parameters.append(.part(of: p, row: place.row, column: place.column, n: mat.n, d: mat.d))
    }
    return RecordedStep.View(source: .parameter(known[key] ?? 0), row: 0, rows: mat.n)
  }
}
