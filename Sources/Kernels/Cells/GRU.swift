// The element-wise part of a GRU, between its matrix products: one pass over the units, forward and backward.
//
// Gates lie in blocks of rows, `gate` rows from one block to the next. A call may cover a range of units: the same rows of
// each block. The backward pass replaces the gates by the gradients of their pre-activations.
//
// Reference: Cho et al., arXiv:1406.1078, which resets before the product.

/// Computes the gates and the output of a GRU that resets after the product, as PyTorch and cuDNN do.
///
///     r, z = σ(·)    n = tanh(n + r ⊙ a)    h′ = (1 − z) ⊙ n + z ⊙ h
///
/// - Parameters:
///   - gates: blocks r, z (pre-activations), a = Wnh·h + bnh, n = Wnx·x + bn; r, z and n are replaced by the gates.
///   - gate: rows from one block to the next.
///   - h: [H × B], the previous output.
///   - newH: [H × B], receives h′.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gruGates<T: Real>(_ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, newH: MatrixView<T>) {
  // the gates of all columns, then the outputs: in one loop the dependency chain would be too long to overlap with the
  // next vector's
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), z = r + gate, a = z + gate, n = a + gate
    forEachVector(gates.rows, T.self) { u, k in
      let (reset, update) = sigmoids2(T.self, .loadPartial(r + u, count: k), .loadPartial(z + u, count: k))
      reset.storePartial(r + u, count: k)
      update.storePartial(z + u, count: k)
      T.V.fma(reset, .loadPartial(a + u, count: k), .loadPartial(n + u, count: k)).storePartial(n + u, count: k)
    }
    b &+= 1
  }
  gruUpdate(gates, gate: gate, h, newH: newH)
}

/// Computes the gradients of the pre-activations from the gradient of h′, and adds the direct part to that of h.
///
///     dn = dh′ (1 − z)(1 − n²)    dz = dh′ (h − n) z(1 − z)    dr = dn a r(1 − r)    da = dn r    dh += dh′ z
///
/// - Parameters:
///   - gates: blocks r, z, a, n as the forward pass left them; replaced by dr, dz, da, dn.
///   - gate: rows from one block to the next.
///   - h: [H × B], the previous output.
///   - dnewH: [H × B], the gradient of h′.
///   - dh: [H × B], the gradient of h; added to.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gruGatesBackward<T: Real>(
  _ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, dnewH: MatrixView<T>, dh: MatrixView<T>
) {
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), z = r + gate, a = z + gate, n = a + gate
    let h = h.columnPointer(b), dnewH = dnewH.columnPointer(b), dh = dh.columnPointer(b)
    forEachVector(gates.rows, T.self) { u, k in
      let reset = T.V.loadPartial(r + u, count: k), update = T.V.loadPartial(z + u, count: k),
        new = T.V.loadPartial(n + u, count: k)
      let d = T.V.loadPartial(dnewH + u, count: k)
      let dn = d * (1.0 - update) * (1.0 - new * new)
      (dn * .loadPartial(a + u, count: k) * (reset * (1.0 - reset))).storePartial(r + u, count: k)
      (d * (.loadPartial(h + u, count: k) - new) * (update * (1.0 - update))).storePartial(z + u, count: k)
      (dn * reset).storePartial(a + u, count: k)
      dn.storePartial(n + u, count: k)
      T.V.fma(d, update, .loadPartial(dh + u, count: k)).storePartial(dh + u, count: k)
    }
    b &+= 1
  }
}

/// Computes the first half of a GRU that resets before the product: r, z = σ(·), a = r ⊙ h.
///
/// - Parameters:
///   - gates: blocks r, z (pre-activations), a, n; r and z are replaced by the gates, a is written.
///   - gate: rows from one block to the next.
///   - h: [H × B], the previous output.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gruReset<T: Real>(_ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>) {
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), z = r + gate, a = z + gate, h = h.columnPointer(b)
    forEachVector(gates.rows, T.self) { u, k in
      let (reset, update) = sigmoids2(T.self, .loadPartial(r + u, count: k), .loadPartial(z + u, count: k))
      reset.storePartial(r + u, count: k)
      update.storePartial(z + u, count: k)
      (reset * .loadPartial(h + u, count: k)).storePartial(a + u, count: k)
    }
    b &+= 1
  }
}

