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
    normalize(x, mean: mean, scale: s, to: normal)
    map(normal, gain, bias, to: y) { T.V.multiplyAdd($0, $1, $2) }
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
    normalize(x, mean: mean, scale: s, to: y)
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
    map(dy, normal, dx, to: dx) { g, normal, dx in T.V.multiplyAdd(factor, g - mean - normal * projection, dx) }
    j &+= 1
  }
}

/// The mean of a column, and 1/√(variance + ε).
@inline(__always)
func moments<T: Real>(_ x: MatrixView<T>, epsilon: T) -> (mean: T, scale: T) {
  let inverse = 1 / T(x.rows), whole = x.rows / T.V.count * T.V.count
  var total = sumVectors(whole, T.self) { sum, i, _ in sum + T.V.load(x.p + i) }.sum
  var i = whole
  while i < x.rows {
    total += x.p[i]
    i &+= 1
  }
  let mean = total * inverse, shift = T.V(mean)
  var squares = sumVectors(whole, T.self) { sum, i, _ in
    let d = T.V.load(x.p + i) - shift
    return T.V.multiplyAdd(d, d, sum)
  }.sum
  i = whole
  while i < x.rows {
    let d = x.p[i] - mean
    squares = squares.addingProduct(d, d)
    i &+= 1
  }
  return (mean, 1 / (squares * inverse + epsilon).squareRoot())
}

/// y = (x − mean)·scale.
@inline(__always)
func normalize<T: Real>(_ x: MatrixView<T>, mean: T, scale: T, to y: MatrixView<T>) {
  let shift = T.V(mean), factor = T.V(scale)
  map(x, to: y) { ($0 - shift) * factor }
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
    map(work, normal, dx, to: dx) { g, normal, dx in T.V.multiplyAdd(factor, g - mean - normal * projection, dx) }
    map(dy, normal, dgain, to: dgain) { T.V.multiplyAdd($0, $1, $2) }
    map(dy, dbias, to: dbias) { $0 + $1 }
    j &+= 1
  }
}

// MARK: Superinstructions

extension MicroLoop {
  @inline(__always) private func column(_ operand: MicroOperand<T>, _ j: Int) -> MatrixView<T> {
    MatrixView(columns(operand)[j], rows: i.pointee.rows, columns: 1, columnStride: i.pointee.rows)
  }

  /// x̂ = (x − mean)/√(variance + ε) in each column.
  ///
  /// Operands: x; the moments 1/√(variance + ε) and mean, which are written. The result is x̂, which may replace x.
  @inline(never) func layerNorm() {
    forEachColumn { j in
      let x = column(i.pointee.a, j), kept = columns(i.pointee.b)[j]
      let (mean, scale) = moments(x, epsilon: i.pointee.parameter)
      (kept[0], kept[1]) = (scale, mean)
      normalize(x, mean: mean, scale: scale, to: column(i.pointee.y, j))
    }
  }

  /// With g = dy ⊙ gain: dx = scale (g − mean g − x̂ mean(g ⊙ x̂)); dgain += dy ⊙ x̂.
  ///
  /// Operands: dy, the gain, x̂, its moments; dgain, which is written. The result is dx, which may replace dy or x̂.
  @inline(never) func layerNormBackward() {
    let inverse = 1 / T(i.pointee.rows)
    forEachColumn { j in
      let dy = column(i.pointee.a, j), gain = column(i.pointee.b, j), normal = column(i.pointee.c, j)
      let scale = T.V(columns(i.pointee.d)[j][0]), dgain = column(i.pointee.e, j)
      var sum0: T.V = 0.0, sum1: T.V = 0.0, dot0: T.V = 0.0, dot1: T.V = 0.0, r = 0
      /// g of some rows and its product with x̂, after these rows of dgain.
      @inline(__always) func terms(_ r: Int, _ k: Int) -> (g: T.V, product: T.V) {
        let dy = T.V.loadPartial(dy.p + r, count: k), normal = T.V.loadPartial(normal.p + r, count: k)
        T.V.multiplyAdd(dy, normal, .loadPartial(dgain.p + r, count: k)).storePartial(dgain.p + r, count: k)
        let g = dy * .loadPartial(gain.p + r, count: k)
        return (g, g * normal)
      }
      // two sums each, so that an addition does not wait for the one before
      while r &+ 2 &* T.V.count <= dy.rows {
        let a = terms(r, T.V.count), b = terms(r &+ T.V.count, T.V.count)
        (sum0, sum1, dot0, dot1) = (sum0 + a.g, sum1 + b.g, dot0 + a.product, dot1 + b.product)
        r &+= 2 &* T.V.count
      }
      while r < dy.rows {
        let k = min(T.V.count, dy.rows &- r), a = terms(r, k)
        (sum0, dot0, r) = (sum0 + a.g, dot0 + a.product, r &+ k)
      }
      let mean = T.V((sum0 + sum1).sum * inverse), projection = T.V((dot0 + dot1).sum * inverse)
      Kernels.map(dy, gain, normal, to: column(i.pointee.y, j)) { dy, gain, normal in
        scale * (dy * gain - mean - normal * projection)
      }
    }
  }
}
