// What a solver does to one matrix view of weights: one pass over weights, gradients and whatever the rule remembers.

/// What every rule is given.
///
/// A gradient is clipped, ĝ = clamp(scale·g, ±bound), then λ·w is added to it. Apart from the rule's own step, a weight
/// loses a share of itself.
public struct OptimizerUpdate<T: Real> {
  let learningRate, weightDecay, decoupledDecay, keep, gradientScale, clipValue: T

  /// - Parameters:
  ///   - learningRate: α.
  ///   - weightDecay: λ, what of the weight is added to its gradient.
  ///   - decoupledDecay: what is taken off each weight.
  ///   - gradientScale: multiplies each gradient.
  ///   - clipValue: the largest magnitude of a gradient; infinity for none.
  public init(
    learningRate: Double, weightDecay: Double = 0, decoupledDecay: Double = 0, gradientScale: Double = 1,
    clipValue: Double = .infinity
  ) {
    (self.learningRate, self.weightDecay, self.decoupledDecay) = (T(learningRate), T(weightDecay), T(decoupledDecay))
    (keep, self.gradientScale, self.clipValue) = (T(1 - decoupledDecay), T(gradientScale), T(clipValue))
  }
}

/// An exponential mean: s ← old·s + new·x, with new = 1 − old rounded once.
public struct ExponentialMovingAverage<T: Real> {
  let old, new: T

  /// From ρ, the share of the old.
  public init(_ decay: Double) { (old, new) = (T(decay), T(1 - decay)) }
}

/// A register's place in matrix views that are walked together.
private struct Place {
  let column, row, count: Int
  let whole: Bool

  @inline(__always) func load<T: Real>(_ x: MatrixView<T>) -> T.V { .load(x.columnPointer(column) + row, count, whole) }
  @inline(__always) func store<T: Real>(_ v: T.V, _ x: MatrixView<T>) { v.store(x.columnPointer(column) + row, count, whole) }
}

/// w ← body(place, w, g, ĝ);  g ← 0.
///
/// - Returns: how many gradients were beyond the bound.
@inline(__always)
private func descend<T: Real>(
  _ w: MatrixView<T>, _ dw: MatrixView<T>, slotsAreRuns: Bool, _ d: OptimizerUpdate<T>,
  _ body: (_ at: Place, _ w: T.V, _ g: T.V, _ clipped: T.V) -> T.V
) -> Int {
  let scale = T.V(d.gradientScale), high = T.V(d.clipValue), low = T.V(-d.clipValue)
  var clipped: T.V = 0.0
  var count = 0
  runs(w, dw.isContiguous && slotsAreRuns) { n, j in
    var i = 0
    while i < n {
      let k = min(T.V.count, n &- i), at = Place(column: j, row: i, count: k, whole: k == T.V.count)
      let g = at.load(dw), scaled = scale * g
      clipped = clipped + T.V.select(T.V.abs(scaled), above: high, 1.0, 0.0)
      let bounded = T.V.select(scaled, above: high, high, T.V.select(low, above: scaled, low, scaled))
      at.store(body(at, at.load(w), g, bounded), w)
      let zero: T.V = 0.0
      at.store(zero, dw)
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

/// RecurrentJS's RMSProp: s ← ρs + (1−ρ)g²;  w ← w − α·ĝ/√(s + ε) − share·w;  g ← 0.
///
/// Parity: the cache s sees the gradient before clipping, ε stands under the root, 1 − ρ is taken from the rounded ρ.
///
/// - Returns: how many gradients were beyond the bound.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func recurrentJS<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, cache: MatrixView<T>, _ d: OptimizerUpdate<T>, decay: T, epsilon: T
) -> Int {
  let old = T.V(decay), new = T.V(1 - decay), epsilon = T.V(epsilon), rate = T.V(d.learningRate), share = T.V(d.decoupledDecay)
  return descend(w, dw, slotsAreRuns: cache.isContiguous, d) { at, w, g, clipped in
    let s = at.load(cache) * old + new * g * g
    at.store(s, cache)
    return w - rate * clipped / T.V.sqrt(s + epsilon) - share * w
  }
}

/// SGD: b ← μb + new·(ĝ + λw);  w ← keep·w − α·b, or with Nesterov's look ahead w ← keep·w − α·(ĝ + λw + μb).
///
/// - Parameters:
///   - momentum: b; nil for none, then b is ĝ + λw itself.
///   - mu: μ.
///   - new: one less dampening; 1 at the first step.
///   - nesterov: whether to look ahead.
/// - Returns: how many gradients were beyond the bound.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func sgd<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, momentum: MatrixView<T>?, _ d: OptimizerUpdate<T>, mu: T, new: T, nesterov: Bool
) -> Int {
  let rate = T.V(d.learningRate), decay = T.V(d.weightDecay), keep = T.V(d.keep), mu = T.V(mu), new = T.V(new)
  return descend(w, dw, slotsAreRuns: momentum?.isContiguous ?? true, d) { at, w, _, clipped in
    let g = clipped + decay * w
    guard let momentum else { return keep * w - rate * g }
    let b = at.load(momentum) * mu + new * g
    at.store(b, momentum)
    return keep * w - rate * (nesterov ? g + mu * b : b)
  }
}

/// Adagrad: g ← ĝ + λw;  S ← S + g²;  w ← keep·w − α·g/(√S + ε).
///
/// - Returns: how many gradients were beyond the bound.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func adagrad<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, sum: MatrixView<T>, _ d: OptimizerUpdate<T>, epsilon: T
) -> Int {
  let rate = T.V(d.learningRate), decay = T.V(d.weightDecay), keep = T.V(d.keep), epsilon = T.V(epsilon)
  return descend(w, dw, slotsAreRuns: sum.isContiguous, d) { at, w, _, clipped in
    let g = clipped + decay * w, s = at.load(sum) + g * g
    at.store(s, sum)
    return keep * w - rate * g / (T.V.sqrt(s) + epsilon)
  }
}

