// Reductions of each column to one number: largest and smallest element, Euclidean norm, logarithm of a sum of
// exponentials.

/// A reduction of a column to one number.
public enum ColumnReduction: UInt8, Sendable, CaseIterable {
  case max, min, norm, logsumexp
}

/// y[j] = f(x[:, j]); y is [1 × d]. A NaN in a column makes its result NaN.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func reduceColumns<T: Real>(_ function: ColumnReduction, _ x: MatrixView<T>, to y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let column = x.column(j)
    let value =
      switch function {
      case .max: largest(column, sign: 1)
      case .min: -largest(column, sign: -1)
      case .norm: norm(column)
      case .logsumexp: logsumexp(column)
      }
    y.columnPointer(j)[0] = value
    j &+= 1
  }
}

/// dx[:, j] += dy[j] ∂y[j]/∂x[:, j].
///
/// Equal largest elements have equal shares, as in PyTorch's `amax`. The gradient of a norm of 0 is 0, as is that of a
/// logarithm of a sum of zeros.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func reduceColumnsBackward<T: Real>(
  _ function: ColumnReduction, _ x: MatrixView<T>, _ y: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>
) {
  var j = 0
  while j < x.columns {
    let x = x.column(j), dx = dx.column(j), y = y.columnPointer(j)[0], dy = dy.columnPointer(j)[0]
    let result = T.V(y)
    switch function {
    case .max, .min:
      let count = sumVectors(x.rows, T.self) { sum, i, k in
        sum + T.V.select(T.V.loadPartial(x.p + i, count: k), equals: result, 1.0, 0.0).firstLanes(k)
      }.sum
      // NaN equals no element
      if count > 0 {
        let share = T.V(dy / count)
        map(x, dx, to: dx) { x, dx in T.V.select(x, equals: result, dx + share, dx) }
      }
    case .norm:
      if y != 0 {
        let gradient = T.V(dy)
        map(x, dx, to: dx) { x, dx in T.V.multiplyAdd(gradient, x / result, dx) }
      }
    case .logsumexp:
      if y != -.infinity {
        let gradient = T.V(dy)
        map(x, dx, to: dx) { x, dx in T.V.multiplyAdd(gradient, T.exp(x - result), dx) }
      }
    }
    j &+= 1
  }
}

/// The largest of sign·x in a column; NaN if an element is NaN.
@inline(__always)
private func largest<T: Real>(_ x: MatrixView<T>, sign: T) -> T {
  let signs = T.V(sign)
  var maxima = T.V(sign * x.p[0]), bad: T.V = 0.0, i = 0
  while i &+ T.V.count <= x.rows {
    let v = signs * T.V.load(x.p + i)
    maxima = T.V.select(v, greaterThan: maxima, v, maxima)
    bad = T.V.select(notNaN: v, bad, v)
    i &+= T.V.count
  }
  var largest = bad.sum.isNaN ? .nan : maxima.largest
  while i < x.rows {
    let v = sign * x.p[i]
    if v > largest || v.isNaN { largest = v }
    if largest.isNaN { return largest }
    i &+= 1
  }
  return largest
}

/// √Σx² of a column, scaled by its largest magnitude, so that no square overflows or underflows.
@inline(__always)
private func norm<T: Real>(_ x: MatrixView<T>) -> T {
  let magnitude = largestMagnitude(x), scale = magnitude > 0 && magnitude.isFinite ? magnitude : 1
  let divisor = T.V(scale)
  let squares = sumVectors(x.rows, T.self) { sum, i, k in
    let v = T.V.loadPartial(x.p + i, count: k) / divisor
    return T.V.multiplyAdd(v, v, sum)
  }.sum
  return scale * squares.squareRoot()
}

/// ln Σeˣ of a column, shifted by its largest element; −∞ if all are −∞.
@inline(__always)
private func logsumexp<T: Real>(_ x: MatrixView<T>) -> T {
  let maximum = largest(x, sign: 1), shift = maximum.isFinite ? maximum : 0, shifts = T.V(shift)
  let total = sumVectors(x.rows, T.self) { sum, i, k in
    sum + T.exp(T.V.loadPartial(x.p + i, count: k) - shifts).firstLanes(k)
  }.sum
  return T.log(T.V(total)).first + shift
}
