// The element-wise part of an LSTM as superinstructions: one pass over the units, forward and backward; and that of its
// cell alone, for an LSTM whose output is another function.
//
// Reference: Hochreiter and Schmidhuber, Neural Computation 9 (1997); Gers, Schmidhuber and Cummins (2000) for the forget
// gate.

extension MicroLoop {
  /// The forward pass.
  ///
  ///     i, f, o = σ(z)    g = tanh(z)    c′ = f ⊙ c + i ⊙ g    h′ = o ⊙ tanh c′
  ///
  /// Operands: i, f, o, g, which are pre-activations and become gates; c; c′ and tanh c′, which are written. The result is
  /// h′.
  @inline(never) func lstm() {
    let rows = i.pointee.rows
    let i = columns(self.i.pointee.a), f = columns(self.i.pointee.b), o = columns(self.i.pointee.c)
    let g = columns(self.i.pointee.d), c = columns(self.i.pointee.e)
    let newC = columns(self.i.pointee.rest[0]), tanhC = columns(self.i.pointee.rest[1]), h = columns(self.i.pointee.y)
    // the cells of all columns, then the outputs: in one loop the dependency chain from gate to output would be too long
    // to overlap with the next vector's
    cell(from: (i, f, o, g), to: (i, f, o, g), c, newC)
    forEachColumn { j in
      let o = o[j], newC = newC[j], tanhC = tanhC[j], h = h[j]
      forEachVector(rows, T.self) { r, k in
        let t = T.tanh(.loadPartial(newC + r, count: k))
        t.storePartial(tanhC + r, count: k)
        (T.V.loadPartial(o + r, count: k) * t).storePartial(h + r, count: k)
      }
    }
  }

  private typealias Gates = (i: MicroColumns<T>, f: MicroColumns<T>, o: MicroColumns<T>, g: MicroColumns<T>)

  /// The gates of pre-activations, which may lie at the same places, and c′.
  @inline(__always) private func cell(from z: Gates, to gates: Gates, _ c: MicroColumns<T>, _ newC: MicroColumns<T>) {
    let rows = i.pointee.rows
    forEachColumn { j in
      let zi = z.i[j], zf = z.f[j], zo = z.o[j], zg = z.g[j], c = c[j], newC = newC[j]
      let i = gates.i[j], f = gates.f[j], o = gates.o[j], g = gates.g[j]
      forEachVector(rows, T.self) { r, k in
        let (input, forget, output, candidate) = sigmoidTanh4(
          T.self, .loadPartial(zi + r, count: k), .loadPartial(zf + r, count: k), .loadPartial(zo + r, count: k),
          .loadPartial(zg + r, count: k))
        input.storePartial(i + r, count: k)
        forget.storePartial(f + r, count: k)
        output.storePartial(o + r, count: k)
        candidate.storePartial(g + r, count: k)
        T.V.multiplyAdd(forget, .loadPartial(c + r, count: k), input * candidate).storePartial(newC + r, count: k)
      }
    }
  }

  /// The forward pass of the cell alone.
  ///
  ///     i, f, o = σ(z)    g = tanh(z)    c′ = f ⊙ c + i ⊙ g
  ///
  /// Operands: the pre-activations of i, f, o, g; c; i, f, o, g, which are written. The result is c′.
  @inline(never) func lstmCell() {
    let i = self.i.pointee
    cell(
      from: (columns(i.a), columns(i.b), columns(i.c), columns(i.d)),
      to: (columns(i.rest[0]), columns(i.rest[1]), columns(i.rest[2]), columns(i.rest[3])), columns(i.e), columns(i.y))
  }

  /// The gradients of the pre-activations of i, f, g and of c, for d = dc′: those of `lstmBackward`.
  ///
  /// Operands: d; i, f, g; c; dz of i, f, g, which are written. The result is dc.
  @inline(never) func lstmCellBackward() {
    let rows = i.pointee.rows, d = columns(self.i.pointee.a), i = columns(self.i.pointee.b)
    let f = columns(self.i.pointee.c), g = columns(self.i.pointee.d), c = columns(self.i.pointee.e)
    let di = columns(self.i.pointee.rest[0]), df = columns(self.i.pointee.rest[1])
    let dg = columns(self.i.pointee.rest[2]), dc = columns(self.i.pointee.y)
    forEachColumn { j in
      let d = d[j], i = i[j], f = f[j], g = g[j], c = c[j], di = di[j], df = df[j], dg = dg[j], dc = dc[j]
      forEachVector(rows, T.self) { r, k in
        let input = T.V.loadPartial(i + r, count: k), forget = T.V.loadPartial(f + r, count: k)
        let candidate = T.V.loadPartial(g + r, count: k), cell = T.V.loadPartial(c + r, count: k)
        let d = T.V.loadPartial(d + r, count: k)
        // a result may replace an operand: all are read by now
        (d * forget).storePartial(dc + r, count: k)
        (d * input * (1.0 - candidate * candidate)).storePartial(dg + r, count: k)
        (d * cell * (forget * (1.0 - forget))).storePartial(df + r, count: k)
        (d * candidate * (input * (1.0 - input))).storePartial(di + r, count: k)
      }
    }
  }

  /// The gradients of the pre-activations and of c.
  ///
  ///     d = dc′ + dh′ o (1 − tanh² c′)    dc = d f
  ///     dzᵢ = d g i(1 − i)    dz_f = d c f(1 − f)    dz_o = dh′ tanh c′ o(1 − o)    dz_g = d i (1 − g²)
  ///
  /// Operands: dh′, dc′; i, f, o, g; c, tanh c′; dz of i, f, o, g, which are written. The result is dc.
  @inline(never) func lstmBackward() {
    let rows = i.pointee.rows
    let dh = columns(self.i.pointee.a), dnewC = columns(self.i.pointee.b)
    let i = columns(self.i.pointee.c), f = columns(self.i.pointee.d), o = columns(self.i.pointee.e)
    let g = columns(self.i.pointee.rest[0]), c = columns(self.i.pointee.rest[1]), t = columns(self.i.pointee.rest[2])
    let di = columns(self.i.pointee.rest[3]), df = columns(self.i.pointee.rest[4])
    let dO = columns(self.i.pointee.rest[5]), dg = columns(self.i.pointee.rest[6]), dc = columns(self.i.pointee.y)
    forEachColumn { j in
      let dh = dh[j], dnewC = dnewC[j], i = i[j], f = f[j], o = o[j], g = g[j], c = c[j], t = t[j]
      let di = di[j], df = df[j], dO = dO[j], dg = dg[j], dc = dc[j]
      forEachVector(rows, T.self) { r, k in
        let input = T.V.loadPartial(i + r, count: k), forget = T.V.loadPartial(f + r, count: k)
        let output = T.V.loadPartial(o + r, count: k), candidate = T.V.loadPartial(g + r, count: k)
        let t = T.V.loadPartial(t + r, count: k), dh = T.V.loadPartial(dh + r, count: k)
        let cell = T.V.loadPartial(c + r, count: k)
        let d = T.V.multiplyAdd(dh * output, 1.0 - t * t, .loadPartial(dnewC + r, count: k))
        // a result may replace an operand: all are read by now
        (dh * t * (output * (1.0 - output))).storePartial(dO + r, count: k)
        (d * forget).storePartial(dc + r, count: k)
        (d * input * (1.0 - candidate * candidate)).storePartial(dg + r, count: k)
        (d * cell * (forget * (1.0 - forget))).storePartial(df + r, count: k)
        (d * candidate * (input * (1.0 - input))).storePartial(di + r, count: k)
      }
    }
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
