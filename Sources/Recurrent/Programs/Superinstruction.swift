// Pass 8: operations that a kernel computes together become one instruction.

import Kernels

/// A micro-operation that stands for several, over named memory: slot k is its operand k, then comes its result, then
/// memory that only its parts use.
///
/// Reference: Ertl and Gregg, The Structure and Performance of Efficient Interpreters, Journal of Instruction-Level
/// Parallelism 5 (2003).
struct Superinstruction {
  struct Part {
    let operation: MicroOperation, function: UnaryOperation
    let operands: [Int], result: Int

    init(_ operation: MicroOperation, _ function: UnaryOperation, _ operands: [Int], to result: Int) {
      (self.operation, self.function, self.operands, self.result) = (operation, function, operands, result)
    }

    init(_ operation: MicroOperation, _ operands: [Int], to result: Int) {
      self.init(operation, .neg, operands, to: result)
    }

    /// The operands in every order that means the same.
    var orders: [[Int]] {
      let all = Array(operands.indices)
      func exchanged(_ a: Int, _ b: Int, in order: [Int]) -> [Int] {
        var order = order
        order.swapAt(a, b)
        return order
      }
      switch operation {
      case .sum, .product, .mulAdd, .slopeMul, .slopeMulAdd: return [all, exchanged(0, 1, in: all)]
      case .mulMulAdd:
        // the planner chose which product is rounded: the kernel may choose the other
        return [all, [2, 3, 0, 1]].flatMap { [$0, exchanged(0, 1, in: $0)] }
          .flatMap { [$0, exchanged(2, 3, in: $0)] }
      default: return [all]
      }
    }
  }

  let operation: MicroOperation
  let parts: [Part]

  private var result: Int { operation.operands }
  private var slots: Int { parts.reduce(0) { max($0, $1.result + 1) } }

  /// An LSTM: i, f, o, g, c, c′, tanh c′; h′.
  private static let lstm = Superinstruction(
    operation: .lstm,
    parts: [
      Part(.unary, .tanh, [3], to: 3), Part(.unary, .sigmoid, [0], to: 0), Part(.unary, .sigmoid, [1], to: 1),
      Part(.unary, .sigmoid, [2], to: 2), Part(.mulMulAdd, [1, 4, 0, 3], to: 5), Part(.unary, .tanh, [5], to: 6),
      Part(.product, [2, 6], to: 7),
    ])

  /// Its gradients: dh′, dc′, i, f, o, g, c, tanh c′, those of the pre-activations of i, f, o, g; dc.
  private static let lstmBackward = Superinstruction(
    operation: .lstmBackward,
    parts: [
      Part(.slopeMul, .sigmoid, [0, 7, 4, 4], to: 10), Part(.slopeMulAdd, .tanh, [0, 4, 7, 7, 1], to: 13),
      Part(.product, [13, 3], to: 12), Part(.slopeMul, .tanh, [13, 2, 5, 5], to: 11),
      Part(.slopeMul, .sigmoid, [13, 6, 3, 3], to: 9), Part(.slopeMul, .sigmoid, [13, 5, 2, 2], to: 8),
    ])

  /// The cell of an LSTM: the pre-activations of i, f, o, g, c, i, f, o, g; c′.
  private static let lstmCell = Superinstruction(
    operation: .lstmCell,
    parts: [
      Part(.unary, .tanh, [3], to: 8), Part(.unary, .sigmoid, [0], to: 5), Part(.unary, .sigmoid, [1], to: 6),
      Part(.unary, .sigmoid, [2], to: 7), Part(.mulMulAdd, [6, 4, 5, 8], to: 9),
    ])

  /// Its gradients: dc′, i, f, g, c, those of the pre-activations of i, f, g; dc.
  private static let lstmCellBackward = Superinstruction(
    operation: .lstmCellBackward,
    parts: [
      Part(.product, [0, 2], to: 8), Part(.slopeMul, .tanh, [0, 1, 3, 3], to: 7),
      Part(.slopeMul, .sigmoid, [0, 4, 2, 2], to: 6), Part(.slopeMul, .sigmoid, [0, 3, 1, 1], to: 5),
    ])

