// Numbers left out at random while a network learns, so that none of them can lean on another.

import Kernels

/// How much is dropped, and what draws it.
///
/// Reference: Srivastava et al., JMLR 15 (2014); between layers only, Zaremba et al., arXiv:1409.2329.
public struct Dropout {
  /// The share that is dropped, 0 up to but not including 1.
  public let rate: Double
  /// Draws one number per element, in column-major order, layer by layer.
  public let random: Random

  /// - Throws: `.badValue` for a rate outside its range.
  public init(rate: Double, random: Random) throws(RecurrentError) {
    try require(rate >= 0 && rate < 1, .badValue, "rate is \(rate); expected at least 0 and below 1")
    (self.rate, self.random) = (rate, random)
  }
}

extension Graph {
  /// Each number kept with probability 1 − `rate` and divided by it, or set to 0.
  ///
  /// - Parameters:
  ///   - rate: the share to drop, 0 up to but not including 1.
  ///   - random: draws one number per element, in column-major order.
  public func dropout(_ m: Mat, rate: Double, _ random: Random) throws(RecurrentError) -> Mat {
    try dropout(m, Dropout(rate: rate, random: random))
  }

  func dropout(_ m: Mat, _ dropout: Dropout) throws(RecurrentError) -> Mat {
    try m.checkFresh()
    let mask = try constants(m.n, m.d, m.dtype), drawn = dropout.random.state
    do throws(RecurrentError) {
      return try recording { () throws(RecurrentError) in
        let mark = operands.count
        try adopt(m, "m")
        operands.append(mask.block)
        mask.fillMask(dropout)
        return try emit(.dropout, since: mark, n: m.n, d: m.d)
      }
    } catch {
      dropout.random.state = drawn
      throw error
    }
  }
}

extension Mat {
  /// 0 or 1/(1 − rate), drawn one by one.
  fileprivate func fillMask(_ dropout: Dropout) {
    switch dtype {
    case .float32: draw(block.w(Float.self).p, dropout)
    case .float64: draw(block.w(Double.self).p, dropout)
    }
  }

  private func draw<T: Real>(_ mask: UnsafeMutablePointer<T>, _ dropout: Dropout) {
    let rate = dropout.rate, kept = T(1 / (1 - rate))
    // a copy of the state: a loop over the object's own would be checked at every number
    var state = dropout.random.state
    for i in 0..<count { mask[i] = state.uniform() < rate ? 0 : kept }
    dropout.random.state = state
  }
}

enum Drop {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    apply(.eltmul, x[0], x[1], to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    accumulate(x.dy, times: x[1], into: x.d(0))
  }
}
