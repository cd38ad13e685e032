// Pass 1: the matrices of a recorded step are divided at every row where a view of them begins or ends. Afterwards each
// element-wise operation reads whole values: slices and concatenations are gone. What is computed column by column is one
// value, whose pieces are parts of it, and so are its sums and products with parameters.

import Kernels

/// A step of whole values.
struct DividedStep {
  var values = StepValues()
  /// The next value of each state, in pieces from the top.
  var next: [[RowsOfValue]] = []
  /// The values with a name, in pieces from the top.
  var names: [NamedRows] = []
  /// The random factors of dropout and zoneout.
  var masks: [StepMask] = []

  /// The values that outlive the step, once for each use.
  var roots: [Int] { (next + names.map(\.pieces)).flatMap { $0.map(\.value) } }
}

/// A value with a name, in pieces from the top.
struct NamedRows {
  let name: String, rows: Int
  var pieces: [RowsOfValue]
}

extension DividedStep {
  init(_ step: RecordedStep) throws(RecurrentError) {
    var division = Division(step)
    try division.divide()
    for i in step.nodes.indices { try division.addValues(of: i) }
    for view in step.next { next.append(try division.rows(of: view)) }
    for (name, view) in step.names {
      names.append(NamedRows(name: name, rows: view.rows, pieces: try division.rows(of: view)))
    }
    (values, masks) = (division.values, division.masks)
  }
}

/// The rows at which matrices are divided, and the values of their pieces.
///
/// Nodes and states are divided; of x and of parameters any rows are a value, since their gradients are added up in
/// memory.
private struct Division {
  let step: RecordedStep
  /// The first row of each piece of a node or state.
  var cuts: [RecordedStep.Source: Set<Int>] = [:]
  /// For each node, the values of its pieces from the top. A concatenation has those of its operands.
  var pieces: [[Int]]
  /// For each node that is one value, that value, whatever rows of it are read.
  private var wholes: [Int?]
  /// Whether a node is one value.
  private let isWhole: [Bool]
  var values = StepValues()
  var masks: [StepMask] = []

  init(_ step: RecordedStep) {
    self.step = step
    pieces = step.nodes.map { _ in [] }
    wholes = step.nodes.map { _ in nil }
    isWhole = Division.wholeNodes(of: step)
    for k in step.before.indices { cuts[.state(k)] = [0] }
    for i in step.nodes.indices { cuts[.node(i)] = [0] }
  }

  /// Which nodes are one value: those that are computed column by column; and sums and products of such with each other,
  /// with parameters and with x.
  private static func wholeNodes(of step: RecordedStep) -> [Bool] {
    var isWhole: [Bool] = []
    func isOne(_ view: RecordedStep.View) -> Bool {
      guard case .node(let i) = view.source else { return false }
      return isWhole[i] && view.rows == step.nodes[i].rows
    }
    for node in step.nodes {
      switch node.operation {
      case .softmax, .layerNorm, .attend: isWhole.append(true)
      case .binary(.add), .binary(.sub), .binary(.eltmul):
        let areOne = node.operands.allSatisfy { view in
          switch view.source {
          case .parameter, .input: true
          default: isOne(view)
          }
        }
        isWhole.append(areOne && node.operands.contains(where: isOne))
      default: isWhole.append(false)
      }
    }
    return isWhole
  }

  /// Finds all cuts: those of views, and those that follow because an operation has the pieces of its operands.
  mutating func divide() throws(RecurrentError) {
    for node in step.nodes { for view in node.operands { cut(view) } }
    for view in step.next { cut(view) }
    for (_, view) in step.names { cut(view) }
    var isDone = false
    while !isDone {
      isDone = true
      for i in step.nodes.indices.reversed() where exchange(i) { isDone = false }
      let count = cuts.values.reduce(0) { $0 + $1.count }
      try require(
        count <= StepValues.limit, .badValue,
        "step is divided into too many rows by its slices; expected at most \(StepValues.limit) pieces, got \(count)")
    }
  }

  private mutating func cut(_ view: RecordedStep.View) {
    if cuts[view.source] == nil { return }
    cuts[view.source]?.insert(view.row)
    if view.row + view.rows < step.rows(view.source) { cuts[view.source]?.insert(view.row + view.rows) }
  }

