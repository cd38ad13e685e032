// The update step of each optimizer: one pass over weights, gradients and optimizer state.

/// The settings that all update steps share.
///
/// A gradient is scaled and clipped, ĝ = clamp(gradientScale · g, ±clipValue); then weightDecay · w is added to it.
/// Decoupled weight decay multiplies the weight by 1 − decoupledDecay.
public struct OptimizerUpdate<T: Real> {
  let learningRate, weightDecay, decoupledDecay, gradientScale, clipValue: T
  /// 1 − decoupledDecay, rounded once.
  let keptFraction: T

  /// Creates the settings, each rounded to `T` once.
  ///
  /// - Parameters:
  ///   - learningRate: α.
  ///   - weightDecay: λ, the factor of the weight that is added to its gradient.
  ///   - decoupledDecay: the fraction that is subtracted from each weight.
  ///   - gradientScale: a factor of all gradients.
  ///   - clipValue: the largest magnitude of a gradient; infinity for no clipping.
  public init(
    learningRate: Double, weightDecay: Double = 0, decoupledDecay: Double = 0, gradientScale: Double = 1,
    clipValue: Double = .infinity
  ) {
    self.learningRate = T(learningRate)
    self.weightDecay = T(weightDecay)
    self.decoupledDecay = T(decoupledDecay)
    keptFraction = T(1 - decoupledDecay)
    self.gradientScale = T(gradientScale)
    self.clipValue = T(clipValue)
  }
}

/// The coefficients of an exponential moving average: s ← old · s + new · x, with new = 1 − old rounded once.
public struct ExponentialMovingAverage<T: Real> {
  let old, new: T

  /// Creates the coefficients of the decay ρ = old.
  public init(_ decay: Double) { (old, new) = (T(decay), T(1 - decay)) }
}

/// The position of a vector in matrix views of one shape.
private struct VectorIndex {
  let row: Int, column: Int, count: Int

  @inline(__always) func load<T: Real>(_ x: MatrixView<T>) -> T.V {
    .loadPartial(x.columnPointer(column) + row, count: count)
  }
  @inline(__always) func store<T: Real>(_ v: T.V, _ x: MatrixView<T>) {
    v.storePartial(x.columnPointer(column) + row, count: count)
  }
}

/// For each vector: w ← body(index, w, g, ĝ); g ← 0.
///
/// - Returns: the number of gradients beyond `clipValue`.
@inline(__always)
private func updateWeights<T: Real>(
  _ w: MatrixView<T>, _ dw: MatrixView<T>, stateIsContiguous: Bool, _ update: OptimizerUpdate<T>,
  _ body: (_ index: VectorIndex, _ w: T.V, _ g: T.V, _ clipped: T.V) -> T.V
) -> Int {
  let scale = T.V(update.gradientScale), high = T.V(update.clipValue), low = T.V(-update.clipValue)
  var clipped: T.V = 0.0
  var count = 0
  forEachContiguousRun(w, othersAreContiguous: dw.isContiguous && stateIsContiguous) { n, j in
    var i = 0
    while i < n {
      let index = VectorIndex(row: i, column: j, count: min(T.V.count, n &- i))
      let g = index.load(dw), scaled = scale * g
      clipped = clipped + T.V.select(T.V.abs(scaled), greaterThan: high, 1.0, 0.0)
      let bounded = T.V.select(
        scaled, greaterThan: high, high, T.V.select(low, greaterThan: scaled, low, scaled))
      index.store(body(index, index.load(w), g, bounded), w)
      let zero: T.V = 0.0
      index.store(zero, dw)
      i &+= T.V.count
      // a lane of float counts exactly up to 2²⁴; it is added to the integer every 2²⁰ elements
      if i & 0xFFFFF == 0 || i >= n {
        count &+= Int(clipped.sum)
        clipped = 0.0
      }
    }
  }
  return count
}

/// RecurrentJS's RMSProp: s ← ρs + (1−ρ)g²;  w ← w − α·ĝ/√(s + ε) − decoupledDecay·w;  g ← 0.
///
/// Parity: the cache s takes the gradient before clipping, ε is under the root, and 1 − ρ is computed from the rounded ρ.
///
/// - Returns: the number of gradients beyond `clipValue`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func recurrentJS<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, cache: MatrixView<T>, _ update: OptimizerUpdate<T>, decay: T, epsilon: T
) -> Int {
  let old = T.V(decay), new = T.V(1 - decay), epsilon = T.V(epsilon), rate = T.V(update.learningRate),
    decay = T.V(update.decoupledDecay)
  return updateWeights(w, dw, stateIsContiguous: cache.isContiguous, update) { index, w, g, clipped in
    let s = index.load(cache) * old + new * g * g
    index.store(s, cache)
    return w - rate * clipped / T.V.sqrt(s + epsilon) - decay * w
  }
}

/// SGD: b ← μb + new·(ĝ + λw);  w ← κ·w − α·b, or with Nesterov's momentum w ← κ·w − α·(ĝ + λw + μb).
///
/// κ = 1 − decoupledDecay, here and below.
///
/// - Parameters:
///   - momentum: b; nil for none, where b is ĝ + λw.
///   - mu: μ.
///   - new: 1 − dampening; 1 at the first step.
///   - nesterov: whether to use Nesterov's momentum.
/// - Returns: the number of gradients beyond `clipValue`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func sgd<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, momentum: MatrixView<T>?, _ update: OptimizerUpdate<T>, mu: T, new: T,
  nesterov: Bool
) -> Int {
  let rate = T.V(update.learningRate), decay = T.V(update.weightDecay), kept = T.V(update.keptFraction), mu = T.V(mu),
    new = T.V(new)
  return updateWeights(w, dw, stateIsContiguous: momentum?.isContiguous ?? true, update) { index, w, _, clipped in
    let g = clipped + decay * w
    guard let momentum else { return kept * w - rate * g }
    let b = index.load(momentum) * mu + new * g
    index.store(b, momentum)
    return kept * w - rate * (nesterov ? g + mu * b : b)
  }
}

