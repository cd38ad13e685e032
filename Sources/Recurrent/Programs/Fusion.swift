// Pass 5: an operation whose result has one use is computed together with it: a·b + c, a·b·f′ + c and the like.

import Kernels

extension StepValues {
  /// Replaces pairs of operations by one.
  ///
  /// - Parameter roots: the values that outlive the step, once for each use.
  mutating func fuse(roots: [Int]) {
    // passes: a fused operation can be fused again
    for _ in 0..<3 {
      let uses = uses(from: roots)
      for i in 0..<count where uses[i] > 0 { fuse(i, uses) }
    }
  }

  private mutating func fuse(_ i: Int, _ uses: [Int]) {
    guard case .micro(let outer, let function, let parameter) = self[i].operation else { return }
    let operands = self[i].operands
    /// The operation of an operand that nothing else reads.
    func inner(_ k: Int) -> MicroOperation? {
      guard uses[operands[k]] == 1, case .micro(let operation, _, _) = self[operands[k]].operation else {
        return nil
      }
      return operation
    }
    func isNegation(_ k: Int) -> Bool { uses[operands[k]] == 1 && self[operands[k]].operation == .unary(.neg) }
    func parts(_ k: Int) -> [Int] { self[operands[k]].operands }
    switch outer {
    case .sum:
      if isNegation(1) { return replace(i, by: .micro(.difference), [operands[0], parts(1)[0]]) }
      if isNegation(0) { return replace(i, by: .micro(.difference), [operands[1], parts(0)[0]]) }
      // slopes first: they are products of two or three factors already
      for (k, other) in [(0, 1), (1, 0)] {
        guard let operation = inner(k), operation == .slope || operation == .slopeMul,
          case .micro(_, let function, let parameter) = self[operands[k]].operation
        else { continue }
        return replace(
          i, by: .micro(operation == .slope ? .slopeAdd : .slopeMulAdd, function, parameter),
          parts(k) + [operands[other]])
      }
      let isProduct = (inner(0) == .product, inner(1) == .product)
      if isProduct.0 && isProduct.1 && operands[0] != operands[1] {
        return replace(i, by: .micro(.mulMulAdd), parts(0) + parts(1))
      }
      if isProduct.0 { return replace(i, by: .micro(.mulAdd), parts(0) + [operands[1]]) }
      if isProduct.1 { return replace(i, by: .micro(.mulAdd), parts(1) + [operands[0]]) }
    case .difference:
      if inner(1) == .product { return replace(i, by: .micro(.mulSub), parts(1) + [operands[0]]) }
    case .slope:
      if operands[0] == operands[1], uses[operands[0]] == 2,
        case .micro(.product, _, _) = self[operands[0]].operation
      {
        return replace(
          i, by: .micro(.slopeMul, function, parameter), self[operands[0]].operands + [operands[2], operands[3]])
      }
    default: break
    }
  }
}
