// Pass 4: reverse-mode differentiation of the step. The backward pass is values in the same table.

import Kernels

/// The gradient of rows of a parameter: what the steps add to it, one after another.
struct ParameterGradient {
  let rows: ParameterRows
  /// The values before the step, and after it.
  let before: Int, after: Int
}

/// The backward pass of a step: which value is the gradient of what.
struct StepGradients {
  /// The first value of the backward pass.
  var first = 0
  /// The gradient of each sum of products.
  var sums: [Int: Int] = [:]
  /// The gradients of parameters in element-wise operations, one column for each sequence.
  var parameters: [ParameterGradient] = []
  /// The gradients of x from element-wise operations.
  var inputs: [RowsOfValue] = []
  /// The gradients of each state before the step, in pieces that cover it. In a sequence that of state 0 includes the
  /// gradient of the output of the step before.
  var states: [[RowsOfValue]] = []

  /// Every value that outlives the step.
  var results: [Int] {
    sums.values.sorted() + parameters.map(\.after) + inputs.map(\.value) + states.flatMap { $0.map(\.value) }
  }
}

extension DividedStep {
  /// Appends the backward pass.
  ///
  /// - Parameters:
  ///   - before: rows of each state before the step.
  ///   - isSequence: whether the states before the step are those after one other step.
  mutating func derive(_ stacks: [Stack], before: [Int], isSequence: Bool) throws(RecurrentError) -> StepGradients {
    var derivation = Derivation(self, stacks, isSequence: isSequence)
    try derivation.run(states: before)
    values = derivation.values
    return derivation.gradients
  }
}

private struct Derivation {
  let stacks: [Stack]
  /// The stacks that multiply a value, and at which place among their operands.
  private var products: [Int: [TransposedTerm]] = [:]
  var values: StepValues
  var gradients = StepGradients()
  /// The terms of the gradient of each value that are no products.
  private var terms: [Int: [Int]] = [:]
  /// The gradients of parts of each value.
  private var parts: [Int: [RowsOfValue]] = [:]
  /// For each state the values whose operations add to the gradient of its past.
  private var attentions: [Int: [Int]] = [:]
  /// The values that have a place outside of the step already.
  private var results: Set<Int> = []
  private let next: [[RowsOfValue]]
  private let isSequence: Bool

  init(_ step: DividedStep, _ stacks: [Stack], isSequence: Bool) {
    (self.stacks, self.isSequence) = (stacks, isSequence)
    values = step.values
    next = step.next
    gradients.first = values.count
    for (s, stack) in stacks.enumerated() {
      for (o, operand) in stack.operands.enumerated() {
        products[operand, default: []].append(TransposedTerm(stack: s, operand: o))
      }
    }
  }

  mutating func run(states: [Int]) throws(RecurrentError) {
    for (k, pieces) in next.enumerated() {
      for piece in pieces {
        let gradient = try values.add(.stateGradient(k, row: piece.row), rows: values[piece.value].rows)
        terms[piece.value, default: []].append(gradient)
      }
    }
    var before = [[RowsOfValue]](repeating: [], count: states.count)
    for v in (0..<gradients.first).reversed() {
      switch values[v].operation {
      case .state(let k, let row):
        if k == 0 && isSequence {
          terms[v, default: []].append(try values.add(.outputGradient(row: row), rows: values[v].rows))
        }
        if let past = try past(k, states[k], row: row, rows: values[v].rows) { terms[v, default: []].append(past) }
        if let total = try total(v) { before[k].append(RowsOfValue(row: row, value: try result(total))) }
      case .input(let row):
        if let total = try sum(terms[v]) {
          gradients.inputs.append(RowsOfValue(row: row, value: try result(total, true)))
        }
      case .parameter(let rows):
        if let total = try sum(terms[v]) {
          let before = try values.add(.parameterGradient(rows), rows: values[v].rows)
          let after = try values.add(.micro(.sum), [total, before], rows: values[v].rows)
          gradients.parameters.append(ParameterGradient(rows: rows, before: before, after: after))
        }
      case .sumOfProducts:
        if let total = try total(v) { gradients.sums[v] = try result(total, true) }
      case .micro(let operation, let function, let parameter):
        if let total = try total(v) { try derive(v, operation, function, parameter, total) }
      case .part(let row):
        if let total = try total(v) {
          parts[values[v].operands[0], default: []].append(RowsOfValue(row: row, value: total))
        }
      case .join:
        guard let total = try total(v) else { continue }
        var row = 0
        for operand in values[v].operands {
          let rows = values[operand].rows
          terms[operand, default: []].append(try values.part(of: total, row: row, rows: rows))
          row += rows
        }
      default: break
      }
    }
    for k in states.indices { gradients.states.append(try complete(before[k], k, rows: states[k])) }
  }

  /// A sum of values; nil for none.
  private mutating func sum(_ terms: [Int]?) throws(RecurrentError) -> Int? {
    guard let terms, var total = terms.first else { return nil }
    for term in terms.dropFirst() { total = try values.add(.micro(.sum), [total, term], rows: values[total].rows) }
    return total
  }

  /// The whole gradient of a value.
  private mutating func total(_ v: Int) throws(RecurrentError) -> Int? {
    try joinParts(of: v)
    let initial = try sum(terms[v])
    guard let products = products[v] else { return initial }
    var operands = products.flatMap { stacks[$0.stack].sums.compactMap { gradients.sums[$0] } }
    if let initial { operands.append(initial) }
    return try values.add(
      .transposedProducts(products, hasInitial: initial != nil), operands, rows: values[v].rows)
  }

