// Pass 7: memory. Every value gets rows of a region.

import Kernels

/// Memory of a program's run.
enum Region: Hashable {
  /// The sums of products of all time steps, which their gradients may replace.
  case sums
  /// Other values of all time steps that the backward pass or a product reads; and gradients.
  case tape, gradientTape
  /// The gradients of parameters, which the steps add up.
  case parameterGradients
  /// A state before the step, and after it.
  case before(Int), after(Int)
  /// The gradient of a state after the step, and before it.
  case gradientAfter(Int), gradientBefore(Int)
  /// The gradient of a state before each step that attention over the past adds up.
  case pastGradient(Int)
  /// x, a parameter, a mask, the gradient of the output of the step before.
  case input, parameter(Int), mask(Int), outputGradient
  /// Values of one time step that several instructions read.
  case forwardTemporary, backwardTemporary
  /// Values of one segment.
  case scratch

  /// Whether each time step has columns of its own.
  var isTape: Bool {
    switch self {
    case .sums, .tape, .gradientTape, .before, .after, .input, .mask, .outputGradient: true
    default: false
    }
  }
}

/// The first row of a value in a region.
struct Place: Hashable {
  let region: Region
  let row: Int
}

/// The rows of every value, and the size of each region.
struct StepLayout {
  /// Where each value lies; nil for a value that is not computed.
  var places: [Place?]
  /// Where each stack lies: among the sums, or in a state that is a function of it.
  var stackPlaces: [Place] = []
  /// Where the gradient of each stack lies: on the gradient tape, or in the stack's own rows.
  var stackGradients: [Place] = []
  /// Whether the gradients of stacks among the sums replace them.
  var overwritesSums = false
  var sumRows = 0, tapeRows = 0, gradientRows = 0, parameterGradientRows = 0
  var forwardTemporaryRows = 0, backwardTemporaryRows = 0, scratchRows = 0
}

extension StepLayout {
  /// - Parameter overwritesSums: whether the gradient of a stack replaces it. A verification tells whether that is right.
  init(
    _ values: StepValues, _ stacks: [Stack], _ step: DividedStep, _ gradients: StepGradients,
    forward: [StepInstruction], backward: [StepInstruction], uses: [Int], overwritesSums: Bool
  ) {
    places = Array(repeating: nil, count: values.count)
    self.overwritesSums = overwritesSums
    var builder = StepLayoutBuilder(values: values, uses: uses, layout: self)
    builder.placeLeaves()
    builder.placeForward(stacks, step, firstBackward: gradients.first)
    let joins = builder.placeBackwardJoins(from: gradients.first, backward)
    builder.placeBackward(stacks, gradients)
    builder.placeTemporaries(forward, .forwardTemporary)
    builder.placeTemporaries(backward, .backwardTemporary, joins: joins)
    builder.placeParts()
    self = builder.layout
  }
}

private struct StepLayoutBuilder {
  let values: StepValues, uses: [Int]
  var layout: StepLayout

  mutating func placeLeaves() {
    for i in 0..<values.count where uses[i] > 0 {
      layout.places[i] =
        switch values[i].operation {
        case .input(let row): Place(region: .input, row: row)
        case .state(let k, let row): Place(region: .before(k), row: row)
        case .parameter(let rows): Place(region: .parameter(rows.parameter), row: rows.row)
        case .mask(let m, let row): Place(region: .mask(m), row: row)
        case .stateGradient(let k, let row): Place(region: .gradientAfter(k), row: row)
        case .outputGradient(let row): Place(region: .outputGradient, row: row)
        case .past(let k): Place(region: .before(k), row: 0)
        case .pastGradient(let k): Place(region: .pastGradient(k), row: 0)
        default: nil
        }
    }
  }

