// What a recurrent layer does between its products: one pass over the units, forward and back.
//
// Gates lie in blocks of `gate` rows, the units of one gate below those of another; a call may cover a few units of
// each block. The backward pass turns gates into the gradients of their pre-activations, in place.

/// From pre-activations to gates, cell and output of an LSTM.
///
///     i, f, o = σ(z)    g = tanh(z)    c′ = f ⊙ c + i ⊙ g    h′ = o ⊙ tanh c′
///
/// - Parameters:
///   - z: blocks i, f, o, g of pre-activations, which become gates in place.
///   - gate: rows from one block to the next.
///   - c: [H × B], the cell before.
///   - newH: [H × B], receives h′.
///   - newC: [H × B], receives c′.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func lstmGates<T: Real>(
  _ z: MatrixView<T>, gate: Int, _ c: MatrixView<T>, newH: MatrixView<T>, newC: MatrixView<T>
) {
  // the cells of all columns first, then the outputs: one chain from gate to output would be too long to overlap
  var b = 0
  while b < c.columns {
    let i = z.columnPointer(b), f = i + gate, o = f + gate, g = o + gate
    let c = c.columnPointer(b), newC = newC.columnPointer(b)
    units(T.self, count: z.rows) { r, k in
      let zi = T.V.load(i + r, upTo: k), zf = T.V.load(f + r, upTo: k)
      let zo = T.V.load(o + r, upTo: k), zg = T.V.load(g + r, upTo: k)
      let (ei, ef, eo) = exponentials(T.self, T.V.negativeAbs(zi), T.V.negativeAbs(zf), T.V.negativeAbs(zo))
      let eg = T.expm1Twice(zg)
      // four quotients by one division: their denominators' product is far from overflow
      let (di, df, dO, dg) = (1.0 + ei, 1.0 + ef, 1.0 + eo, 2.0 + eg)
      let (inputs, outputs) = (di * df, dO * dg)
      let all = 1.0 / (inputs * outputs)
      let (byInputs, byOutputs) = (all * outputs, all * inputs)
      let write = T.V.select(0.0, above: zi, ei, 1.0) * (byInputs * df)
      let keep = T.V.select(0.0, above: zf, ef, 1.0) * (byInputs * di)
      let show = T.V.select(0.0, above: zo, eo, 1.0) * (byOutputs * dg)
      let candidate = T.V.copysign(eg * (byOutputs * dO), zg)
      write.store(i + r, upTo: k)
      keep.store(f + r, upTo: k)
      show.store(o + r, upTo: k)
      candidate.store(g + r, upTo: k)
      T.V.fma(keep, .load(c + r, upTo: k), write * candidate).store(newC + r, upTo: k)
    }
    b &+= 1
  }
  b = 0
  while b < c.columns {
    let o = z.columnPointer(b) + 2 &* gate, newH = newH.columnPointer(b), newC = newC.columnPointer(b)
    units(T.self, count: z.rows) { r, k in
      (T.V.load(o + r, upTo: k) * T.tanh(.load(newC + r, upTo: k))).store(newH + r, upTo: k)
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
///   - gates: blocks i, f, o, g as the forward pass left them; they become dz.
///   - gate: rows from one block to the next.
///   - c: [H × B], the cell before.
///   - newC: [H × B], c′.
///   - dnewH: [H × B].
///   - dnewC: [H × B].
///   - dc: [H × B], receives dc ⊙ f; may be dnewC.
///   - accumulate: add to what dc holds.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func lstmGatesBackward<T: Real>(
  _ gates: MatrixView<T>, gate: Int, _ c: MatrixView<T>, newC: MatrixView<T>, dnewH: MatrixView<T>, dnewC: MatrixView<T>,
  dc: MatrixView<T>, accumulate: Bool
) {
  var b = 0
  while b < c.columns {
    let i = gates.columnPointer(b), f = i + gate, o = f + gate, g = o + gate
    let c = c.columnPointer(b), newC = newC.columnPointer(b)
    let dnewH = dnewH.columnPointer(b), dnewC = dnewC.columnPointer(b), dc = dc.columnPointer(b)
    units(T.self, count: gates.rows) { r, k in
      let write = T.V.load(i + r, upTo: k), keep = T.V.load(f + r, upTo: k)
      let show = T.V.load(o + r, upTo: k), candidate = T.V.load(g + r, upTo: k)
      let t = T.tanh(.load(newC + r, upTo: k)), dh = T.V.load(dnewH + r, upTo: k)
      let d = T.V.fma(dh * show, 1.0 - t * t, .load(dnewC + r, upTo: k))
      (d * candidate * (write * (1.0 - write))).store(i + r, upTo: k)
      (d * .load(c + r, upTo: k) * (keep * (1.0 - keep))).store(f + r, upTo: k)
      (dh * t * (show * (1.0 - show))).store(o + r, upTo: k)
      (d * write * (1.0 - candidate * candidate)).store(g + r, upTo: k)
      let before: T.V = accumulate ? .load(dc + r, upTo: k) : 0.0
      T.V.fma(d, keep, before).store(dc + r, upTo: k)
    }
    b &+= 1
  }
}

/// From pre-activations to gates and output of a GRU that resets after the product, as PyTorch's.
///
///     r, z = σ(·)    n = tanh(n + r ⊙ a)    h′ = (1 − z) ⊙ n + z ⊙ h
///
/// - Parameters:
///   - gates: blocks r, z (pre-activations), a = Wnh·h + bnh, n = Wnx·x + bn; r, z and n become gates in place.
///   - gate: rows from one block to the next.
///   - h: [H × B], the output before.
///   - newH: [H × B], receives h′.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gruGates<T: Real>(_ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, newH: MatrixView<T>) {
  // the gates of all columns first, then the outputs: one chain of both would be too long to overlap
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), z = r + gate, a = z + gate, n = a + gate
    units(T.self, count: gates.rows) { u, k in
      let (reset, keep) = sigmoids(T.self, .load(r + u, upTo: k), .load(z + u, upTo: k))
      reset.store(r + u, upTo: k)
      keep.store(z + u, upTo: k)
      T.V.fma(reset, .load(a + u, upTo: k), .load(n + u, upTo: k)).store(n + u, upTo: k)
    }
    b &+= 1
  }
  gruUpdate(gates, gate: gate, h, newH: newH)
}

