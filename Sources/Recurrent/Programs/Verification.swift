// Pass 9: a plan is executed on names instead of numbers. Each operand must hold the value that the step means, when it
// is read; nothing that is not verified runs.

import Kernels

/// What every row of memory holds.
private struct NamedMemory {
  private struct Entry {
    let row: Int, rows: Int, value: Int
  }
  private var regions: [Region: [Entry]] = [:]

  mutating func write(_ place: Place, _ value: Int, rows: Int) {
    var entries = regions[place.region] ?? []
    entries.removeAll { $0.row < place.row + rows && place.row < $0.row + $0.rows }
    entries.append(Entry(row: place.row, rows: rows, value: value))
    regions[place.region] = entries
  }

  func holds(_ value: Int, at place: Place, rows: Int) -> Bool {
    regions[place.region]?.contains { $0.row == place.row && $0.rows == rows && $0.value == value } ?? false
  }

  mutating func clear(_ region: Region) { regions[region] = nil }
}

/// A plan that a verification refuses: a fault of the planner.
struct PlanFault: Error, CustomStringConvertible {
  let description: String
}

extension StepPlan {
  /// Executes both passes on names.
  ///
  /// - Throws: `PlanFault` for the first read of another value than the step means.
  func verify() throws(PlanFault) {
    var memory = NamedMemory()
    for i in 0..<values.count where values[i].operation.isLeaf {
      // a leaf's memory is written by nothing in the step
      if let place = layout.places[i], i < gradients.first { writeLeaf(i, place, &memory) }
    }
    try run(forward, &memory)
    for (k, pieces) in next.enumerated() {
      for piece in pieces { try expect(piece.value, Place(region: .after(k), row: piece.row), memory, "next state") }
    }
    for name in names {
      for piece in name.pieces {
        try expect(piece.value, layout.places[piece.value], memory, "value '\(name.name)'")
        try expectKept(piece.value, "value '\(name.name)'")
      }
    }
    for i in gradients.first..<values.count where values[i].operation.isLeaf {
      if let place = layout.places[i] { writeLeaf(i, place, &memory) }
    }
    memory.clear(.scratch)
    memory.clear(.forwardTemporary)
    try run(backward, &memory)
    try expectResults(memory)
  }

  private func writeLeaf(_ i: Int, _ place: Place, _ memory: inout NamedMemory) {
    // leaves may overlap: each is known by its own name
    switch values[i].operation {
    case .input, .parameter, .mask, .stateGradient, .outputGradient, .past, .pastGradient: break
    default: memory.write(place, i, rows: values[i].rows)
    }
  }

  /// The results that are read after the last step.
  private func expectResults(_ memory: NamedMemory) throws(PlanFault) {
    for (s, stack) in stacks.enumerated() {
      try expectGradients(s, memory, "gradients of stack \(s)")
      for operand in stack.operands where !values[operand].operation.isLeaf {
        try expect(operand, layout.places[operand], memory, "operand of stack \(s)")
        try expectKept(operand, "operand of stack \(s)")
      }
    }
    for parameter in gradients.parameters { try expectKept(parameter.after, in: .parameterGradients, memory) }
    for piece in gradients.inputs { try expectKept(piece.value, in: .gradientTape, memory) }
    for (k, pieces) in gradients.states.enumerated() {
      for piece in pieces {
        try expect(piece.value, Place(region: .gradientBefore(k), row: piece.row), memory, "gradient of state \(k)")
      }
    }
  }

  /// Requires that a value of every time step is kept.
  private func expectKept(_ value: Int, _ what: String) throws(PlanFault) {
    switch layout.places[value]?.region {
    case .sums?, .tape?, .after?: break
    default: throw PlanFault(description: "\(what): value \(value) is not kept")
    }
  }

  /// The gradients of a stack's sums, which lie together.
  private func expectGradients(_ s: Int, _ memory: NamedMemory, _ what: String) throws(PlanFault) {
    var place = layout.stackGradients[s]
    for sum in stacks[s].sums {
      guard let gradient = gradients.sums[sum] else { throw PlanFault(description: "sum \(sum) has no gradient") }
      try expect(gradient, place, memory, what)
      place = Place(region: place.region, row: place.row + values[sum].rows)
    }
  }

  private func expectKept(_ value: Int, in region: Region, _ memory: NamedMemory) throws(PlanFault) {
    guard let place = layout.places[value], place.region == region else {
      throw PlanFault(description: "gradient \(value) is not kept")
    }
    try expect(value, place, memory, "gradient")
  }

  private func expect(_ value: Int, _ place: Place?, _ memory: NamedMemory, _ what: String) throws(PlanFault) {
    guard let place else { throw PlanFault(description: "\(what): value \(value) has no place") }
    switch values[value].operation {
    case .input, .parameter, .mask, .stateGradient, .outputGradient, .past, .pastGradient:
      // read-only memory: only the place can be wrong
      if layout.places[value] == place { return }
    case .part(let row):
      return try expect(
        values[value].operands[0], Place(region: place.region, row: place.row - row), memory, what)
    case .join:
      var row = place.row
      for operand in values[value].operands {
        try expect(operand, Place(region: place.region, row: row), memory, what)
        row += values[operand].rows
      }
      return
    default:
      if memory.holds(value, at: place, rows: values[value].rows) { return }
    }
    throw PlanFault(description: "\(what): \(place) does not hold value \(value)")
  }