  /// Gives node i the cuts of its operands and the operands those of the node; returns whether there were new ones.
  private mutating func exchange(_ i: Int) -> Bool {
    let node = step.nodes[i]
    if isWhole[i] { return false }
    switch node.operation {
    case .product, .reduceRows, .softmax, .layerNorm, .attend: return false
    case .unary, .binary, .concatRows, .dropout, .zoneout: break
    }
    var changed = false, first = 0
    for view in node.operands {
      for row in cuts[view.source] ?? [] where row > view.row && row < view.row + view.rows {
        if insert(row - view.row + first, .node(i)) { changed = true }
      }
      if cuts[view.source] != nil {
        for row in cuts[.node(i)] ?? [] where row > first && row < first + view.rows {
          if insert(row - first + view.row, view.source) { changed = true }
        }
      }
      if case .concatRows = node.operation {
        first += view.rows
        if first < node.rows && insert(first, .node(i)) { changed = true }
      }
    }
    return changed
  }

  private mutating func insert(_ row: Int, _ source: RecordedStep.Source) -> Bool {
    cuts[source]?.insert(row).inserted ?? false
  }

  /// The pieces of a node or state as pairs of first row and number of rows.
  private func ranges(_ source: RecordedStep.Source) -> [(row: Int, rows: Int)] {
    let sorted = (cuts[source] ?? [0]).sorted()
    return sorted.indices.map {
      (sorted[$0], ($0 + 1 < sorted.count ? sorted[$0 + 1] : step.rows(source)) - sorted[$0])
    }
  }

  mutating func addValues(of i: Int) throws(RecurrentError) {
    let node = step.nodes[i]
    switch node.operation {
    case .concatRows:
      for view in node.operands { pieces[i] += try pieces(of: view) }
      // rows of x are one piece, which may have to be divided
      try divideLeaves(of: i)
    case .product:
      guard case .parameter(let parameter) = node.operands[0].source else { return }
      let factors = try pieces(of: node.operands[1])
      for (row, rows) in ranges(.node(i)) {
        var column = 0, parts: [WeightPart] = []
        for factor in factors {
          let columns = values[factor].rows
          parts.append(WeightPart(parameter: parameter, row: row, rows: rows, column: column, columns: columns))
          column += columns
        }
        pieces[i].append(try values.add(.sumOfProducts(parts, biases: []), factors, rows: rows))
      }
    case .unary(let function, let parameter):
      try addElementwise(i, .unary(function, parameter))
    case .binary(let operation):
      guard let micro = MicroOperation(operation) else { return }
      try addElementwise(i, .micro(micro))
    case .dropout(let rate, let scope):
      try addMasked(i, StepMask(rows: node.rows, rate: rate, kept: 1 / (1 - rate), mean: 1, scope: scope))
    case .zoneout(let rate):
      try addMasked(i, StepMask(rows: node.rows, rate: rate, kept: 1, mean: 1 - rate, scope: .step))
    case .reduceRows(let reduction):
      let factor = reduction.factor(node.operands[0].rows)
      var total: Int?
      for piece in try pieces(of: node.operands[0]) {
        let sum = try values.add(.micro(.sumRows, .neg, factor), [piece], rows: 1)
        total =
          try total.map { total throws(RecurrentError) in try values.add(.micro(.sum), [total, sum], rows: 1) } ?? sum
      }
      if let total { pieces[i] = [total] }
    case .softmax:
      let whole = try values.join(pieces(of: node.operands[0]))
      try setWhole(i, .micro(.softmax), [whole])
    case .attend:
      var operands = [try values.join(pieces(of: node.operands[0]))]
      for view in node.operands.dropFirst() {
        guard case .state(let k) = view.source else { return }
        // its gradient is that of the state
        _ = try pieces(of: view)
        operands.append(try values.add(.past(k), rows: view.rows))
      }
      try setWhole(i, .micro(.attend), operands)
    case .layerNorm(let epsilon):
      let whole = try values.join(pieces(of: node.operands[0]))
      let moments = try values.add(.micro(.moments, .neg, epsilon), [whole], rows: 2)
      if node.operands.count == 1 { return try setWhole(i, .micro(.normalize), [whole, moments]) }
      let normal = try values.add(.micro(.normalize), [whole, moments], rows: node.rows)
      let product = try values.add(.micro(.product), [normal, value(of: node.operands[1])], rows: node.rows)
      try setWhole(i, .micro(.sum), [product, value(of: node.operands[2])])
    }
  }