  mutating func placeForward(_ stacks: [Stack], _ step: DividedStep, firstBackward: Int) {
    for (k, pieces) in step.next.enumerated() {
      for piece in pieces { layout.places[piece.value] = Place(region: .after(k), row: piece.row) }
    }
    let functions = functions(firstBackward)
    for stack in stacks {
      if let place = state(of: stack, functions) {
        layout.stackPlaces.append(place)
        for sum in stack.sums { layout.places[sum] = functions[sum].flatMap { layout.places[$0] } }
        continue
      }
      layout.stackPlaces.append(Place(region: .sums, row: layout.sumRows))
      for sum in stack.sums {
        layout.places[sum] = Place(region: .sums, row: layout.sumRows)
        layout.sumRows += values[sum].rows
      }
    }
    var isKept = [Bool](repeating: false, count: firstBackward)
    for stack in stacks { for operand in stack.operands { isKept[operand] = true } }
    for name in step.names { for piece in name.pieces { isKept[piece.value] = true } }
    for i in firstBackward..<values.count where uses[i] > 0 {
      for operand in values[i].operands where operand < firstBackward { isKept[operand] = true }
    }
    for i in (0..<firstBackward).reversed() where isKept[i] {
      if case .part = values[i].operation { isKept[values[i].operands[0]] = true }
    }
    for i in 0..<firstBackward where uses[i] > 0 && values[i].operation == .join {
      if isKept[i] || values[i].operands.contains(where: { isKept[$0] }) {
        placeJoin(i, Place(region: .tape, row: layout.tapeRows))
        layout.tapeRows += values[i].rows
      } else {
        placeJoin(i, Place(region: .forwardTemporary, row: layout.forwardTemporaryRows))
        layout.forwardTemporaryRows += values[i].rows
      }
    }
    for i in 0..<firstBackward where uses[i] > 0 && layout.places[i] == nil && values[i].operation.isMicro {
      if replacesSum(i) {
        // nothing else reads the sum
        layout.places[i] = layout.places[values[i].operands[0]]
      } else if isKept[i] {
        layout.places[i] = Place(region: .tape, row: layout.tapeRows)
        layout.tapeRows += values[i].rows
      }
    }
  }

  /// Whether a value is a function of a sum of products that nothing else reads, or its normalization.
  private func replacesSum(_ i: Int) -> Bool {
    guard case .micro(let operation, _, _) = values[i].operation, let sum = values[i].operands.first,
      values[sum].operation.isProduct
    else { return false }
    switch operation {
    case .unary: return uses[sum] == 1
    // the other use is the scale
    case .normalize: return uses[sum] == 2 && values[values[i].operands[1]].operands == [sum]
    default: return false
    }
  }

  /// For each sum that only a function of it reads, that function.
  private func functions(_ firstBackward: Int) -> [Int: Int] {
    var functions: [Int: Int] = [:]
    for i in 0..<firstBackward where uses[i] > 0 {
      if case .micro(.unary, _, _) = values[i].operation, let sum = values[i].operands.first,
        values[sum].operation.isProduct, uses[sum] == 1
      {
        functions[sum] = i
      }
    }
    return functions
  }

  /// The rows of a state that are functions of a stack, row by row: the stack is computed there.
  private func state(of stack: Stack, _ functions: [Int: Int]) -> Place? {
    var first: Place?, row = 0
    for sum in stack.sums {
      guard let function = functions[sum], let place = layout.places[function], case .after = place.region else {
        return nil
      }
      let start = first ?? place
      if place.region != start.region || place.row != start.row + row { return nil }
      (first, row) = (start, row + values[sum].rows)
    }
    return first
  }

  mutating func placeBackward(_ stacks: [Stack], _ gradients: StepGradients) {
    func keep(_ value: Int) {
      layout.places[value] = Place(region: .gradientTape, row: layout.gradientRows)
      layout.gradientRows += values[value].rows
    }
    for (stack, own) in zip(stacks, layout.stackPlaces) {
      let isReplaced = layout.overwritesSums && own.region == .sums
      var place = isReplaced ? own : Place(region: .gradientTape, row: layout.gradientRows)
      layout.stackGradients.append(place)
      for sum in stack.sums {
        if let value = gradients.sums[sum] { layout.places[value] = place }
        place = Place(region: place.region, row: place.row + values[sum].rows)
      }
      if !isReplaced { layout.gradientRows += stack.rows }
    }
    for parameter in gradients.parameters {
      let place = Place(region: .parameterGradients, row: layout.parameterGradientRows)
      (layout.places[parameter.before], layout.places[parameter.after]) = (place, place)
      layout.parameterGradientRows += values[parameter.after].rows
    }
    for piece in gradients.inputs { keep(piece.value) }
    for (k, pieces) in gradients.states.enumerated() {
      for piece in pieces { layout.places[piece.value] = Place(region: .gradientBefore(k), row: piece.row) }
    }
    for i in gradients.first..<values.count where uses[i] > 0 {
      guard case .transposedProducts(_, let hasInitial) = values[i].operation else { continue }
      if layout.places[i] == nil {
        layout.places[i] = Place(region: .backwardTemporary, row: layout.backwardTemporaryRows)
        layout.backwardTemporaryRows += values[i].rows
      }
      // the products are added to a value that nothing else reads
      if hasInitial, let initial = values[i].operands.last, uses[initial] == 1, layout.places[initial] == nil,
        values[initial].operation.isMicro
      {
        layout.places[initial] = layout.places[i]
      }
    }
  }

