// Initial values of weight matrices.

import Kernels

extension Mat {
  /// Fills with orthonormal columns, or rows where there are fewer: Q of the QR decomposition of normal values whose R has
  /// a positive diagonal. Reference: Saxe et al., arXiv:1312.6120.
  ///
  /// - Parameter random: draws n·d normal values, vector by vector.
  /// - Throws: `.noMemory`, `.interrupted`; the values are unchanged.
  public func fillOrthogonal(_ random: Random) throws(RecurrentError) {
    let k = min(n, d), m = max(n, d), interrupt = Interrupt.ofThread
    let vectors = try Buffer<Double>(repeating: 0, count: k * m)
    for i in 0..<k * m { vectors.elements[i] = random.gaussian() }
    func vector(_ i: Int) -> MatrixView<Double> {
      MatrixView(vectors.start.unsafelyUnwrapped + i * m, rows: m, columns: 1, columnStride: m)
    }
    for i in 0..<k {
      // twice: the first pass leaves a part of the others where the vectors are nearly dependent
      for _ in 0..<2 {
        for j in 0..<i { accumulate(vector(j), times: -dot(vector(j), vector(i)), into: vector(i)) }
        interrupt.count(2 * i * m)
        try interrupt.throwIfRequested()
      }
      let length = squaredNorm(vector(i)).squareRoot()
      for r in 0..<m { vector(i).p[r] /= length }
    }
    var at = 0
    try fill { [n, d] in
      defer { at += 1 }
      return n >= d ? vectors.elements[at] : vectors.elements[at % n * m + at / n]
    }
  }

  /// Fills with the uniform distribution on ±√(6/(n + d)). Reference: Glorot and Bengio, AISTATS 2010.
  public func fillGlorot(_ random: Random) throws(RecurrentError) {
    let bound = (6 / Double(n + d)).squareRoot()
    try fillUniform(-bound, bound, random)
  }

  /// Fills with 1 on the diagonal and 0 elsewhere.
  public func fillIdentity() throws(RecurrentError) {
    var at = 0
    try fill { [n] in
      defer { at += 1 }
      return at % n == at / n ? 1 : 0
    }
  }
}