  /// A GRU that resets after the product: r, z, a, u, n, h − n, h; h′.
  private static let gru = Superinstruction(
    operation: .gru,
    parts: [
      Part(.unary, .sigmoid, [0], to: 0), Part(.unary, .sigmoid, [1], to: 1), Part(.mulAdd, [0, 2, 3], to: 8),
      Part(.unary, .tanh, [8], to: 4), Part(.difference, [6, 4], to: 5), Part(.mulAdd, [1, 5, 4], to: 7),
    ])

  /// Its gradients: dh′, what dh begins with, r, z, a, n, h − n, those of the pre-activations of r and z, of a and of u;
  /// dh.
  private static let gruBackward = Superinstruction(
    operation: .gruBackward,
    parts: [
      Part(.product, [0, 3], to: 12), Part(.slopeMul, .sigmoid, [0, 6, 3, 3], to: 8), Part(.sum, [12, 1], to: 11),
      Part(.difference, [0, 12], to: 13), Part(.slope, .tanh, [13, 13, 5, 5], to: 10), Part(.product, [10, 2], to: 9),
      Part(.slopeMul, .sigmoid, [10, 4, 2, 2], to: 7),
    ])

  /// Layer normalization without gain and bias: x, the moments; x̂.
  private static let layerNorm = Superinstruction(
    operation: .layerNorm, parts: [Part(.moments, [0], to: 1), Part(.normalize, [0, 1], to: 2)])

  /// Its gradients: dy, the gain, x̂, the moments, that of the gain; dx.
  private static let layerNormBackward = Superinstruction(
    operation: .layerNormBackward,
    parts: [
      Part(.product, [0, 1], to: 6), Part(.mulAdd, [0, 2, 4], to: 4), Part(.normalizeBackward, [6, 2, 3], to: 5),
    ])

  /// A part of another comes after it.
  static let all = [
    lstm, lstmBackward, lstmCell, lstmCellBackward, gru, gruBackward, layerNorm, layerNormBackward,
  ]

  /// The slots that are written.
  var written: Set<Int> { Set(parts.map(\.result)) }

  /// The rows of a slot, where the instruction has `rows`.
  func rows(_ slot: Int, of rows: Int) -> Int {
    switch operation {
    case .layerNorm: slot == 1 ? 2 : rows
    case .layerNormBackward: slot == 3 ? 2 : rows
    default: rows
    }
  }
}

// MARK: Recognition

extension Superinstruction {
  /// Replaces parts by one instruction, at the place of the last.
  ///
  /// - Parameters:
  ///   - operations: of one segment, one for each value.
  ///   - reads: whether an operation of the segment reads a value.
  static func combine(
    _ operations: inout [PlannedOperation], reads: (_ operation: PlannedOperation, _ value: Int) -> Bool
  ) {
    for superinstruction in all {
      while let (order, combined) = superinstruction.firstMatch(operations, reads), let last = order.max() {
        operations[last] = combined
        for i in order.sorted(by: >) where i < last { operations.remove(at: i) }
      }
    }
  }

  private func firstMatch(
    _ operations: [PlannedOperation], _ reads: (PlannedOperation, Int) -> Bool
  ) -> (order: [Int], combined: PlannedOperation)? {
    for first in operations.indices {
      var match = Match(places: Array(repeating: nil, count: slots), rows: operations[first].rows)
      guard
        find(operations, from: first, &match, { isAllowed($0, operations, reads) })
      else { continue }
      let places = match.places.compactMap { $0 }
      return (
        match.order,
        PlannedOperation(
          operation: operation, function: .neg, parameter: match.parameter, rows: match.rows, result: places[result],
          operands: Array(places.prefix(result)), values: match.order.map { operations[$0].values[0] }, depth: -1)
      )
    }
    return nil
  }

  private struct Match {
    /// Where each slot lies.
    var places: [Place?]
    let rows: Int
    /// For each part the index of its operation.
    var order: [Int] = []
    var parameter = 0.0
  }

