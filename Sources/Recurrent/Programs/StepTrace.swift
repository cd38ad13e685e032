// A step as a list of operations, which a file holds and from which a step is recorded again.

import Kernels

/// The operations of a step in the order of their recording.
struct StepTrace {
  enum Source: Hashable {
    case input
    case state(Int)
    /// A parameter that a run receives.
    case argument(Int)
    /// A Mat that the step captured.
    case captured
    /// The result of an operation.
    case node(Int)
  }

  /// A part of a source.
  struct Operand {
    let source: Source
    let row: Int, column: Int, n: Int, d: Int
  }

  struct Operation {
    let operation: RecordedOperation
    let operands: [Operand]
  }

  var operations: [Operation] = []
  var next: [Operand] = []
  /// The values with a name.
  var names: [(name: String, operand: Operand)] = []
  static let nameLimit = 64

  /// Whether the step reads Mats that only the process has that recorded it.
  var captures: Bool {
    operations.contains { $0.operands.contains { $0.source == .captured } }
  }
}

// MARK: JSON

extension StepTrace {
  /// The operations as JSON:
  ///
  ///     [["mul", ["p0", 0, 0, 80, 5], ["x", 0, 5]], ["tanh", ["v0", 0, 80]], ["scale", 0.5, ["v1", 0, 80]]]
  ///
  /// `sum` and `mean` are those of each column. An operand is its source, x, state s0, parameter p0 or result v0, and its rows: the first and their number; a part
  /// of a parameter has first row, first column, rows and columns.
  var operationsJSON: JSON {
    .array(
      JSON.List(
        operations.map { operation in
          var items: [JSON] = [.string(operation.operation.name)]
          if let number = operation.operation.number { items.append(.number(number)) }
          return .array(JSON.List(items + operation.operands.map(\.json)))
        }))
  }

  /// {"i": ["v3", 0, 20]}: a value for each name.
  var namesJSON: JSON { .object(JSON.List(names.map { ($0.name, $0.operand.json) })) }

  var nextJSON: JSON { .array(JSON.List(next.map(\.json))) }
}

extension StepTrace.Operand {
  var json: JSON {
    func number(_ i: Int) -> JSON { .number(Double(i)) }
    let name: String =
      switch source {
      case .input: "x"
      case .state(let k): "s\(k)"
      case .argument(let i): "p\(i)"
      case .captured: "captured"
      case .node(let i): "v\(i)"
      }
    if d == Placeholder.columns && column == 0 { return .array([.string(name), number(row), number(n)]) }
    return .array([.string(name), number(row), number(column), number(n), number(d)])
  }
}
