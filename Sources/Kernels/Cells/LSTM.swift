// The element-wise part of an LSTM, between its matrix products: one pass over the units, forward and backward.
//
// Gates lie in blocks of rows, `gate` rows from one block to the next. A call may cover a range of units: the same rows of
// each block. The backward pass replaces the gates by the gradients of their pre-activations.
//
// Reference: Hochreiter and Schmidhuber, Neural Computation 9 (1997); Gers, Schmidhuber and Cummins (2000) for the forget
// gate.

/// Computes the gates, the cell state and the output of an LSTM from the pre-activations.
///
///     i, f, o = σ(z)    g = tanh(z)    c′ = f ⊙ c + i ⊙ g    h′ = o ⊙ tanh c′
///
/// - Parameters:
///   - z: blocks i, f, o, g of pre-activations; replaced by the gates.
///   - gate: rows from one block to the next.
///   - c: [H × B], the previous cell state.
///   - newH: [H × B], receives h′.
///   - newC: [H × B], receives c′; may be `c`.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func lstmGates<T: Real>(
  _ z: MatrixView<T>, gate: Int, _ c: MatrixView<T>, newH: MatrixView<T>, newC: MatrixView<T>
) {
  // the cells of all columns, then the outputs: in one loop the dependency chain from gate to output would be too long
  // to overlap with the next vector's
  var b = 0
  while b < c.columns {
    let i = z.columnPointer(b), f = i + gate, o = f + gate, g = o + gate
    let c = c.columnPointer(b), newC = newC.columnPointer(b)
    forEachVector(z.rows, T.self) { r, k in
      let (input, forget, output, candidate) = sigmoidTanh4(
        T.self, .loadPartial(i + r, count: k), .loadPartial(f + r, count: k), .loadPartial(o + r, count: k),
        .loadPartial(g + r, count: k))
      input.storePartial(i + r, count: k)
      forget.storePartial(f + r, count: k)
      output.storePartial(o + r, count: k)
      candidate.storePartial(g + r, count: k)
      T.V.fma(forget, .loadPartial(c + r, count: k), input * candidate).storePartial(newC + r, count: k)
    }
    b &+= 1
  }
  b = 0
  while b < c.columns {
    let o = z.columnPointer(b) + 2 &* gate, newH = newH.columnPointer(b), newC = newC.columnPointer(b)
    forEachVector(z.rows, T.self) { r, k in
      (T.V.loadPartial(o + r, count: k) * T.tanh(.loadPartial(newC + r, count: k))).storePartial(newH + r, count: k)
    }
    b &+= 1
  }
}

/// Computes the gradients of the pre-activations and of c from the gradients of h′ and c′.
///
///     dc = dc′ + dh′ o (1 − tanh² c′)
///     dzᵢ = dc g i(1 − i)    dz_f = dc c f(1 − f)    dz_o = dh′ tanh c′ o(1 − o)    dz_g = dc i (1 − g²)
///
/// - Parameters:
///   - gates: blocks i, f, o, g as the forward pass left them; replaced by dz.
///   - gate: rows from one block to the next.
///   - c: [H × B], the previous cell state.
///   - newC: [H × B], c′.
///   - dnewH: [H × B], the gradient of h′.
///   - dnewC: [H × B], the gradient of c′.
///   - dc: [H × B], receives dc ⊙ f; may be `dnewC`.
///   - accumulate: whether to add to `dc`; otherwise it is overwritten.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func lstmGatesBackward<T: Real>(
  _ gates: MatrixView<T>, gate: Int, _ c: MatrixView<T>, newC: MatrixView<T>, dnewH: MatrixView<T>,
  dnewC: MatrixView<T>,
  dc: MatrixView<T>, accumulate: Bool
) {
  var b = 0
  while b < c.columns {
    let i = gates.columnPointer(b), f = i + gate, o = f + gate, g = o + gate
    let c = c.columnPointer(b), newC = newC.columnPointer(b)
    let dnewH = dnewH.columnPointer(b), dnewC = dnewC.columnPointer(b), dc = dc.columnPointer(b)
    forEachVector(gates.rows, T.self) { r, k in
      let input = T.V.loadPartial(i + r, count: k), forget = T.V.loadPartial(f + r, count: k)
      let output = T.V.loadPartial(o + r, count: k), candidate = T.V.loadPartial(g + r, count: k)
      let t = T.tanh(.loadPartial(newC + r, count: k)), dh = T.V.loadPartial(dnewH + r, count: k)
      let d = T.V.fma(dh * output, 1.0 - t * t, .loadPartial(dnewC + r, count: k))
      (d * candidate * (input * (1.0 - input))).storePartial(i + r, count: k)
      (d * .loadPartial(c + r, count: k) * (forget * (1.0 - forget))).storePartial(f + r, count: k)
      (dh * t * (output * (1.0 - output))).storePartial(o + r, count: k)
      (d * input * (1.0 - candidate * candidate)).storePartial(g + r, count: k)
      let previous: T.V = accumulate ? .loadPartial(dc + r, count: k) : 0.0
      T.V.fma(d, forget, previous).storePartial(dc + r, count: k)
    }
    b &+= 1
  }
}

/// Returns σ(zi), σ(zf), σ(zo) and tanh(zg) with one division.
///
///     σ(z) = n / (1 + e^−|z|), with n = 1 for z ≥ 0, else e^−|z|      tanh |z| = (e^2|z| − 1) / (e^2|z| + 1)
///
/// The four denominators a, b, c, d share the division: with q = 1/((a·b)·(c·d)), 1/a = (q·(c·d))·b and 1/c = (q·(a·b))·d.
/// Three are at most 2 and the last is at most e^(2 · `tanhLimit`) + 1, so that the product does not overflow.
@inline(__always)
private func sigmoidTanh4<T: Real>(
  _: T.Type, _ zi: T.V, _ zf: T.V, _ zo: T.V, _ zg: T.V
) -> (i: T.V, f: T.V, o: T.V, g: T.V) {
  let (ei, ef, eo) = exponentials3(T.self, T.V.negativeAbs(zi), T.V.negativeAbs(zf), T.V.negativeAbs(zo))
  let eg = T.expm1Doubled(zg)
  let (a, b, c, d) = (1.0 + ei, 1.0 + ef, 1.0 + eo, 2.0 + eg)
  let (ab, cd) = (a * b, c * d)
  let q = 1.0 / (ab * cd)
  let (perAB, perCD) = (q * cd, q * ab)
  return (
    T.V.select(0.0, greaterThan: zi, ei, 1.0) * (perAB * b), T.V.select(0.0, greaterThan: zf, ef, 1.0) * (perAB * a),
    T.V.select(0.0, greaterThan: zo, eo, 1.0) * (perCD * d), T.V.copysign(eg * (perCD * c), zg)
  )
}

/// Returns eˣ of three vectors with all lanes ≤ 0. One test of the smallest lanes chooses the fast version.
@inline(__always)
private func exponentials3<T: Real>(_: T.Type, _ x: T.V, _ y: T.V, _ z: T.V) -> (T.V, T.V, T.V) {
  let xy = T.V.select(x, greaterThan: y, y, x), smallest = T.V.select(xy, greaterThan: z, z, xy)
  if T.V.anyGreater(T.V(T(-T.normalExpLimit)), than: smallest) {
    return (T.expFullRange(x), T.expFullRange(y), T.expFullRange(z))
  }
  return (T.expNormalRange(x), T.expNormalRange(y), T.expNormalRange(z))
}