  /// Computes a node as one value, whose pieces are parts of it.
  private mutating func setWhole(_ i: Int, _ operation: StepOperation, _ operands: [Int]) throws(RecurrentError) {
    let whole = try values.add(operation, operands, rows: step.nodes[i].rows)
    wholes[i] = whole
    for (row, rows) in ranges(.node(i)) { pieces[i].append(try values.part(of: whole, row: row, rows: rows)) }
  }

  /// The value of a view of a parameter, of x, or of a whole node.
  private mutating func value(of view: RecordedStep.View) throws(RecurrentError) -> Int {
    if case .node(let i) = view.source, let whole = wholes[i] { return whole }
    return try pieces(of: view)[0]
  }

  /// y = m ⊙ mask, or y = previous + mask ⊙ (m − previous).
  private mutating func addMasked(_ i: Int, _ mask: StepMask) throws(RecurrentError) {
    masks.append(mask)
    for (row, rows) in ranges(.node(i)) {
      let factor = try values.add(.mask(masks.count - 1, row: row), rows: rows)
      let operands = try pieces(of: i, row: row, rows: rows)
      if operands.count == 1 {
        pieces[i].append(try values.add(.micro(.product), [operands[0], factor], rows: rows))
      } else {
        let difference = try values.add(.micro(.difference), operands, rows: rows)
        let change = try values.add(.micro(.product), [factor, difference], rows: rows)
        pieces[i].append(try values.add(.micro(.sum), [operands[1], change], rows: rows))
      }
    }
  }

  /// The pieces of the operands of an element-wise node that has its cuts.
  private mutating func pieces(of i: Int, row: Int, rows: Int) throws(RecurrentError) -> [Int] {
    var found: [Int] = []
    for view in step.nodes[i].operands {
      found.append(try pieces(of: RecordedStep.View(source: view.source, row: view.row + row, rows: rows))[0])
    }
    return found
  }

  private mutating func addElementwise(_ i: Int, _ operation: StepOperation) throws(RecurrentError) {
    if isWhole[i] {
      var operands: [Int] = []
      for view in step.nodes[i].operands { operands.append(try value(of: view)) }
      return try setWhole(i, operation, operands)
    }
    for (row, rows) in ranges(.node(i)) {
      pieces[i].append(try values.add(operation, pieces(of: i, row: row, rows: rows), rows: rows))
    }
  }

  /// Divides the rows of x among a concatenation's pieces at the concatenation's cuts.
  private mutating func divideLeaves(of i: Int) throws(RecurrentError) {
    var divided: [Int] = [], row = 0
    for piece in pieces[i] {
      let rows = values[piece].rows
      for (first, count) in ranges(.node(i)) where first >= row && first < row + rows {
        divided.append(count == rows ? piece : try leaf(values[piece].operation, from: first - row, rows: count))
      }
      row += rows
    }
    pieces[i] = divided
  }

  /// Rows of a leaf, as a leaf.
  private mutating func leaf(_ operation: StepOperation, from: Int, rows: Int) throws(RecurrentError) -> Int {
    guard case .input(let row) = operation else { return try values.add(operation, rows: rows) }
    return try values.add(.input(row: row + from), rows: rows)
  }

  /// The values of a view with their rows.
  mutating func rows(of view: RecordedStep.View) throws(RecurrentError) -> [RowsOfValue] {
    var rows: [RowsOfValue] = [], row = 0
    for value in try pieces(of: view) {
      rows.append(RowsOfValue(row: row, value: value))
      row += values[value].rows
    }
    return rows
  }

  /// The values of a view, from the top.
  mutating func pieces(of view: RecordedStep.View) throws(RecurrentError) -> [Int] {
    switch view.source {
    case .input: return [try values.add(.input(row: view.row), rows: view.rows)]
    case .state(let k):
      var found: [Int] = []
      for (row, rows) in ranges(view.source) where row >= view.row && row < view.row + view.rows {
        found.append(try values.add(.state(k, row: row), rows: rows))
      }
      return found
    case .parameter(let p):
      return [try values.add(.parameter(ParameterRows(parameter: p, row: view.row)), rows: view.rows)]
    case .node(let i):
      var row = 0, found: [Int] = []
      for piece in pieces[i] {
        if row >= view.row && row < view.row + view.rows { found.append(piece) }
        row += values[piece].rows
      }
      return found
    }
  }
}