  /// Makes the gradients of parts of a value terms of its own gradient, with zeros between them.
  private mutating func joinParts(of v: Int) throws(RecurrentError) {
    var remaining = (parts[v] ?? []).sorted { $0.row < $1.row }
    while !remaining.isEmpty {
      // parts may overlap: those of one join do not
      var pieces: [Int] = [], row = 0, overlapping: [RowsOfValue] = []
      for part in remaining {
        if part.row < row {
          overlapping.append(part)
          continue
        }
        if part.row > row { pieces.append(try values.addZero(rows: part.row - row)) }
        pieces.append(try result(part.value, true))
        row = part.row + values[part.value].rows
      }
      if row < values[v].rows { pieces.append(try values.addZero(rows: values[v].rows - row)) }
      terms[v, default: []].append(try values.join(pieces))
      remaining = overlapping
    }
  }

  /// The value itself if it can have a place of its own outside of the step, else a copy.
  private mutating func result(_ v: Int, _ mustBeElementwise: Bool = false) throws(RecurrentError) -> Int {
    let operation = values[v].operation
    let isFree = v >= gradients.first && (operation.isMicro || operation.isProduct && !mustBeElementwise)
    if isFree && results.insert(v).inserted { return v }
    let copy = try values.addCopy(of: v)
    results.insert(copy)
    return copy
  }

  /// Adds the terms of the operands' gradients.
  private mutating func derive(
    _ v: Int, _ operation: MicroOperation, _ function: UnaryOperation, _ parameter: Double, _ dy: Int
  ) throws(RecurrentError) {
    let operands = values[v].operands, rows = values[v].rows
    func add(_ operation: StepOperation, _ factors: [Int], to operand: Int) throws(RecurrentError) {
      terms[operand, default: []].append(try values.add(operation, factors, rows: rows))
    }
    switch operation {
    case .copy:
      terms[operands[0], default: []].append(dy)
    case .unary:
      switch function {
      case .neg: try add(.unary(.neg), [dy], to: operands[0])
      case .shift: terms[operands[0], default: []].append(dy)
      default:
        let (readsX, readsY) = function.derivativeReads
        let x = readsX ? operands[0] : v, y = readsY ? v : operands[0]
        try add(.micro(.slope, function, parameter), [dy, dy, readsX ? x : y, readsY ? y : x], to: operands[0])
      }
    case .sum:
      terms[operands[0], default: []].append(dy)
      terms[operands[1], default: []].append(dy)
    case .difference:
      terms[operands[0], default: []].append(dy)
      try add(.unary(.neg), [dy], to: operands[1])
    case .product:
      try add(.micro(.product), [dy, operands[1]], to: operands[0])
      try add(.micro(.product), [dy, operands[0]], to: operands[1])
    case .quotient:
      // d(a/b) = da/b − (a/b) db/b
      try add(.micro(.quotient), [dy, operands[1]], to: operands[0])
      let quotient = try values.add(
        .micro(.quotient), [try values.add(.micro(.product), [dy, v], rows: rows), operands[1]], rows: rows)
      try add(.unary(.neg), [quotient], to: operands[1])
    case .sumRows:
      let gradient = try values.add(.micro(.broadcastRow, .neg, parameter), [dy], rows: values[operands[0]].rows)
      terms[operands[0], default: []].append(gradient)
    // the gradient through the scale is part of it
    case .normalize: try add(.micro(.normalizeBackward), [dy, v, operands[1]], to: operands[0])
    case .softmax: try add(.micro(.softmaxBackward), [dy, v], to: operands[0])
    case .attend:
      guard case .past(let keys) = values[operands[1]].operation, case .past(let kept) = values[operands[2]].operation
      else { break }
      let dKeys = try values.add(.pastGradient(keys), rows: rows)
      let dValues = try values.add(.pastGradient(kept), rows: rows)
      let gradient = try values.add(.micro(.attendBackward), [dy] + operands + [v, dKeys, dValues], rows: rows)
      terms[operands[0], default: []].append(gradient)
      for k in Set([keys, kept]) { attentions[k, default: []].append(gradient) }
    default: break
    }
  }

  /// Rows of the gradient of a state that attention over its past has added up; nil without.
  private mutating func past(_ k: Int, _ all: Int, row: Int, rows: Int) throws(RecurrentError) -> Int? {
    guard let attentions = attentions[k] else { return nil }
    // a copy that is made after the operations that add
    let copy = try values.add(.micro(.copy), [values.add(.pastGradient(k), rows: all)] + attentions, rows: all)
    return try values.part(of: copy, row: row, rows: rows)
  }

  /// The pieces of a state's gradient with those that no operation reads: the output's own gradient and that of its past.
  private mutating func complete(
    _ pieces: [RowsOfValue], _ k: Int, rows: Int
  ) throws(RecurrentError) -> [RowsOfValue] {
    var complete: [RowsOfValue] = [], row = 0
    func fill(to end: Int) throws(RecurrentError) {
      if row >= end { return }
      var terms: [Int] = []
      if k == 0 && isSequence { terms.append(try values.add(.outputGradient(row: row), rows: end - row)) }
      if let past = try past(k, rows, row: row, rows: end - row) { terms.append(past) }
      let value: Int
      if let total = try sum(terms) {
        value = try result(total, true)
      } else {
        value = try values.addZero(rows: end - row)
      }
      complete.append(RowsOfValue(row: row, value: value))
    }
    for piece in pieces.sorted(by: { $0.row < $1.row }) {
      try fill(to: piece.row)
      complete.append(piece)
      row = piece.row + values[piece.value].rows
    }
    try fill(to: rows)
    return complete
  }
}
