// The values of a step in static single assignment: each is one operation on earlier ones, each has one column per
// sequence. Forward and backward pass share the table.

import Kernels

/// Rows and columns of a parameter that multiply a value.
struct WeightPart: Hashable {
  let parameter: Int
  let row: Int, rows: Int
  let column: Int, columns: Int
}

/// Rows of a parameter, a single column.
struct ParameterRows: Hashable {
  let parameter: Int, row: Int
}

/// A product of the backward pass: Wᵀ·dz for the weights of a stack that multiply one of its operands.
struct TransposedTerm: Hashable {
  let stack: Int, operand: Int
}

/// The operation that computes a value.
enum StepOperation: Hashable {
  // MARK: Leaves
  /// Rows of x from `row` on.
  case input(row: Int)
  /// Rows of a state before the step.
  case state(Int, row: Int)
  /// Rows of a parameter, the same for each sequence.
  case parameter(ParameterRows)
  /// Rows of a mask.
  case mask(Int, row: Int)
  /// Rows of the whole gradient of a state after the step.
  case stateGradient(Int, row: Int)
  /// Rows of the gradient of the output of the step before, from outside.
  case outputGradient(row: Int)
  /// A state before the step and before each earlier one, and the gradient of that.
  case past(Int), pastGradient(Int)
  /// The gradient of rows of a parameter that the steps before, of the backward pass, add up to.
  case parameterGradient(ParameterRows)

  // MARK: Operations
  /// A micro-operation with its function and parameter, where it has them.
  case micro(MicroOperation, UnaryOperation, Double)
  /// Σ W·v + Σ bias: one weight part for each operand v.
  case sumOfProducts([WeightPart], biases: [ParameterRows])
  /// Σ Wᵀ·dz, plus the last operand with `hasInitial`; the other operands are the dz of all stacks of the terms.
  case transposedProducts([TransposedTerm], hasInitial: Bool)

  // MARK: Views, which no instruction computes
  /// Rows of the operand from `row` on.
  case part(row: Int)
  /// The operands one below the other. From pass 2 on nothing else decides where they lie.
  case join

  static func unary(_ function: UnaryOperation, _ parameter: Double = 0) -> StepOperation {
    .micro(.unary, function, parameter)
  }
  static func micro(_ operation: MicroOperation) -> StepOperation { .micro(operation, .neg, 0) }

  /// Whether a segment computes the value.
  var isMicro: Bool { if case .micro = self { true } else { false } }
  var isProduct: Bool {
    switch self {
    case .sumOfProducts, .transposedProducts: true
    default: false
    }
  }
  /// Whether the value exists before the step begins.
  var isLeaf: Bool {
    switch self {
    case .input, .state, .parameter, .mask, .stateGradient, .outputGradient, .past, .pastGradient,
      .parameterGradient:
      true
    default: false
    }
  }
}

/// Values by index; the operands of a value precede it.
struct StepValues {
  struct Value: Hashable {
    var operation: StepOperation
    var operands: [Int]
    let rows: Int
  }

  private(set) var values: [Value] = []
  private var numbers: [Value: Int] = [:]

  var count: Int { values.count }
  subscript(i: Int) -> Value { values[i] }

  /// The largest number of values.
  static let limit = 20_000

  /// Returns the value of an operation: an earlier one if it is equal.
  mutating func add(_ operation: StepOperation, _ operands: [Int] = [], rows: Int) throws(RecurrentError) -> Int {
    let value = Value(operation: operation, operands: operands, rows: rows)
    if let known = numbers[value] { return known }
    numbers[value] = count
    return try append(value)
  }

  /// Returns a copy of a value, which has a place of its own.
  mutating func addCopy(of i: Int) throws(RecurrentError) -> Int {
    try append(Value(operation: .micro(.copy), operands: [i], rows: values[i].rows))
  }

  /// Returns a value of zeros, which has a place of its own.
  mutating func addZero(rows: Int) throws(RecurrentError) -> Int {
    try append(Value(operation: .micro(.zero), operands: [], rows: rows))
  }

  /// Rows of a value as a value.
  mutating func part(of i: Int, row: Int, rows: Int) throws(RecurrentError) -> Int {
    if rows == values[i].rows { return i }
    if case .part(let first) = values[i].operation {
      return try add(.part(row: first + row), values[i].operands, rows: rows)
    }
    return try add(.part(row: row), [i], rows: rows)
  }

  /// Values one below the other as a value.
  mutating func join(_ pieces: [Int]) throws(RecurrentError) -> Int {
    if pieces.count == 1 { return pieces[0] }
    return try add(.join, pieces, rows: pieces.reduce(0) { $0 + values[$1].rows })
  }

  /// The values that lie in the memory of joins: nothing else decides where.
  var joined: Set<Int> {
    Set(values.flatMap { $0.operation == .join ? $0.operands : [] })
  }

  /// The values that are computed in the memory of a value: its own, or those that a view consists of.
  func computed(_ i: Int) -> [Int] {
    switch values[i].operation {
    case .part, .join: values[i].operands.flatMap { computed($0) }
    default: [i]
    }
  }

  private mutating func append(_ value: Value) throws(RecurrentError) -> Int {
    try require(
      count < StepValues.limit, .badValue,
      "step is too large; expected at most \(StepValues.limit) values, got more")
    values.append(value)
    return count - 1
  }

  /// Gives a value another operation with the same result.
  mutating func replace(_ i: Int, by operation: StepOperation, _ operands: [Int]) {
    values[i].operation = operation
    values[i].operands = operands
  }

  /// The number of uses of each value that `roots` need, by such values and by `roots`.
  func uses(from roots: [Int]) -> [Int] {
    var uses = [Int](repeating: 0, count: count)
    for root in roots { uses[root] += 1 }
    for i in values.indices.reversed() where uses[i] > 0 {
      for operand in values[i].operands { uses[operand] += 1 }
    }
    return uses
  }
}

/// Some rows of a state, of the gradient tape or of whatever else outlives a step, and the value that becomes them.
struct RowsOfValue {
  let row: Int
  var value: Int
}
