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

  static let all = [lstm, lstmBackward, gru, gruBackward]
}

// MARK: Recognition

extension Superinstruction {
  /// Replaces parts that follow each other by one instruction.
  ///
  /// - Parameters:
  ///   - operations: of one segment, one for each value.
  ///   - reads: whether an operation of the segment reads a value.
  static func combine(
    _ operations: inout [PlannedOperation], reads: (_ operation: PlannedOperation, _ value: Int) -> Bool
  ) {
    for superinstruction in all {
      while let combined = superinstruction.firstMatch(operations, reads) {
        operations.replaceSubrange(combined.range, with: [combined.operation])
      }
    }
  }

  private func firstMatch(
    _ operations: [PlannedOperation], _ reads: (PlannedOperation, Int) -> Bool
  ) -> (range: Range<Int>, operation: PlannedOperation)? {
    for first in 0..<max(0, operations.count - parts.count + 1) {
      let range = first..<first + parts.count
      var match = Match(places: Array(repeating: nil, count: slots))
      guard find(operations[range], &match), areSeparate(match.places, rows: operations[first].rows) else { continue }
      let inner = parts.indices.filter { parts[$0].result > result }.map { operations[match.order[$0]].values[0] }
      let others = operations.indices.filter { !range.contains($0) }
      if others.contains(where: { i in inner.contains { reads(operations[i], $0) } }) { continue }
      let places = match.places.compactMap { $0 }
      return (
        range,
        PlannedOperation(
          operation: operation, function: .neg, parameter: 0, rows: operations[first].rows, result: places[result],
          operands: Array(places.prefix(result)), values: match.order.map { operations[$0].values[0] }, depth: -1)
      )
    }
    return nil
  }

  private struct Match {
    /// Where each slot lies.
    var places: [Place?]
    /// For each part the index of its operation.
    var order: [Int] = []
  }

  /// Finds an operation for every part from the first without one.
  private func find(_ operations: ArraySlice<PlannedOperation>, _ match: inout Match) -> Bool {
    let k = match.order.count
    if k == parts.count { return true }
    let part = parts[k]
    for (i, candidate) in zip(operations.indices, operations) where !match.order.contains(i) {
      guard
        candidate.operation == part.operation, candidate.function == part.function, candidate.parameter == 0,
        candidate.rows == operations[operations.startIndex].rows,
        keepsOrder(k, i, match)
      else { continue }
      for order in part.orders {
        var next = match
        let isBound =
          zip(part.operands, order).allSatisfy { slot, k in bind(slot, candidate.operands[k], &next) }
          && bind(part.result, candidate.result, &next)
        if !isBound { continue }
        next.order.append(i)
        if find(operations, &next) {
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

  /// Whether nothing that is written overlaps another operand. Where all operands of an element are read first, what is
  /// written may replace one that is only read.
  func areSeparate(_ places: [Place?], rows: Int) -> Bool {
    let written = Set(parts.map(\.result))
    // memory of parts alone is not used
    return (0...result).allSatisfy { a in
      (0...result).allSatisfy { b in
        guard a != b, written.contains(a), let first = places[a], let second = places[b] else { return true }
        if first.region != second.region || abs(first.row - second.row) >= rows { return true }
        return first.row == second.row && replacesOperands && !written.contains(b)
      }
    }
  }

  /// Whether the kernel reads all operands of an element before it writes.
  private var replacesOperands: Bool { operation == .lstmBackward || operation == .gruBackward }
}
