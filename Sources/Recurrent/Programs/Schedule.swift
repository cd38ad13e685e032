// Pass 6: the order of computation. Products that are ready are computed first, then all element-wise operations whose
// operands are known, as one segment; then the products that wait for them, and so on.

import Kernels

/// One instruction of a step, before it has addresses.
enum StepInstruction {
  /// The product of a stack.
  case stack(Int)
  /// One value of transposed products.
  case transposed(Int)
  /// Element-wise operations.
  case segment(Segment)
}

/// Element-wise values in the order of their computation.
struct Segment {
  var values: [Int]
  /// For each value, the longest chain of operations of the segment before it: equal depths are independent.
  var depths: [Int]
}

extension StepValues {
  /// The instructions of the forward pass: those of the values before `end`.
  func forwardInstructions(_ stacks: [Stack], end: Int, uses: [Int]) -> [StepInstruction] {
    let stages = stages()
    let products = stacks.indices.map { (stage: stages[stacks[$0].sums[0]], instruction: StepInstruction.stack($0)) }
    return instructions(0..<end, stages, uses, products)
  }

  /// The instructions of the backward pass: those of the values from `first` on.
  func backwardInstructions(first: Int, uses: [Int]) -> [StepInstruction] {
    let stages = stages(from: first)
    let products = (first..<count).filter { self[$0].operation.isProduct && uses[$0] > 0 }.map {
      (stage: stages[$0], instruction: StepInstruction.transposed($0))
    }
    return instructions(first..<count, stages, uses, products)
  }

  private func instructions(
    _ range: Range<Int>, _ stages: [Int], _ uses: [Int], _ products: [(stage: Int, instruction: StepInstruction)]
  ) -> [StepInstruction] {
    var segments: [Int: [Int]] = [:]
    for i in range where uses[i] > 0 && self[i].operation.isMicro { segments[stages[i], default: []].append(i) }
    var instructions: [StepInstruction] = []
    let last = max(products.map(\.stage).max() ?? 0, segments.keys.max() ?? 0)
    for stage in 0...last {
      instructions += products.filter { $0.stage == stage }.map(\.instruction)
      if let values = segments[stage] { instructions.append(.segment(segment(values))) }
    }
    return instructions
  }

  private func segment(_ values: [Int]) -> Segment {
    var depth: [Int: Int] = [:]
    for i in values {
      depth[i] = (self[i].operands.flatMap { computed($0) }.compactMap { depth[$0] }.max() ?? -1) + 1
    }
    // equal operations of one depth lie together: where their operands are neighbours, they become one instruction
    let sorted = values.sorted { (depth[$0] ?? 0, rank($0), $0) < (depth[$1] ?? 0, rank($1), $1) }
    return Segment(values: sorted, depths: sorted.map { depth[$0] ?? 0 })
  }

  private func rank(_ i: Int) -> Int {
    guard case .micro(let operation, let function, _) = self[i].operation else { return 0 }
    return Int(operation.rawValue) << 8 | Int(function.rawValue)
  }
}