  /// Places the joins of the backward pass that several instructions write or read.
  ///
  /// - Returns: for each segment, by the index of its instruction, its own joins.
  mutating func placeBackwardJoins(from first: Int, _ instructions: [StepInstruction]) -> [Int: [Int]] {
    // the instructions that write or read each join
    var users: [Int: Set<Int>] = [:], joinOf: [Int: Int] = [:]
    for i in first..<values.count where uses[i] > 0 && values[i].operation == .join {
      for operand in values[i].operands { joinOf[operand] = i }
    }
    for (at, instruction) in instructions.enumerated() {
      let computed: [Int] =
        switch instruction {
        case .stack: []
        case .transposed(let i): [i]
        case .segment(let segment): segment.values
        }
      for value in computed.flatMap({ read($0) + [$0] }) {
        if let join = joinOf[value] { users[join, default: []].insert(at) }
      }
    }
    var own: [Int: [Int]] = [:]
    for i in first..<values.count where uses[i] > 0 && values[i].operation == .join {
      if let at = users[i]?.first, users[i]?.count == 1, case .segment = instructions[at] {
        own[at, default: []].append(i)
      } else {
        placeJoin(i, Place(region: .backwardTemporary, row: layout.backwardTemporaryRows))
        layout.backwardTemporaryRows += values[i].rows
      }
    }
    return own
  }

  /// Places a join, and its operands in it.
  private mutating func placeJoin(_ i: Int, _ place: Place) {
    layout.places[i] = place
    var row = place.row
    for operand in values[i].operands {
      layout.places[operand] = Place(region: place.region, row: row)
      row += values[operand].rows
    }
  }

  /// Places the parts of values, which have places.
  mutating func placeParts() {
    for i in 0..<values.count where uses[i] > 0 {
      guard case .part(let row) = values[i].operation, let whole = layout.places[values[i].operands[0]] else {
        continue
      }
      layout.places[i] = Place(region: whole.region, row: whole.row + row)
    }
  }

  /// The values whose memory an operation reads.
  private func read(_ i: Int) -> [Int] { values[i].operands.flatMap { values.computed($0) } }

  /// Places the values that no instruction outside of their pass reads.
  ///
  /// - Parameter joins: for each segment, by the index of its instruction, the joins that nothing else uses.
  mutating func placeTemporaries(
    _ instructions: [StepInstruction], _ region: Region, joins: [Int: [Int]] = [:]
  ) {
    // the last instruction that reads each value
    var lastReader: [Int: Int] = [:]
    for (at, instruction) in instructions.enumerated() {
      switch instruction {
      case .stack: break
      case .transposed(let i): for operand in read(i) { lastReader[operand] = at }
      case .segment(let segment): for i in segment.values { for o in read(i) { lastReader[o] = at } }
      }
    }
    for (at, instruction) in instructions.enumerated() {
      guard case .segment(let segment) = instruction else { continue }
      var joinedRows = 0
      for join in joins[at] ?? [] {
        placeJoin(join, Place(region: .scratch, row: joinedRows))
        joinedRows += values[join].rows
      }
      for i in segment.values where layout.places[i] == nil && lastReader[i] != at {
        let isForward = region == .forwardTemporary
        layout.places[i] = Place(
          region: region, row: isForward ? layout.forwardTemporaryRows : layout.backwardTemporaryRows)
        if isForward {
          layout.forwardTemporaryRows += values[i].rows
        } else {
          layout.backwardTemporaryRows += values[i].rows
        }
      }
      placeScratch(segment, from: joinedRows)
    }
  }

  /// Places the values of one segment from a row of scratch on. Rows are used again once all readers are at smaller depths.
  private mutating func placeScratch(_ segment: Segment, from first: Int) {
    var lastDepth: [Int: Int] = [:]
    for (i, depth) in zip(segment.values, segment.depths) {
      for operand in read(i) { lastDepth[operand] = depth }
    }
    var free: [(row: Int, rows: Int)] = [], busy: [(value: Int, row: Int)] = [], rows = first
    for (i, depth) in zip(segment.values, segment.depths) where layout.places[i] == nil {
      busy.removeAll { value, row in
        if lastDepth[value, default: 0] >= depth { return false }
        free.append((row, values[value].rows))
        return true
      }
      let row: Int
      if let slot = free.firstIndex(where: { $0.rows == values[i].rows }) {
        row = free.remove(at: slot).row
      } else {
        row = rows
        rows += values[i].rows
      }
      busy.append((i, row))
      layout.places[i] = Place(region: .scratch, row: row)
    }
    layout.scratchRows = max(layout.scratchRows, rows)
  }
}
