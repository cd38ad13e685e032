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
    /// The operands in every order that means the same.
    let orders: [[Int]]

    init(_ operation: MicroOperation, _ function: UnaryOperation, _ operands: [Int], to result: Int) {
      (self.operation, self.function, self.operands, self.result) = (operation, function, operands, result)
      let all = Array(operands.indices)
      func exchanged(_ a: Int, _ b: Int, in order: [Int]) -> [Int] {
        var order = order
        order.swapAt(a, b)
        return order
      }
      orders =
        switch operation {
        case .sum, .product, .mulAdd, .slopeMul, .slopeMulAdd: [all, exchanged(0, 1, in: all)]
        case .mulMulAdd:
          // the planner chose which product is rounded: the kernel may choose the other
          [all, [2, 3, 0, 1]].flatMap { [$0, exchanged(0, 1, in: $0)] }.flatMap { [$0, exchanged(2, 3, in: $0)] }
        default: [all]
        }
    }

    init(_ operation: MicroOperation, _ operands: [Int], to result: Int) {
      self.init(operation, .neg, operands, to: result)
    }
  }

  let operation: MicroOperation
  let parts: [Part]

  /// The slot of the result.
  var result: Int { operation.operands }

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
