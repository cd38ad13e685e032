// Attention over the past: of each time step a mean of the values of the time steps before it, weighted by how well their
// keys match a query.
//
// The weights are computed again in the backward pass, so that the tape does not grow with the square of the time steps:
// Dao et al., arXiv:2205.14135.

/// Rows of a column at each time step from 0 on.
private struct Past<T: Real> {
  let p: UnsafeMutablePointer<T>, step: Int, rows: Int

  @inline(__always) init(_ operand: MicroOperand<T>, column: Int, rows: Int) {
    p = operand.p + column &* operand.origin
    (step, self.rows) = (operand.step, rows)
  }

  @inline(__always) subscript(s: Int) -> MatrixView<T> {
    MatrixView(p + s &* step, rows: rows, columns: 1, columnStride: rows)
  }
}

/// Σ eˣ of scores that come one by one, shifted by the largest so far.
private struct Exponentials<T: Real> {
  private(set) var largest: T, total: T = 1

  /// - Parameter score: the first one.
  @inline(__always) init(_ score: T) { largest = score }

  /// Adds a score.
  ///
  /// - Returns: its exponential, and the factor of what was added before.
  @inline(__always) mutating func add(_ score: T) -> (weight: T, scale: T) {
    var (weight, scale) = (1 as T, 1 as T)
    if score > largest {
      scale = Exponentials.exp(largest - score)
      largest = score
    } else {
      // of NaN too, which then stays
      weight = Exponentials.exp(score - largest)
    }
    total = total * scale + weight
    return (weight, scale)
  }

  /// The share of a score.
  @inline(__always) func share(_ score: T) -> T { Exponentials.exp(score - largest) / total }

  @inline(__always) private static func exp(_ x: T) -> T { T.exp(T.V(x)).first }
}

extension MicroLoop {
  /// y = Σ pₛ vₛ with p = softmax(q · kₛ) over the time steps s = 0 … t, for q = a, k = b and v = c.
  @inline(never) func attend() {
    let rows = i.pointee.rows, q = columns(i.pointee.a), y = columns(i.pointee.y)
    forEachColumn { j in
      let keys = Past(i.pointee.b, column: first &+ j, rows: rows)
      let values = Past(i.pointee.c, column: first &+ j, rows: rows)
      let q = view(q[j]), y = view(y[j])
      var sum = Exponentials(dot(q, keys[0]))
      copy(values[0], to: y)
      var s = 1
      while s <= t {
        let (weight, scale) = sum.add(dot(q, keys[s])), w = T.V(weight), factor = T.V(scale)
        Kernels.map(y, values[s], to: y) { y, v in T.V.multiplyAdd(w, v, y * factor) }
        s &+= 1
      }
      let factor = T.V(1 / sum.total)
      Kernels.map(y, to: y) { $0 * factor }
    }
  }

  /// The gradients of `attend` from dy = a, with q = b, k = c, v = d and its result e: y = dq; those of k and of v are added
  /// to the next operands.
  @inline(never) func attendBackward() {
    let rows = i.pointee.rows, dy = columns(i.pointee.a), q = columns(i.pointee.b), result = columns(i.pointee.e)
    let dq = columns(i.pointee.y)
    forEachColumn { j in
      let column = first &+ j
      let keys = Past(i.pointee.c, column: column, rows: rows), values = Past(i.pointee.d, column: column, rows: rows)
      let dKeys = Past(i.pointee.rest[0], column: column, rows: rows)
      let dValues = Past(i.pointee.rest[1], column: column, rows: rows)
      let dy = view(dy[j]), q = view(q[j]), dq = view(dq[j])
      var sum = Exponentials(dot(q, keys[0])), s = 1
      while s <= t {
        _ = sum.add(dot(q, keys[s]))
        s &+= 1
      }
      let mean = dot(dy, view(result[j]))
      fill(dq, with: 0)
      s = 0
      while s <= t {
        let share = sum.share(dot(q, keys[s])), dScore = T.V(share * (dot(dy, values[s]) - mean)), p = T.V(share)
        Kernels.map(dy, dValues[s], to: dValues[s]) { T.V.multiplyAdd(p, $0, $1) }
        Kernels.map(q, dKeys[s], to: dKeys[s]) { T.V.multiplyAdd(dScore, $0, $1) }
        Kernels.map(keys[s], dq, to: dq) { T.V.multiplyAdd(dScore, $0, $1) }
        s &+= 1
      }
    }
  }

  @inline(__always) private func view(_ p: UnsafeMutablePointer<T>) -> MatrixView<T> {
    MatrixView(p, rows: i.pointee.rows, columns: 1, columnStride: i.pointee.rows)
  }
}