/// From the gradient of h′ to those of the pre-activations and, directly, of h.
///
///     dn = dh′ (1 − z)(1 − n²)    dz = dh′ (h − n) z(1 − z)    dr = dn a r(1 − r)    da = dn r    dh += dh′ z
///
/// - Parameters:
///   - gates: blocks r, z, a, n as the forward pass left them; they become dr, dz, da, dn.
///   - gate: rows from one block to the next.
///   - h: [H × B], the output before.
///   - dnewH: [H × B].
///   - dh: [H × B], added to.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gruGatesBackward<T: Real>(
  _ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, dnewH: MatrixView<T>, dh: MatrixView<T>
) {
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), z = r + gate, a = z + gate, n = a + gate
    let h = h.columnPointer(b), dnewH = dnewH.columnPointer(b), dh = dh.columnPointer(b)
    units(T.self, count: gates.rows) { u, k in
      let reset = T.V.load(r + u, upTo: k), keep = T.V.load(z + u, upTo: k), new = T.V.load(n + u, upTo: k)
      let d = T.V.load(dnewH + u, upTo: k)
      let dn = d * (1.0 - keep) * (1.0 - new * new)
      (dn * .load(a + u, upTo: k) * (reset * (1.0 - reset))).store(r + u, upTo: k)
      (d * (.load(h + u, upTo: k) - new) * (keep * (1.0 - keep))).store(z + u, upTo: k)
      (dn * reset).store(a + u, upTo: k)
      dn.store(n + u, upTo: k)
      T.V.fma(d, keep, .load(dh + u, upTo: k)).store(dh + u, upTo: k)
    }
    b &+= 1
  }
}

/// The first half of a GRU that resets before the product, as the original paper's: r, z = σ(·), a = r ⊙ h.
///
/// Reference: Cho et al., arXiv:1406.1078.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gruReset<T: Real>(_ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>) {
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), z = r + gate, a = z + gate, h = h.columnPointer(b)
    units(T.self, count: gates.rows) { u, k in
      let (reset, keep) = sigmoids(T.self, .load(r + u, upTo: k), .load(z + u, upTo: k))
      reset.store(r + u, upTo: k)
      keep.store(z + u, upTo: k)
      (reset * .load(h + u, upTo: k)).store(a + u, upTo: k)
    }
    b &+= 1
  }
}

