// Inverted dropout.

import Kernels

/// Inverted dropout: zeroes a random fraction of activations during training and rescales the rest.
///
/// Reference: Srivastava et al., JMLR 15 (2014); between layers only, Zaremba et al., arXiv:1409.2329.
public struct Dropout {
  /// The fraction that is dropped, at least 0 and below 1.
  public let rate: Double
  /// Draws one number per element, in column-major order, layer by layer.
  public let random: Random

  /// - Throws: `.badValue` for a rate out of range.
  public init(rate: Double, random: Random) throws(RecurrentError) {
    try Dropout.validate(rate: rate)
    (self.rate, self.random) = (rate, random)
  }

  static func validate(rate: Double) throws(RecurrentError) {
    try require(
      rate >= 0 && rate < 1, .badValue, "dropout is out of range; expected at least 0 and below 1, got \(rate)")
  }
}

extension Graph {
  /// Records dropout of `m`: each element is 0 with probability `rate`, and divided by 1 − `rate` otherwise.
  ///
  /// - Parameters:
  ///   - rate: at least 0 and below 1.
  ///   - random: draws one number per element, in column-major order.
  public func dropout(_ m: Mat, rate: Double, _ random: Random) throws(RecurrentError) -> Mat {
    try dropout(m, Dropout(rate: rate, random: random))
  }

  func dropout(_ m: Mat, _ dropout: Dropout) throws(RecurrentError) -> Mat {
    try m.checkValid()
    let mask = try constants(m.n, m.d, m.dtype)
    return try Random.restoring(dropout.random) { () throws(RecurrentError) in
      try recording { () throws(RecurrentError) in
        let mark = operands.count
        try appendOperand(m, "m")
        try operands.append(mask.operandRef)
        mask.fillMask(dropout)
        return try appendNode(MaskedDropout(), since: mark, n: m.n, d: m.d)
      }
    }
  }
}

extension Mat {
  /// Fills with 0 or 1/(1 − rate), drawn element by element.
  fileprivate func fillMask(_ dropout: Dropout) {
    switch dtype {
    case .float32: draw(operandRef.w(Float.self).p, dropout)
    case .float64: draw(operandRef.w(Double.self).p, dropout)
    }
  }

  private func draw<Scalar: Real>(_ mask: UnsafeMutablePointer<Scalar>, _ dropout: Dropout) {
    let rate = dropout.rate, kept = Scalar(1 / (1 - rate))
    // a local copy: exclusivity checks on the object's state would run at every element
    var state = dropout.random.state
    for i in 0..<count { mask[i] = state.uniform() < rate ? 0 : kept }
    dropout.random.state = state
  }
}

/// Operand 1 is the mask, which has no gradient.
private struct MaskedDropout: GraphOperation {
  var name: String { "dropout" }

  func forward<T: Real>(_ args: Operands<T>) { apply(.eltmul, args[0], args[1], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { accumulate(args.dy, times: args[1], into: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads(1) }
}
