// The operations of micro-programs.

/// An operation of a micro-program. y is the result, a, b, c, d are operands.
public enum MicroOperation: UInt8, Sendable, CaseIterable {
  /// y = a.
  case copy
  /// y = 0.
  case zero
  /// y = f(a), for the instruction's function f.
  case unary
  /// y = a + b, a − b, a·b, a / b.
  case sum, difference, product, quotient
  /// y = a·b + c, rounded once.
  case mulAdd
  /// y = c − a·b, rounded once.
  case mulSub
  /// y = a·b + c·d; the first product is not rounded.
  case mulMulAdd
  /// y = a·f′(x, f(x)), with x = c and f(x) = d.
  case slope
  /// y = a·b·f′(x, f(x)).
  case slopeMul
  /// y = a·f′(x, f(x)) + e, where the product with f′ is not rounded.
  case slopeAdd
  /// y = a·b·f′(x, f(x)) + e, where the product with f′ is not rounded.
  case slopeMulAdd
  /// y = p Σ a in each column, for the instruction's parameter p; y has one row.
  case sumRows
  /// y = p·a in every row; a has one row.
  case broadcastRow
  /// y = 1/√(variance of a + p) and the mean of a, in each column; y has two rows.
  case moments
  /// y = (a − b₁)·b₀ in each column, for the moments b of a.
  case normalize
  /// y = c₀ (a − mean a − b mean(a ⊙ b)) in each column, the gradient of `normalize` from its own a, its result b and the
  /// moments c.
  case normalizeBackward
  /// y = softmax a in each column.
  case softmax
  /// y = b ⊙ (a − Σ a ⊙ b) in each column, the gradient of `softmax` from its own a and its result b.
  case softmaxBackward
  /// Attention over the time steps so far, and its gradients: see `MicroLoop.attend`.
  case attend, attendBackward
  /// The element-wise operations of a long short-term memory, and of their gradients, as one: see `MicroLoop.lstm`.
  case lstm, lstmBackward
  /// Those of its cell alone: see `MicroLoop.lstmCell`.
  case lstmCell, lstmCellBackward
  /// Those of a gated recurrent unit that resets after the product: see `MicroLoop.gru`.
  case gru, gruBackward
  /// Layer normalization, and its gradients with those of its gain: see `MicroLoop.layerNorm`.
  case layerNorm, layerNormBackward

  /// The micro-operation of an element-wise function of two operands; nil for one that programs do not have.
  public init?(_ operation: BinaryOperation) {
    switch operation {
    case .add: self = .sum
    case .sub: self = .difference
    case .eltmul: self = .product
    case .div: self = .quotient
    case .maximum, .minimum, .greater, .greaterEqual, .less, .lessEqual, .equal, .notEqual: return nil
    }
  }

  /// Whether each element of the result depends on the elements of one row only.
  public var isElementwise: Bool { rawValue <= MicroOperation.slopeMulAdd.rawValue }
  /// Whether the result may be an operand at the same place.
  public var replacesOperands: Bool { self != .attend && self != .attendBackward }
  /// Whether an instruction has a parameter of its own, besides that of a function.
  public var hasParameter: Bool { self == .sumRows || self == .broadcastRow || self == .moments }
  /// The rows of the result, where the rows of a do not matter.
  public var reducedRows: Int? {
    switch self {
    case .sumRows: 1
    case .moments: 2
    default: nil
    }
  }

  /// Whether it stands for several operations; some of its operands are then written.
  public var isSuperinstruction: Bool { rawValue >= MicroOperation.lstm.rawValue }

  /// The number of operands: of a, b, c, d, e, and of a superinstruction further ones. A slope reads x and f(x) as its
  /// function needs.
  public var operands: Int {
    switch self {
    case .zero: 0
    case .copy, .unary, .sumRows, .broadcastRow, .moments, .softmax: 1
    case .sum, .difference, .product, .quotient, .normalize, .softmaxBackward, .layerNorm: 2
    case .mulAdd, .mulSub, .normalizeBackward, .attend: 3
    case .mulMulAdd, .slope, .slopeMul: 4
    case .slopeAdd, .slopeMulAdd, .layerNormBackward: 5
    case .lstm, .gru, .attendBackward: 7
    case .lstmCellBackward: 8
    case .lstmCell: 9
    case .gruBackward: 11
    case .lstmBackward: 12
    }
  }
}