  /// Finds an operation for every part from the first without one; for the first part only that at `first`.
  private func find(
    _ operations: [PlannedOperation], from first: Int, _ match: inout Match, _ isAllowed: (Match) -> Bool
  ) -> Bool {
    let k = match.order.count
    if k == parts.count { return isAllowed(match) }
    let part = parts[k]
    for i in k == 0 ? first..<first + 1 : operations.indices where !match.order.contains(i) {
      let candidate = operations[i]
      guard
        candidate.operation == part.operation, candidate.function == part.function, candidate.rows == match.rows,
        candidate.parameter == 0 || part.operation.hasParameter, keepsOrder(k, i, match)
      else { continue }
      for order in part.orders {
        var next = match
        let isBound =
          zip(part.operands, order).allSatisfy { slot, k in bind(slot, candidate.operands[k], &next) }
          && bind(part.result, candidate.result, &next)
        if !isBound { continue }
        next.order.append(i)
        if part.operation.hasParameter { next.parameter = candidate.parameter }
        if find(operations, from: first, &next, isAllowed) {
          match = next
          return true
        }
      }
    }
    return false
  }

  private func bind(_ slot: Int, _ place: Place, _ match: inout Match) -> Bool {
    if let known = match.places[slot] { return known == place }
    match.places[slot] = place
    return true
  }

  /// Whether operation i, as part k, comes after those that write what it reads or writes, or read what it writes.
  private func keepsOrder(_ k: Int, _ i: Int, _ match: Match) -> Bool {
    (0..<k).allSatisfy { q in
      let (a, b) = (parts[q], parts[k])
      let isFree = a.result != b.result && !b.operands.contains(a.result) && !a.operands.contains(b.result)
      return isFree || match.order[q] < i
    }
  }

  /// Whether the parts may be computed together where the last is: the operations between neither use what an earlier
  /// part writes nor write what it reads, and nothing else reads what only the parts use.
  private func isAllowed(
    _ match: Match, _ operations: [PlannedOperation], _ reads: (PlannedOperation, Int) -> Bool
  ) -> Bool {
    guard areSeparate(match.places, rows: match.rows), let last = match.order.max() else { return false }
    let inner = parts.indices.filter { parts[$0].result > result }.map { operations[match.order[$0]].values[0] }
    return operations.indices.allSatisfy { other in
      if match.order.contains(other) { return true }
      if inner.contains(where: { reads(operations[other], $0) }) { return false }
      return match.order.allSatisfy { part in
        other < part || other > last || !operations[part].conflicts(with: operations[other])
      }
    }
  }

  /// Whether nothing that is written overlaps another operand. Where all operands of an element are read first, what is
  /// written may replace one that is only read.
  func areSeparate(_ places: [Place?], rows: Int) -> Bool {
    let written = written
    // memory of parts alone is not used
    return (0...result).allSatisfy { a in
      (0...result).allSatisfy { b in
        guard a != b, written.contains(a), let first = places[a], let second = places[b] else { return true }
        if !first.overlaps(second, rows: self.rows(a, of: rows), self.rows(b, of: rows)) { return true }
        return first.row == second.row && readsFirst && !written.contains(b)
      }
    }
  }

  /// Whether the kernel reads all operands of an element before it writes.
  private var readsFirst: Bool { operation != .lstm && operation != .gru }
}

extension Place {
  /// Whether rows from here and rows from another place have one in common.
  fileprivate func overlaps(_ other: Place, rows: Int, _ others: Int) -> Bool {
    region == other.region && row < other.row + others && other.row < row + rows
  }
}

extension PlannedOperation {
  /// The memory that the operation uses.
  private var accesses: [(place: Place, rows: Int, isWritten: Bool)] {
    if let superinstruction = Superinstruction.all.first(where: { $0.operation == operation }) {
      return (operands + [result]).enumerated().map { slot, place in
        (place, superinstruction.rows(slot, of: rows), superinstruction.written.contains(slot))
      }
    }
    return operands.enumerated().map { k, place in (place, operation.rows(ofOperand: k, of: rows), false) }
      + [(result, operation.reducedRows ?? rows, true)]
  }

  /// Whether the order of both matters.
  fileprivate func conflicts(with other: PlannedOperation) -> Bool {
    accesses.contains { a in
      other.accesses.contains { b in
        (a.isWritten || b.isWritten) && a.place.overlaps(b.place, rows: a.rows, b.rows)
      }
    }
  }
}

extension MicroOperation {
  /// The rows of an operand, where the instruction has `rows`.
  func rows(ofOperand k: Int, of rows: Int) -> Int {
    switch (self, k) {
    case (.broadcastRow, _): 1
    case (.normalize, 1), (.normalizeBackward, 2): 2
    default: rows
    }
  }
}
