// Pass 8: where operations of a segment are the parts of a superinstruction.

import Kernels

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
    // for each part the operations that compute the same
    let candidates = parts.map { part in
      operations.indices.filter { i in
        operations[i].operation == part.operation && operations[i].function == part.function
          && (operations[i].parameter == 0 || part.operation.hasParameter)
      }
    }
    if candidates.contains(where: \.isEmpty) { return nil }
    var match = Match(slots: parts.reduce(0) { max($0, $1.result + 1) })
    for first in candidates[0] {
      match.rows = operations[first].rows
      if !find(operations, candidates, first: first, &match, { isAllowed($0, operations, reads) }) { continue }
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
    var rows = 0
    /// For each part the index of its operation.
    var order: [Int] = []
    var parameter = 0.0

    init(slots: Int) { places = Array(repeating: nil, count: slots) }

    /// Whether a slot lies at a place; one without gets it, and is noted in `added`.
    mutating func bind(_ slot: Int, _ place: Place, _ added: inout UInt64) -> Bool {
      if let known = places[slot] { return known == place }
      places[slot] = place
      added |= 1 << UInt64(slot)
      return true
    }

    mutating func unbind(_ added: UInt64) {
      for slot in places.indices where added >> UInt64(slot) & 1 == 1 { places[slot] = nil }
    }
  }

  /// Finds an operation for every part from the first without one; for the first part only that at `first`.
  private func find(
    _ operations: [PlannedOperation], _ candidates: [[Int]], first: Int, _ match: inout Match,
    _ isAllowed: (Match) -> Bool
  ) -> Bool {
    let k = match.order.count
    if k == parts.count { return isAllowed(match) }
    for i in candidates[k] where (k > 0 || i == first) && !match.order.contains(i) {
      if operations[i].rows != match.rows || !keepsOrder(k, i, match) { continue }
      for order in parts[k].orders {
        var added: UInt64 = 0
        var isBound = match.bind(parts[k].result, operations[i].result, &added)
        for (slot, at) in zip(parts[k].operands, order) where isBound {
          isBound = match.bind(slot, operations[i].operands[at], &added)
        }
        if isBound {
          match.order.append(i)
          if parts[k].operation.hasParameter { match.parameter = operations[i].parameter }
          if find(operations, candidates, first: first, &match, isAllowed) { return true }
          match.order.removeLast()
        }
        match.unbind(added)
      }
    }
    return false
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
