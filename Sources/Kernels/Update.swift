// What a solver does to one rectangle of weights.

/// Σ x², summed in double precision.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func squaredNorm<T: Real>(_ x: Columns<T>) -> Double {
  var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
  runs(x, true) { n, j in
    let x = x.column(j)
    var i = 0
    while i &+ 4 <= n {
      let (a, b, c, d) = (Double(x[i]), Double(x[i &+ 1]), Double(x[i &+ 2]), Double(x[i &+ 3]))
      s0 += a * a
      s1 += b * b
      s2 += c * c
      s3 += d * d
      i &+= 4
    }
    while i < n {
      s0 += Double(x[i]) * Double(x[i])
      i &+= 1
    }
  }
  return (s0 + s1) + (s2 + s3)
}

/// The place of the first number that is infinite or NaN, in column-major order; −1 where there is none.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func firstNonFinite<T: Real>(_ x: Columns<T>) -> (row: Int, column: Int) {
  var j = 0
  while j < x.d {
    let column = x.column(j)
    var i = 0
    while i < x.n {
      if !column[i].isFinite { return (i, j) }
      i &+= 1
    }
    j &+= 1
  }
  return (-1, -1)
}

/// RMSProp's constants for one step.
public struct RMSPropRates<T: Real> {
  let decay, epsilon, stepSize, regularization, clip: T

  /// See `rmsprop` for what each one does.
  public init(decay: T, epsilon: T, stepSize: T, regularization: T, clip: T) {
    (self.decay, self.epsilon, self.stepSize) = (decay, epsilon, stepSize)
    (self.regularization, self.clip) = (regularization, clip)
  }
}

/// s ← ρs + (1−ρ)g²;  w ← w − α·clamp(g)/√(s + ε) − λw;  g ← 0.
///
/// Parity: the cache s sees the gradient before clipping, ε stands under the root, and λ is not scaled by α.
///
/// - Returns: how many numbers of g were clipped.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func rmsprop<T: Real>(_ w: Columns<T>, dw: Columns<T>, cache: Columns<T>, _ rates: RMSPropRates<T>) -> Int {
  let decay = T.V(rates.decay), fresh = T.V(1 - rates.decay), epsilon = T.V(rates.epsilon)
  let alpha = T.V(rates.stepSize), lambda = T.V(rates.regularization)
  let high = T.V(rates.clip), low = T.V(-rates.clip)
  var clipped: T.V = 0.0
  var count = 0
  runs(w, dw.isRun && cache.isRun) { n, j in
    let w = w.column(j), dw = dw.column(j), cache = cache.column(j)
    var i = 0
    while i < n {
      let k = min(T.V.count, n &- i)
      let whole = k == T.V.count
      let g = T.V.load(dw + i, k, whole)
      let s = T.V.load(cache + i, k, whole) * decay + fresh * g * g
      s.store(cache + i, k, whole)
      clipped = clipped + T.V.select(T.V.abs(g), above: high, 1.0, 0.0)
      let bounded = T.V.select(g, above: high, high, T.V.select(low, above: g, low, g))
      let old = T.V.load(w + i, k, whole)
      (old - alpha * bounded / T.V.sqrt(s + epsilon) - lambda * old).store(w + i, k, whole)
      let zero: T.V = 0.0
      zero.store(dw + i, k, whole)
      i &+= T.V.count
      // a float counts exactly only so far
      if i & 0xFFFFF == 0 || i >= n {
        count &+= Int(clipped.sum)
        clipped = 0.0
      }
    }
  }
  return count
}
