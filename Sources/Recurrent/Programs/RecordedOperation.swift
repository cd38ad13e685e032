// The operations that a step may use: their names in files, and their recording on a graph.

import Kernels

/// An operation that may occur in a step.
enum RecordedOperation {
  case unary(UnaryOperation, Double)
  case binary(BinaryOperation)
  /// The product of a parameter and a value.
  case product
  case concatRows
  /// The sum or mean of each column.
  case reduceRows(Reduction)
  case softmax
  /// The operands are the value, or the value, gain and bias; the number is ε.
  case layerNorm(Double)
  /// With its rate.
  case dropout(Double, DropoutScope)
  /// The operands are the new value and the previous one; the number is the rate.
  case zoneout(Double)
  /// The operands are the query, the keys and the values, the latter two states.
  case attend
}

extension RecordedOperation {
  /// The operation of a name; nil for an unknown one.
  ///
  /// - Parameter number: that of an operation with one.
  init?(name: String, _ number: Double) {
    if let unary = UnaryOperation.allCases.first(where: { $0.name == name }) {
      self = .unary(unary, number)
    } else if let binary = BinaryOperation.allCases.first(where: { $0.name == name }) {
      self = .binary(binary)
    } else {
      let others: [RecordedOperation] = [
        .product, .concatRows, .reduceRows(.sum), .reduceRows(.mean), .softmax, .layerNorm(number),
        .dropout(number, .step), .dropout(number, .sequence), .zoneout(number), .attend,
      ]
      guard let other = others.first(where: { $0.name == name }) else { return nil }
      self = other
    }
  }

  /// The name in C and Python.
  var name: String {
    switch self {
    case .unary(let function, _): function.name
    case .binary(let function): function.name
    case .product: "mul"
    case .concatRows: "concat_rows"
    case .reduceRows(let reduction): reduction == .mean ? "mean" : "sum"
    case .softmax: "softmax"
    case .layerNorm: "layer_norm"
    case .dropout(_, .step): "dropout"
    case .dropout(_, .sequence): "variational_dropout"
    case .zoneout: "zoneout"
    case .attend: "attend"
    }
  }

  /// The number that belongs to the operation; nil for an operation without.
  var number: Double? {
    switch self {
    case .unary(let function, let parameter): function.parameterName == nil ? nil : parameter
    case .layerNorm(let epsilon): epsilon
    case .dropout(let rate, _), .zoneout(let rate): rate
    default: nil
    }
  }

  /// The number of operands that the operation must have where it is given `count`.
  func operands(of count: Int) -> Int {
    switch self {
    case .unary, .reduceRows, .softmax, .dropout: 1
    case .binary, .product, .zoneout: 2
    case .layerNorm: count == 1 ? 1 : 3
    case .attend: 3
    case .concatRows: count
    }
  }

  /// Records the operation.
  ///
  /// - Parameters:
  ///   - m: as many operands as it must have.
  ///   - graph: that of a step, or of a run.
  ///   - random: of a run, draws dropout; nil for evaluation.
  func record(_ m: [Mat], on graph: Graph, _ random: Random? = nil) throws(RecurrentError) -> Mat {
    switch self {
    case .unary(let function, let parameter): return try graph.unary(function, m[0], parameter: parameter)
    case .binary(let function): return try graph.binary(function, m[0], m[1])
    case .product: return try graph.mul(m[0], m[1])
    case .concatRows: return try graph.concatRows(m)
    case .reduceRows(.sum): return try graph.sum(m[0], over: .rows)
    case .reduceRows(.mean): return try graph.mean(m[0], over: .rows)
    case .softmax: return try graph.softmax(m[0])
    case .layerNorm(let epsilon):
      if m.count == 1 { return try graph.layerNorm(m[0], epsilon: epsilon) }
      return try graph.layerNorm(m[0], gain: m[1], bias: m[2], epsilon: epsilon)
    case .dropout(let rate, let scope):
      if graph.recordedOperands != nil { return try graph.dropout(m[0], rate: rate, per: scope) }
      guard let random else { return m[0] }
      return try graph.dropout(m[0], rate: rate, random)
    case .zoneout(let rate): return try graph.zoneout(m[0], m[1], rate: rate)
    case .attend: return try graph.attend(m[0], keys: m[1], values: m[2])
    }
  }
}
