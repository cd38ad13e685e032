// What an LSTM does between its products: gates, cell and output, one pass over the stacked rows.
//
// Row blocks of H, in RecurrentJS's order: i (write), f (keep), o (show), g (candidate), tanh c′.

/// From pre-activations to gates, cell and output.
///
///     i, f, o = σ(z)    g = tanh(z)    c′ = f ⊙ c + i ⊙ g    h′ = o ⊙ tanh c′
///
/// - Parameters:
///   - z: [5H × B]: four blocks of pre-activations become gates in place, the fifth receives tanh c′.
///   - c: [H × B], the cell before.
///   - newH: [H × B], receives h′.
///   - newC: [H × B], receives c′.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func lstmGates<T: Real>(_ z: Columns<T>, _ c: Columns<T>, newH: Columns<T>, newC: Columns<T>) {
  let h = c.n
  var b = 0
  while b < c.d {
    let z = z.column(b), c = c.column(b), newH = newH.column(b), newC = newC.column(b)
    registers(h, T.self) { r in
      let i = T.sigmoid(.load(z + r)), f = T.sigmoid(.load(z + (h &+ r)))
      let o = T.sigmoid(.load(z + (2 &* h &+ r))), g = T.tanh(.load(z + (3 &* h &+ r)))
      let cell = T.V.fma(f, .load(c + r), i * g)
      let t = T.tanh(cell)
      i.store(z + r)
      f.store(z + (h &+ r))
      o.store(z + (2 &* h &+ r))
      g.store(z + (3 &* h &+ r))
      t.store(z + (4 &* h &+ r))
      cell.store(newC + r)
      (o * t).store(newH + r)
    } part: { r, k in
      let i = T.sigmoid(.load(z + r, first: k)), f = T.sigmoid(.load(z + (h &+ r), first: k))
      let o = T.sigmoid(.load(z + (2 &* h &+ r), first: k)), g = T.tanh(.load(z + (3 &* h &+ r), first: k))
      let cell = T.V.fma(f, .load(c + r, first: k), i * g)
      let t = T.tanh(cell)
      i.store(z + r, first: k)
      f.store(z + (h &+ r), first: k)
      o.store(z + (2 &* h &+ r), first: k)
      g.store(z + (3 &* h &+ r), first: k)
      t.store(z + (4 &* h &+ r), first: k)
      cell.store(newC + r, first: k)
      (o * t).store(newH + r, first: k)
    }
    b &+= 1
  }
}

/// From the gradients of h′ and c′ to those of the pre-activations and of c.
///
///     dc = dc′ + dh′ o (1 − tanh² c′)
///     dzᵢ = dc g i(1 − i)    dz_f = dc c f(1 − f)    dz_o = dh′ tanh c′ o(1 − o)    dz_g = dc i (1 − g²)
///
/// - Parameters:
///   - gates: [5H × B], as the forward pass left them.
///   - c: [H × B], the cell before.
///   - dnewH: [H × B].
///   - dnewC: [H × B].
///   - dz: [4H × B], overwritten.
///   - dc: [H × B], added to.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func lstmGatesBackward<T: Real>(
  _ gates: Columns<T>, _ c: Columns<T>, dnewH: Columns<T>, dnewC: Columns<T>, dz: Columns<T>, dc: Columns<T>
) {
  let h = c.n
  var b = 0
  while b < c.d {
    let gates = gates.column(b), c = c.column(b), dnewH = dnewH.column(b), dnewC = dnewC.column(b)
    let dz = dz.column(b), dc = dc.column(b)
    var r = 0
    while r < h {
      let k = min(T.V.count, h &- r)
      let whole = k == T.V.count
      let i = T.V.load(gates + r, k, whole), f = T.V.load(gates + (h &+ r), k, whole)
      let o = T.V.load(gates + (2 &* h &+ r), k, whole), g = T.V.load(gates + (3 &* h &+ r), k, whole)
      let t = T.V.load(gates + (4 &* h &+ r), k, whole)
      let dh = T.V.load(dnewH + r, k, whole)
      let d = T.V.fma(dh * o, 1.0 - t * t, T.V.load(dnewC + r, k, whole))
      (d * g * (i * (1.0 - i))).store(dz + r, k, whole)
      (d * T.V.load(c + r, k, whole) * (f * (1.0 - f))).store(dz + (h &+ r), k, whole)
      (dh * t * (o * (1.0 - o))).store(dz + (2 &* h &+ r), k, whole)
      (d * i * (1.0 - g * g)).store(dz + (3 &* h &+ r), k, whole)
      T.V.fma(d, f, T.V.load(dc + r, k, whole)).store(dc + r, k, whole)
      r &+= T.V.count
    }
    b &+= 1
  }
}
