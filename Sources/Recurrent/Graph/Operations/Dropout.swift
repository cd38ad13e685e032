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
  ///   - m: the elements that are dropped.
  ///   - rate: at least 0 and below 1.
  ///   - random: draws one number per element, in column-major order.
  public func dropout(_ m: Mat, rate: Double, _ random: Random) throws(RecurrentError) -> Mat {
    try dropout(m, Dropout(rate: rate, random: random))
  }

  /// Records dropout with a mask of `columns` columns, which is applied to that many columns at a time.
  func dropout(_ m: Mat, _ dropout: Dropout, columns: Int? = nil) throws(RecurrentError) -> Mat {
    try m.checkValid()
    let mask = try constants(m.n, columns ?? m.d, m.dtype)
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

extension Graph {
  /// One-hot columns of tokens, T·B of them, with dropout: a mask of B columns for all time steps.
  func oneHot(
    _ tokens: UnsafeMutablePointer<Int32>, rows: Int, steps T: Int, batchSize B: Int, _ dtype: DType, _ dropout: Dropout
  ) throws(RecurrentError) -> Mat {
    let columns = try zeros(rows, T * B, dtype), mask = try constants(rows, B, dtype)
    try Random.restoring(dropout.random) { () throws(RecurrentError) in
      mask.fillMask(dropout)
      switch dtype {
      case .float32: select(Float.self)
      case .float64: select(Double.self)
      }
    }
    func select<Scalar: Real>(_: Scalar.Type) {
      let y = columns.operandRef.w(Scalar.self), kept = mask.operandRef.w(Scalar.self)
      for j in 0..<T * B { y.p[j * rows + Int(tokens[j])] = kept.p[j % B * rows + Int(tokens[j])] }
    }
    return columns
  }
}

extension Mat {
  func fillMask(_ dropout: Dropout) {
    fillMask(rate: dropout.rate, kept: 1 / (1 - dropout.rate), dropout.random)
  }

  /// Fills with 0 with probability `rate`, else with `kept`, element by element.
  ///
  /// The masks are those of `Generator(Philox(key=seed)).random(count, dtype=float32) < rate` in NumPy: 24 bits decide an
  /// element, and a word has those of two.
  func fillMask(rate: Double, kept: Double, _ random: Random) {
    switch dtype {
    case .float32: draw(operandRef.w(Float.self).p, rate, Float(kept), random)
    case .float64: draw(operandRef.w(Double.self).p, rate, kept, random)
    }
  }

  private func draw<Scalar: Real>(
    _ mask: UnsafeMutablePointer<Scalar>, _ rate: Double, _ kept: Scalar, _ random: Random
  ) {
    // a local copy: exclusivity checks on the object's state would run at every element
    var state = random.state
    // u·2⁻²⁴ < rate for the 24 upper bits u of half a word
    let threshold = UInt32((rate * 0x1p24).rounded(.up)), size = 64
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: size) { words in
      guard let words = words.baseAddress else { return }
      var first = 0
      while first < count {
        let n = min(2 * size, count - first), mask = mask + first
        state.fill(words, count: (n + 1) / 2)
        // in memory of a little-endian machine the lower half of a word is first
        words.withMemoryRebound(to: UInt32.self, capacity: 2 * size) { halves in
          for i in 0..<n { mask[i] = halves[i] >> 8 < threshold ? 0 : kept }
        }
        first += n
      }
    }
    random.state = state
  }
}

/// Operand 1 is the mask, of columns or of a time step's columns, which has no gradient.
private struct MaskedDropout: GraphOperation {
  var name: String { "dropout" }

  func forward<T: Real>(_ args: Operands<T>) {
    let B = args[1].columns
    for j in stride(from: 0, to: args.y.columns, by: B) {
      apply(.eltmul, args[0].columns(j, B), args[1], to: args.y.columns(j, B))
    }
  }

  func backward<T: Real>(_ args: Operands<T>) {
    let B = args[1].columns
    for j in stride(from: 0, to: args.dy.columns, by: B) {
      accumulate(args.dy.columns(j, B), times: args[1], into: args.gradient(0).columns(j, B))
    }
  }

  var backwardReads: BackwardReads { BackwardReads(1) }
}