/// RMSProp: g ← ĝ + λw;  s ← ρs + (1−ρ)g²;  v = correction·(s − m²);  u = g/(√v + ε);  w ← keep·w − α·u.
///
/// - Parameters:
///   - square: s.
///   - momentum: b; nil for none. With it b ← μb + u takes u's place.
///   - mean: m ← ρm + (1−ρ)g; nil where the variance is not centered, then m is 0.
///   - decay: ρ.
///   - correction: 1/(1 − ρᵗ), or 1.
///   - mu: μ.
/// - Returns: how many gradients were beyond the bound.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func rmsprop<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, square: MatrixView<T>, momentum: MatrixView<T>?, mean: MatrixView<T>?, _ d: OptimizerUpdate<T>,
  decay: ExponentialMovingAverage<T>, correction: T, epsilon: T, mu: T
) -> Int {
  let rate = T.V(d.learningRate), weightDecay = T.V(d.weightDecay), keep = T.V(d.keep), epsilon = T.V(epsilon)
  let old = T.V(decay.old), new = T.V(decay.new), correction = T.V(correction), mu = T.V(mu)
  let slotsAreRuns = square.isContiguous && momentum?.isContiguous ?? true && mean?.isContiguous ?? true
  return descend(w, dw, slotsAreRuns: slotsAreRuns, d) { at, w, _, clipped in
    let g = clipped + weightDecay * w
    var v = at.load(square) * old + new * g * g
    at.store(v, square)
    if let mean {
      let m0 = at.load(mean), m = m0 + new * (g - m0)
      at.store(m, mean)
      // never below 0 but for rounding
      let variance = v - m * m
      v = T.V.select(variance, above: 0.0, variance, 0.0)
    }
    let root = T.V.sqrt(v * correction) + epsilon
    guard let momentum else { return keep * w - rate * g / root }
    let b = at.load(momentum) * mu + g / root
    at.store(b, momentum)
    return keep * w - rate * b
  }
}

/// Adam: g ← ĝ + λw;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  w ← keep·w − α·m/(√v/root + ε).
///
/// - Parameters:
///   - d: its rate is the learning rate over 1 − β₁ᵗ.
///   - mean: m.
///   - square: v.
///   - largest: AMSGrad's, the largest v so far, which takes v's place in the step; nil for none.
///   - root: √(1 − β₂ᵗ).
/// - Returns: how many gradients were beyond the bound.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func adam<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, mean: MatrixView<T>, square: MatrixView<T>, largest: MatrixView<T>?, _ d: OptimizerUpdate<T>,
  beta1: ExponentialMovingAverage<T>, beta2: ExponentialMovingAverage<T>, root: T, epsilon: T
) -> Int {
  let rate = T.V(d.learningRate), decay = T.V(d.weightDecay), keep = T.V(d.keep), epsilon = T.V(epsilon), root = T.V(root)
  let new1 = T.V(beta1.new), old2 = T.V(beta2.old), new2 = T.V(beta2.new)
  let slotsAreRuns = mean.isContiguous && square.isContiguous && largest?.isContiguous ?? true
  return descend(w, dw, slotsAreRuns: slotsAreRuns, d) { at, w, _, clipped in
    let g = clipped + decay * w
    let m0 = at.load(mean), m = m0 + new1 * (g - m0)
    at.store(m, mean)
    var v = at.load(square) * old2 + new2 * g * g
    at.store(v, square)
    if let largest {
      let before = at.load(largest)
      v = T.V.select(before, above: v, before, v)
      at.store(v, largest)
    }
    return keep * w - rate * m / (T.V.sqrt(v) / root + epsilon)
  }
}