/// The second half: n = tanh(·), h′ = (1 − z) ⊙ n + z ⊙ h, once n holds Wnx·x + Wnh·a + bn.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gruUpdate<T: Real>(_ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, newH: MatrixView<T>) {
  var b = 0
  while b < h.columns {
    let z = gates.columnPointer(b) + gate, n = z + 2 &* gate, h = h.columnPointer(b), newH = newH.columnPointer(b)
    units(T.self, count: gates.rows) { u, k in
      let new = T.tanh(.load(n + u, upTo: k)), keep = T.V.load(z + u, upTo: k)
      new.store(n + u, upTo: k)
      T.V.fma(keep, T.V.load(h + u, upTo: k) - new, new).store(newH + u, upTo: k)
    }
    b &+= 1
  }
}

/// Back through the second half: z becomes dz, n becomes dn, and dh += dh′ z.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gruUpdateBackward<T: Real>(
  _ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, dnewH: MatrixView<T>, dh: MatrixView<T>
) {
  var b = 0
  while b < h.columns {
    let z = gates.columnPointer(b) + gate, n = z + 2 &* gate, h = h.columnPointer(b)
    let dnewH = dnewH.columnPointer(b), dh = dh.columnPointer(b)
    units(T.self, count: gates.rows) { u, k in
      let keep = T.V.load(z + u, upTo: k), new = T.V.load(n + u, upTo: k), d = T.V.load(dnewH + u, upTo: k)
      (d * (1.0 - keep) * (1.0 - new * new)).store(n + u, upTo: k)
      (d * (.load(h + u, upTo: k) - new) * (keep * (1.0 - keep))).store(z + u, upTo: k)
      T.V.fma(d, keep, .load(dh + u, upTo: k)).store(dh + u, upTo: k)
    }
    b &+= 1
  }
}

/// Back through the first half, once da = Wnhᵀ·dn: r becomes dr = da h r(1 − r), and dh += da r.
@_specialize(where T == Float)
@_specialize(where T == Double)
@inline(never)
public func gruResetBackward<T: Real>(
  _ gates: MatrixView<T>, _ h: MatrixView<T>, da: MatrixView<T>, dh: MatrixView<T>
) {
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), h = h.columnPointer(b), da = da.columnPointer(b), dh = dh.columnPointer(b)
    units(T.self, count: gates.rows) { u, k in
      let reset = T.V.load(r + u, upTo: k), d = T.V.load(da + u, upTo: k)
      (d * .load(h + u, upTo: k) * (reset * (1.0 - reset))).store(r + u, upTo: k)
      T.V.fma(d, reset, .load(dh + u, upTo: k)).store(dh + u, upTo: k)
    }
    b &+= 1
  }
}

/// eˣ of three registers of numbers that are not above 0: one look whether any is far below.
@inline(__always)
private func exponentials<T: Real>(_: T.Type, _ x: T.V, _ y: T.V, _ z: T.V) -> (T.V, T.V, T.V) {
  let xy = T.V.select(x, above: y, y, x), lowest = T.V.select(xy, above: z, z, xy)
  if T.V.any(T.V(T(-T.expNormal)), above: lowest) { return (T.farExp(x), T.farExp(y), T.farExp(z)) }
  return (T.nearExp(x), T.nearExp(y), T.nearExp(z))
}

/// σ of two registers of numbers, by one division.
@inline(__always)
private func sigmoids<T: Real>(_: T.Type, _ x: T.V, _ y: T.V) -> (T.V, T.V) {
  let (ex, ey) = (T.exp(T.V.negativeAbs(x)), T.exp(T.V.negativeAbs(y)))
  let (dx, dy) = (1.0 + ex, 1.0 + ey)
  let both = 1.0 / (dx * dy)
  return (T.V.select(0.0, above: x, ex, 1.0) * (both * dy), T.V.select(0.0, above: y, ey, 1.0) * (both * dx))
}

/// Visits units 0..<n a register at a time; the last one may be in part.
@inline(__always)
private func units<T: Real>(_: T.Type, count n: Int, _ body: (_ at: Int, _ lanes: Int) -> Void) {
  var u = 0
  while u &+ T.V.count <= n {
    body(u, T.V.count)
    u &+= T.V.count
  }
  if u < n { body(u, n &- u) }
}
