// Pass 8: instructions with places. Equal element-wise operations on neighbouring rows become one instruction.

import Kernels

/// A micro-operation on rows of regions.
struct PlannedOperation {
  let operation: MicroOperation, function: UnaryOperation, parameter: Double
  /// Of the result; of the operand for a reduction.
  var rows: Int
  let result: Place
  let operands: [Place]
  /// The values that it computes, from the top; of a superinstruction those of its parts.
  var values: [Int]
  /// Of the values in their segment.
  let depth: Int
}

/// The instructions of one segment.
struct PlannedSegment {
  var operations: [PlannedOperation] = []
  /// Rows that the segment touches.
  var rows = 0
  /// The rows of tapes among them, none twice.
  var ranges: [PlannedRange] = []
}

/// Rows of a region.
struct PlannedRange {
  let first: Place
  var rows: Int
}

/// An instruction of one pass of a step.
enum PlannedInstruction {
  /// The product of a stack.
  case stack(Int)
  /// A value of transposed products: its terms, its result, and what is added to them.
  case transposed(value: Int, terms: [TransposedTerm], result: Place, initial: Place?)
  case segment(PlannedSegment)
}

extension StepValues {
  /// Gives instructions the places of their values.
  func plan(_ instructions: [StepInstruction], _ layout: StepLayout) -> [PlannedInstruction] {
    instructions.compactMap { instruction in
      switch instruction {
      case .stack(let s): return .stack(s)
      case .transposed(let i):
        guard case .transposedProducts(let terms, let hasInitial) = self[i].operation, let result = layout.places[i]
        else { return nil }
        let initial = hasInitial ? self[i].operands.last.flatMap { layout.places[$0] } : nil
        return .transposed(value: i, terms: terms, result: result, initial: initial)
      case .segment(let segment): return .segment(plan(segment, layout))
      }
    }
  }

  private func plan(_ segment: Segment, _ layout: StepLayout) -> PlannedSegment {
    var planned = PlannedSegment(), operations: [PlannedOperation] = []
    var touched: [Place: Int] = [:]
    for (i, depth) in zip(segment.values, segment.depths) {
      guard case .micro(let operation, let function, let parameter) = self[i].operation,
        let result = layout.places[i]
      else { continue }
      for v in self[i].operands + [i] {
        // a part and its whole may begin at one row
        if let place = layout.places[v] { touched[place] = max(touched[place] ?? 0, self[v].rows) }
      }
      let operands = self[i].operands.prefix(operation.operands).compactMap { layout.places[$0] }
      operations.append(
        PlannedOperation(
          operation: operation, function: function, parameter: parameter, rows: rows(of: operation, i), result: result,
          operands: operands, values: [i], depth: depth))
    }
    Superinstruction.combine(&operations) { operation, value in
      operation.values.contains { reader in self[reader].operands.contains { computed($0).contains(value) } }
    }
    for next in operations {
      if let last = planned.operations.last, last.isContinued(by: next) {
        planned.operations[planned.operations.count - 1].rows += next.rows
        planned.operations[planned.operations.count - 1].values += next.values
      } else {
        planned.operations.append(next)
      }
    }
    planned.rows = touched.values.reduce(0, +)
    planned.ranges = ranges(touched)
    return planned
  }

  /// The rows of values in memory that holds a column for each time step.
  private func ranges(_ touched: [Place: Int]) -> [PlannedRange] {
    var ranges: [PlannedRange] = []
    for (_, places) in Dictionary(grouping: touched.filter { $0.key.region.isTape }, by: \.key.region) {
      let first = ranges.count
      for (place, rows) in places.sorted(by: { $0.key.row < $1.key.row }) {
        if ranges.count > first, let last = ranges.last, place.row <= last.first.row + last.rows {
          ranges[ranges.count - 1].rows = max(last.rows, place.row + rows - last.first.row)
        } else {
          ranges.append(PlannedRange(first: place, rows: rows))
        }
      }
    }
    return ranges
  }

  /// The rows of a value's instruction.
  func rows(of operation: MicroOperation, _ i: Int) -> Int {
    operation.reducedRows != nil ? self[self[i].operands[0]].rows : self[i].rows
  }
}

extension PlannedOperation {
  /// Whether `next` does the same with the rows that follow.
  func isContinued(by next: PlannedOperation) -> Bool {
    func follows(_ a: Place, _ b: Place) -> Bool { a.region == b.region && a.row + rows == b.row }
    return operation.isElementwise && depth == next.depth && operation == next.operation && function == next.function
      && parameter == next.parameter
      && follows(result, next.result) && zip(operands, next.operands).allSatisfy { follows($0, $1) }
  }
}