  private func run(_ instructions: [PlannedInstruction], _ memory: inout NamedMemory) throws(PlanFault) {
    for instruction in instructions {
      switch instruction {
      case .stack(let s):
        let stack = stacks[s]
        for operand in stack.operands { try expect(operand, layout.places[operand], memory, "operand of stack \(s)") }
        var place = layout.stackPlaces[s]
        for sum in stack.sums {
          memory.write(place, sum, rows: values[sum].rows)
          place = Place(region: place.region, row: place.row + values[sum].rows)
        }
      case .transposed(let value, let terms, let result, let initial):
        for term in terms {
          try expectGradients(term.stack, memory, "product \(value)")
        }
        if case .transposedProducts(let meant, let hasInitial) = values[value].operation {
          if meant != terms || hasInitial != (initial != nil) {
            throw PlanFault(description: "product \(value) has other terms")
          }
          if hasInitial, let first = values[value].operands.last {
            try expect(first, initial, memory, "initial value of product \(value)")
          }
        }
        memory.write(result, value, rows: values[value].rows)
      case .segment(let segment):
        // scratch is undefined at the start of a segment
        memory.clear(.scratch)
        for operation in segment.operations {
          if operation.operation.isSuperinstruction {
            try runTogether(operation, &memory)
          } else {
            try run(operation, &memory)
          }
        }
        memory.clear(.scratch)
      }
    }
  }

  /// Requires that an instruction has the rows of its values, and these those of their operands.
  private func checkRows(_ planned: PlannedOperation, rowsOfValues: Int) throws(PlanFault) {
    func rows(_ value: Int) -> [Int] {
      values[value].operands.prefix(planned.operation.operands).map { values[$0].rows }
    }
    let areRight: Bool
    if planned.operation.isElementwise {
      areRight =
        planned.rows == rowsOfValues
        && planned.values.allSatisfy { value in rows(value).allSatisfy { $0 == values[value].rows } }
    } else {
      let value = planned.values[0], result = planned.operation.reducedRows ?? planned.rows
      let expected = (0..<planned.operation.operands).map { planned.operation.rows(ofOperand: $0, of: planned.rows) }
      areRight = planned.values.count == 1 && values[value].rows == result && rows(value) == expected
    }
    if !areRight { throw PlanFault(description: "operation of value \(planned.values[0]) has the wrong rows") }
  }

  private func run(_ planned: PlannedOperation, _ memory: inout NamedMemory) throws(PlanFault) {
    var offset = 0
    for value in planned.values {
      guard
        values[value].operation == .micro(planned.operation, planned.function, planned.parameter),
        planned.operands.count == planned.operation.operands
      else { throw PlanFault(description: "value \(value) has another operation") }
      for (place, operand) in zip(planned.operands, values[value].operands) {
        try expect(operand, Place(region: place.region, row: place.row + offset), memory, "operand of \(value)")
      }
      offset += values[value].rows
    }
    try checkRows(planned, rowsOfValues: offset)
    // an element is written after it is read; a shifted overlap would read what is written already
    for (k, place) in planned.operands.enumerated() {
      let rows = planned.values.count > 1 ? planned.rows : values[values[planned.values[0]].operands[k]].rows
      if place.region == planned.result.region
        && (place.row != planned.result.row || !planned.operation.replacesOperands)
        && place.row < planned.result.row + offset && planned.result.row < place.row + rows
      {
        throw PlanFault(description: "result overlaps an operand of value \(planned.values[0])")
      }
    }
    offset = 0
    for value in planned.values {
      memory.write(
        Place(region: planned.result.region, row: planned.result.row + offset), value, rows: values[value].rows)
      offset += values[value].rows
    }
  }
  /// Executes a superinstruction: its parts one after another, each element's operands read before anything is written.
  private func runTogether(_ planned: PlannedOperation, _ memory: inout NamedMemory) throws(PlanFault) {
    func fault(_ problem: String) -> PlanFault { PlanFault(description: "\(planned.operation) \(problem)") }
    guard let superinstruction = Superinstruction.all.first(where: { $0.operation == planned.operation }),
      planned.operands.count == planned.operation.operands, planned.values.count == superinstruction.parts.count
    else { throw fault("is unknown") }
    let places = planned.operands + [planned.result]
    func rows(_ slot: Int) -> Int { superinstruction.rows(slot, of: planned.rows) }
    var written: [Int: Int] = [:]
    func holds(_ value: Int, _ slot: Int, _ memory: NamedMemory) -> Bool {
      if let known = written[slot] { return known == value }
      return slot < places.count && (try? expect(value, places[slot], memory, "operand")) != nil
    }
    for (part, value) in zip(superinstruction.parts, planned.values) {
      let parameter = part.operation.hasParameter ? planned.parameter : 0
      guard values[value].operation == .micro(part.operation, part.function, parameter),
        values[value].rows == rows(part.result)
      else { throw fault("has another operation for value \(value)") }
      let isRight = part.orders.contains { order in
        zip(part.operands, order).allSatisfy { slot, k in
          let operand = values[value].operands[k]
          return values[operand].rows == rows(slot) && holds(operand, slot, memory)
        }
      }
      if !isRight { throw fault("does not read the operands of value \(value)") }
      written[part.result] = value
    }
    if !superinstruction.areSeparate(places, rows: planned.rows) { throw fault("overlaps itself") }
    for (slot, value) in written where slot < places.count { memory.write(places[slot], value, rows: rows(slot)) }
  }
}
