// Softmax, log-softmax and cross-entropy, column by column.
//
// Scores are shifted by their maximum, so that no exponential overflows: Blanchard, Higham and Higham, Accurately
// computing the log-sum-exp and softmax functions, IMA Journal of Numerical Analysis 41(4), 2021.

/// p = e^(x − max x) / Σ e^(x − max x) in each column. A NaN score makes its column NaN.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func softmax<T: Real>(_ x: MatrixView<T>, to p: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let column = MatrixView(p.columnPointer(j), rows: x.rows, columns: 1, columnStride: x.rows)
    let (_, total) = exponentials(x.columnPointer(j), x.rows, to: column.p)
    let scale = T.V(1 / total)
    map(column, to: column) { $0 * scale }
    j &+= 1
  }
}

/// dx += p ⊙ (dp − Σ p ⊙ dp) in each column.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func softmaxBackward<T: Real>(_ p: MatrixView<T>, dp: MatrixView<T>, dx: MatrixView<T>) {
  var j = 0
  while j < p.columns {
    let p = p.column(j), dp = dp.column(j), dx = dx.column(j)
    let mean = T.V(dot(p, dp))
    map(p, dp, dx, to: dx) { p, dp, dx in T.V.multiplyAdd(p, dp - mean, dx) }
    j &+= 1
  }
}

/// y = x − max x − ln Σ e^(x − max x) in each column.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func logSoftmax<T: Real>(_ x: MatrixView<T>, to y: MatrixView<T>) {
  var j = 0
  while j < x.columns {
    let x = x.column(j), y = y.column(j)
    let (maximum, total) = exponentials(x.p, x.rows, to: y.p)
    let shift = T.V(maximum), log = T.log(T.V(total))
    map(x, to: y) { ($0 - shift) - log }
    j &+= 1
  }
}

/// dx += dy − eʸ Σ dy in each column.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func logSoftmaxBackward<T: Real>(_ y: MatrixView<T>, dy: MatrixView<T>, dx: MatrixView<T>) {
  var j = 0
  while j < y.columns {
    let y = y.column(j), dy = dy.column(j), dx = dx.column(j)
    let total = T.V(sum(dy))
    map(y, dy, dx, to: dx) { y, dy, dx in dx + (dy - T.exp(y) * total) }
    j &+= 1
  }
}

/// Computes −ln p[targets[j], j] for each column j, and the probabilities p for the backward pass.
///
/// −ln p is computed as ln Σ e^(x − max x) − (x − max x), which is finite for all finite scores. A column with a
/// negative target is ignored: its loss and its p are 0.
///
/// - Parameters:
///   - x: [n × d], scores.
///   - targets: d row indices below n, unchecked; negative for an ignored column.
///   - p: [n × d], receives the probabilities.
///   - losses: receives d losses in nats.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func crossEntropy<T: Real>(
  _ x: MatrixView<T>, targets: UnsafePointer<Int32>, to p: MatrixView<T>, losses: UnsafeMutablePointer<T>
) {
  var j = 0
  while j < x.columns {
    let x = x.columnPointer(j), p = p.column(j), target = Int(targets[j])
    if target < 0 {
      fill(p, with: 0)
      losses[j] = 0
    } else {
      let (maximum, total) = exponentials(x, p.rows, to: p.p)
      losses[j] = T.log(T.V(total)).first - (x[target] - maximum)
      let scale = T.V(1 / total)
      map(p, to: p) { $0 * scale }
    }
    j &+= 1
  }
}

/// dx += dy (p − onehot(target)) in each column, for a scalar dy.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func crossEntropyBackward<T: Real>(
  _ p: MatrixView<T>, targets: UnsafePointer<Int32>, dy: T, dx: MatrixView<T>
) {
  accumulate(p, times: dy, into: dx)
  var j = 0
  while j < dx.columns {
    if targets[j] >= 0 { dx.columnPointer(j)[Int(targets[j])] -= dy }
    j &+= 1
  }
}

/// y = e^(x − max x) for n elements. Returns max x and the sum of y.
@inline(__always)
private func exponentials<T: Real>(
  _ x: UnsafeMutablePointer<T>, _ n: Int, to y: UnsafeMutablePointer<T>
) -> (maximum: T, sum: T) {
  var maxima = T.V(x[0])
  var i = 0
  while i &+ T.V.count <= n {
    let v = T.V.load(x + i)
    maxima = T.V.select(v, greaterThan: maxima, v, maxima)
    i &+= T.V.count
  }
  var maximum = maxima.largest
  while i < n {
    if x[i] > maximum { maximum = x[i] }
    i &+= 1
  }
  let shift = T.V(maximum)
  let x = MatrixView(x, rows: n, columns: 1, columnStride: n), y = MatrixView(y, rows: n, columns: 1, columnStride: n)
  map(x, to: y) { T.exp($0 - shift) }
  return (maximum, sum(y))
}