/// Adagrad: g ← ĝ + λw;  S ← S + g²;  w ← κ·w − α·g/(√S + ε).
///
/// Reference: Duchi, Hazan and Singer, JMLR 12 (2011).
///
/// - Returns: the number of gradients beyond `clipValue`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func adagrad<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, sum: MatrixView<T>, _ update: OptimizerUpdate<T>, epsilon: T
) -> Int {
  let rate = T.V(update.learningRate), decay = T.V(update.weightDecay), kept = T.V(update.keptFraction),
    epsilon = T.V(epsilon)
  return updateWeights(w, dw, stateIsContiguous: sum.isContiguous, update) { index, w, _, clipped in
    let g = clipped + decay * w, s = index.load(sum) + g * g
    index.store(s, sum)
    return kept * w - rate * g / (T.V.sqrt(s) + epsilon)
  }
}

/// RMSProp: g ← ĝ + λw;  s ← ρs + (1−ρ)g²;  v = correction·(s − m²);  u = g/(√v + ε);  w ← κ·w − α·u.
///
/// Reference: Tieleman and Hinton, lecture 6.5 of Neural Networks for Machine Learning (2012); the form is PyTorch's.
///
/// - Parameters:
///   - square: s.
///   - momentum: b ← μb + u, which replaces u in the step; nil for none.
///   - mean: m ← ρm + (1−ρ)g; nil for the uncentered form, with m = 0.
///   - decay: ρ.
///   - correction: 1/(1 − ρᵗ), or 1.
///   - mu: μ.
/// - Returns: the number of gradients beyond `clipValue`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func rmsprop<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, square: MatrixView<T>, momentum: MatrixView<T>?, mean: MatrixView<T>?,
  _ update: OptimizerUpdate<T>,
  decay: ExponentialMovingAverage<T>, correction: T, epsilon: T, mu: T
) -> Int {
  let rate = T.V(update.learningRate), weightDecay = T.V(update.weightDecay), kept = T.V(update.keptFraction),
    epsilon = T.V(epsilon)
  let old = T.V(decay.old), new = T.V(decay.new), correction = T.V(correction), mu = T.V(mu)
  let stateIsContiguous = square.isContiguous && momentum?.isContiguous ?? true && mean?.isContiguous ?? true
  return updateWeights(w, dw, stateIsContiguous: stateIsContiguous, update) { index, w, _, clipped in
    let g = clipped + weightDecay * w
    var v = index.load(square) * old + new * g * g
    index.store(v, square)
    if let mean {
      let m0 = index.load(mean), m = m0 + new * (g - m0)
      index.store(m, mean)
      // a variance below 0 is a rounding error
      let variance = v - m * m
      v = T.V.select(variance, greaterThan: 0.0, variance, 0.0)
    }
    let root = T.V.sqrt(v * correction) + epsilon
    guard let momentum else { return kept * w - rate * g / root }
    let b = index.load(momentum) * mu + g / root
    index.store(b, momentum)
    return kept * w - rate * b
  }
}

/// Adam: g ← ĝ + λw;  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  w ← κ·w − α·m/(√v/root + ε).
///
/// Reference: Kingma and Ba, arXiv:1412.6980; Reddi et al., arXiv:1904.09237, for AMSGrad.
///
/// - Parameters:
///   - update: its learningRate is α = learning rate/(1 − β₁ᵗ).
///   - mean: m.
///   - square: v.
///   - largest: the largest v of all steps, which replaces v in the step (AMSGrad); nil for none.
///   - root: √(1 − β₂ᵗ).
/// - Returns: the number of gradients beyond `clipValue`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func adam<T: Real>(
  _ w: MatrixView<T>, dw: MatrixView<T>, mean: MatrixView<T>, square: MatrixView<T>, largest: MatrixView<T>?,
  _ update: OptimizerUpdate<T>,
  beta1: ExponentialMovingAverage<T>, beta2: ExponentialMovingAverage<T>, root: T, epsilon: T
) -> Int {
  let rate = T.V(update.learningRate), decay = T.V(update.weightDecay), kept = T.V(update.keptFraction),
    epsilon = T.V(epsilon), root = T.V(root)
  let new1 = T.V(beta1.new), old2 = T.V(beta2.old), new2 = T.V(beta2.new)
  let stateIsContiguous = mean.isContiguous && square.isContiguous && largest?.isContiguous ?? true
  return updateWeights(w, dw, stateIsContiguous: stateIsContiguous, update) { index, w, _, clipped in
    let g = clipped + decay * w
    let m0 = index.load(mean), m = m0 + new1 * (g - m0)
    index.store(m, mean)
    var v = index.load(square) * old2 + new2 * g * g
    index.store(v, square)
    if let largest {
      let previous = index.load(largest)
      v = T.V.select(previous, greaterThan: v, previous, v)
      index.store(v, largest)
    }
    return kept * w - rate * m / (T.V.sqrt(v) / root + epsilon)
  }
}
