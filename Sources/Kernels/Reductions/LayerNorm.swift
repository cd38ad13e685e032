// Layer normalization: each column is brought to mean 0 and variance 1.
//
// Reference: Ba, Kiros and Hinton, arXiv:1607.06450.

/// x̂ = (x − mean)/√(variance + ε) in each column; y = gain ⊙ x̂ + bias.
///
/// - Parameters:
///   - x: [n × d].
///   - gain: [n × 1].
///   - bias: [n × 1].
///   - epsilon: ε, which keeps the result of a constant column finite.
///   - normal: [n × d], receives x̂, which the backward pass uses.
///   - scale: [1 × d], receives 1/√(variance + ε), which the backward pass uses.
///   - y: [n × d].
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func layerNorm<T: Real>(
  _ x: MatrixView<T>, gain: MatrixView<T>, bias: MatrixView<T>, epsilon: T, normal: MatrixView<T>, scale: MatrixView<T>,
  to y: MatrixView<T>
) {
  var j = 0
  while j < x.columns {
    let x = x.column(j), normal = normal.column(j), y = y.column(j)
    let (mean, s) = moments(x, epsilon: epsilon)
    scale.columnPointer(j)[0] = s
    let shift = T.V(mean), factor = T.V(s)
    map(x, to: normal) { ($0 - shift) * factor }
    map(normal, gain, bias, to: y) { T.V.fma($0, $1, $2) }
    j &+= 1
  }
}

/// x̂ = (x − mean)/√(variance + ε) in each column.
///
/// - Parameters:
///   - x: [n × d].
///   - epsilon: ε, which keeps the result of a constant column finite.
///   - scale: [1 × d], receives 1/√(variance + ε), which the backward pass uses.
///   - y: [n × d], receives x̂.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func normalize<T: Real>(
  _ x: MatrixView<T>, epsilon: T, scale: MatrixView<T>, to y: MatrixView<T>
) {
  var j = 0
  while j < x.columns {
    let x = x.column(j), y = y.column(j)
    let (mean, s) = moments(x, epsilon: epsilon)
    scale.columnPointer(j)[0] = s
    let shift = T.V(mean), factor = T.V(s)
    map(x, to: y) { ($0 - shift) * factor }
    j &+= 1
  }
}

/// dx += scale (dy − mean dy − x̂ mean(dy ⊙ x̂)): the gradient of `normalize` from its result x̂.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func normalizeBackward<T: Real>(
  _ normal: MatrixView<T>, scale: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>
) {
  let n = T(dx.rows)
  var j = 0
  while j < dx.columns {
    let normal = normal.column(j), dy = dy.column(j), dx = dx.column(j)
    let (total, product) = sumAndDot(dy, normal), factor = T.V(scale.columnPointer(j)[0])
    let mean = T.V(total / n), projection = T.V(product / n)
    map(dy, normal, dx, to: dx) { g, normal, dx in T.V.fma(factor, g - mean - normal * projection, dx) }
    j &+= 1
  }
}

/// The mean of a column, and 1/√(variance + ε).
@inline(__always)
func moments<T: Real>(_ x: MatrixView<T>, epsilon: T) -> (mean: T, scale: T) {
  let n = T(x.rows), mean = sum(x) / n, shift = T.V(mean), whole = x.rows / T.V.count * T.V.count
  var total = sumVectors(whole, T.self) { sum, i, _ in
    let d = T.V.load(x.p + i) - shift
    return T.V.fma(d, d, sum)
  }.sum
  var i = whole
  while i < x.rows {
    let d = x.p[i] - mean
    total = total.addingProduct(d, d)
    i &+= 1
  }
  return (mean, 1 / (total / n + epsilon).squareRoot())
}

/// With g = dy ⊙ gain: dx += scale (g − mean g − x̂ mean(g ⊙ x̂)); dgain += Σⱼ dy ⊙ x̂; dbias += Σⱼ dy.
///
/// - Parameters:
///   - gain: [n × 1].
///   - normal: [n × d], x̂.
///   - scale: [1 × d].
///   - dy: [n × d].
///   - dx: [n × d].
///   - dgain: [n × 1].
///   - dbias: [n × 1].
///   - work: [n × 1] of scratch.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func layerNormBackward<T: Real>(
  gain: MatrixView<T>, normal: MatrixView<T>, scale: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>,
  dgain: MatrixView<T>,
  dbias: MatrixView<T>, work: MatrixView<T>
) {
  let n = T(dx.rows)
  var j = 0
  while j < dx.columns {
    let normal = normal.column(j), dy = dy.column(j), dx = dx.column(j)
    map(dy, gain, to: work) { $0 * $1 }
    let (total, product) = sumAndDot(work, normal), factor = T.V(scale.columnPointer(j)[0])
    let mean = T.V(total / n), projection = T.V(product / n)
    map(work, normal, dx, to: dx) { g, normal, dx in T.V.fma(factor, g - mean - normal * projection, dx) }
    map(dy, normal, dgain, to: dgain) { T.V.fma($0, $1, $2) }
    map(dy, dbias, to: dbias) { $0 + $1 }
    j &+= 1
  }
}
