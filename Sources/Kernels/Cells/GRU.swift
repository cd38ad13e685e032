// The element-wise part of a GRU that resets after the product, as PyTorch and cuDNN do, as two superinstructions: one
// pass over the units, forward and backward.
//
// Reference: Cho et al., arXiv:1406.1078, which resets before the product.

extension MicroLoop {
  /// The forward pass.
  ///
  ///     r, z = σ(·)    n = tanh(u + r ⊙ a)    h′ = n + z ⊙ (h − n)
  ///
  /// Operands: r, z, which are pre-activations and become gates; a, u; n and h − n, which are written; h. The result is h′.
  @inline(never) func gru() {
    let rows = i.pointee.rows
    let r = columns(i.pointee.a), z = columns(i.pointee.b), a = columns(i.pointee.c), u = columns(i.pointee.d)
    let n = columns(i.pointee.e), difference = columns(i.pointee.rest[0]), h = columns(i.pointee.rest[1])
    let newH = columns(i.pointee.y)
    // the gates of all columns, then the outputs: in one loop the dependency chain would be too long to overlap with the
    // next vector's
    forEachColumn { j in
      let r = r[j], z = z[j], a = a[j], u = u[j], n = n[j]
      forEachVector(rows, T.self) { i, k in
        let (reset, update) = sigmoids2(T.self, .loadPartial(r + i, count: k), .loadPartial(z + i, count: k))
        reset.storePartial(r + i, count: k)
        update.storePartial(z + i, count: k)
        T.V.multiplyAdd(reset, .loadPartial(a + i, count: k), .loadPartial(u + i, count: k)).storePartial(
          n + i, count: k)
      }
    }
    forEachColumn { j in
      let z = z[j], n = n[j], difference = difference[j], h = h[j], newH = newH[j]
      forEachVector(rows, T.self) { i, k in
        let new = T.tanh(.loadPartial(n + i, count: k)), change = T.V.loadPartial(h + i, count: k) - new
        new.storePartial(n + i, count: k)
        change.storePartial(difference + i, count: k)
        T.V.multiplyAdd(.loadPartial(z + i, count: k), change, new).storePartial(newH + i, count: k)
      }
    }
  }

  /// The gradients of the pre-activations, of a and u, and of h.
  ///
  ///     du = dh′ (1 − z)(1 − n²)    dz = dh′ (h − n) z(1 − z)    dr = du a r(1 − r)    da = du r    dh = dh′ z + initial
  ///
  /// Operands: dh′; what the gradient of h begins with; r, z, a, n, h − n; dr, dz, da, du, which are written. The result is
  /// dh.
  @inline(never) func gruBackward() {
    let rows = i.pointee.rows
    let dnewH = columns(i.pointee.a), initial = columns(i.pointee.b), r = columns(i.pointee.c), z = columns(i.pointee.d)
    let a = columns(i.pointee.e), n = columns(i.pointee.rest[0]), difference = columns(i.pointee.rest[1])
    let dr = columns(i.pointee.rest[2]), dz = columns(i.pointee.rest[3]), da = columns(i.pointee.rest[4])
    let du = columns(i.pointee.rest[5]), dh = columns(i.pointee.y)
    forEachColumn { j in
      let dnewH = dnewH[j], initial = initial[j], r = r[j], z = z[j], a = a[j], n = n[j], difference = difference[j]
      let dr = dr[j], dz = dz[j], da = da[j], du = du[j], dh = dh[j]
      forEachVector(rows, T.self) { i, k in
        let reset = T.V.loadPartial(r + i, count: k), update = T.V.loadPartial(z + i, count: k)
        let new = T.V.loadPartial(n + i, count: k), d = T.V.loadPartial(dnewH + i, count: k), kept = d * update
        let dn = (d - kept) * (1.0 - new * new), product = T.V.loadPartial(a + i, count: k)
        let change = T.V.loadPartial(difference + i, count: k), start = T.V.loadPartial(initial + i, count: k)
        // a result may replace an operand: all are read by now
        (d * change * (update * (1.0 - update))).storePartial(dz + i, count: k)
        (kept + start).storePartial(dh + i, count: k)
        dn.storePartial(du + i, count: k)
        (dn * reset).storePartial(da + i, count: k)
        (dn * product * (reset * (1.0 - reset))).storePartial(dr + i, count: k)
      }
    }
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