/// Computes the second half: n = tanh(·), h′ = (1 − z) ⊙ n + z ⊙ h.
///
/// - Parameters:
///   - gates: blocks r, z, a, n, where n holds Wnx·x + Wnh·a + bn; it is replaced by its value.
///   - gate: rows from one block to the next.
///   - h: [H × B], the previous output.
///   - newH: [H × B], receives h′.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gruUpdate<T: Real>(_ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, newH: MatrixView<T>) {
  var b = 0
  while b < h.columns {
    let z = gates.columnPointer(b) + gate, n = z + 2 &* gate, h = h.columnPointer(b), newH = newH.columnPointer(b)
    forEachVector(gates.rows, T.self) { u, k in
      let new = T.tanh(.loadPartial(n + u, count: k)), update = T.V.loadPartial(z + u, count: k)
      new.storePartial(n + u, count: k)
      T.V.fma(update, T.V.loadPartial(h + u, count: k) - new, new).storePartial(newH + u, count: k)
    }
    b &+= 1
  }
}

/// Computes the gradient of the second half: dn = dh′ (1 − z)(1 − n²), dz = dh′ (h − n) z(1 − z), dh += dh′ z.
///
/// - Parameters:
///   - gates: blocks r, z, a, n as the forward pass left them; z and n are replaced by dz and dn.
///   - gate: rows from one block to the next.
///   - h: [H × B], the previous output.
///   - dnewH: [H × B], the gradient of h′.
///   - dh: [H × B], the gradient of h; added to.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gruUpdateBackward<T: Real>(
  _ gates: MatrixView<T>, gate: Int, _ h: MatrixView<T>, dnewH: MatrixView<T>, dh: MatrixView<T>
) {
  var b = 0
  while b < h.columns {
    let z = gates.columnPointer(b) + gate, n = z + 2 &* gate, h = h.columnPointer(b)
    let dnewH = dnewH.columnPointer(b), dh = dh.columnPointer(b)
    forEachVector(gates.rows, T.self) { u, k in
      let update = T.V.loadPartial(z + u, count: k), new = T.V.loadPartial(n + u, count: k),
        d = T.V.loadPartial(dnewH + u, count: k)
      (d * (1.0 - update) * (1.0 - new * new)).storePartial(n + u, count: k)
      (d * (.loadPartial(h + u, count: k) - new) * (update * (1.0 - update))).storePartial(z + u, count: k)
      T.V.fma(d, update, .loadPartial(dh + u, count: k)).storePartial(dh + u, count: k)
    }
    b &+= 1
  }
}

/// Computes the gradient of the first half: dr = da h r(1 − r), dh += da r.
///
/// - Parameters:
///   - gates: the block r as the forward pass left it; replaced by dr.
///   - h: [H × B], the previous output.
///   - da: [H × B], Wnhᵀ·dn.
///   - dh: [H × B], the gradient of h; added to.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func gruResetBackward<T: Real>(
  _ gates: MatrixView<T>, _ h: MatrixView<T>, da: MatrixView<T>, dh: MatrixView<T>
) {
  var b = 0
  while b < h.columns {
    let r = gates.columnPointer(b), h = h.columnPointer(b), da = da.columnPointer(b), dh = dh.columnPointer(b)
    forEachVector(gates.rows, T.self) { u, k in
      let reset = T.V.loadPartial(r + u, count: k), d = T.V.loadPartial(da + u, count: k)
      (d * .loadPartial(h + u, count: k) * (reset * (1.0 - reset))).storePartial(r + u, count: k)
      T.V.fma(d, reset, .loadPartial(dh + u, count: k)).storePartial(dh + u, count: k)
    }
    b &+= 1
  }
}

/// Returns σ(x) and σ(y) with one division: with the denominators a and b and q = 1/(a·b), 1/a = q·b and 1/b = q·a.
@inline(__always)
private func sigmoids2<T: Real>(_: T.Type, _ x: T.V, _ y: T.V) -> (T.V, T.V) {
  let (ex, ey) = (T.exp(T.V.negativeAbs(x)), T.exp(T.V.negativeAbs(y)))
  let (dx, dy) = (1.0 + ex, 1.0 + ey)
  let q = 1.0 / (dx * dy)
  return (T.V.select(0.0, greaterThan: x, ex, 1.0) * (q * dy), T.V.select(0.0, greaterThan: y, ey, 1.0) * (q * dx))
}
