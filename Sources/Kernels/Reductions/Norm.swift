// Reductions for checks: squared norm, the first non-finite and the first negative element, whether all are 0.

/// Returns Σ x², summed in double precision.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func squaredNorm<T: Real>(_ x: MatrixView<T>) -> Double {
  var (s0, s1, s2, s3) = (0.0, 0.0, 0.0, 0.0)
  forEachContiguousRun(x, othersAreContiguous: true) { n, j in
    let x = x.columnPointer(j)
    var i = 0
    while i &+ 4 <= n {
      let (a, b, c, d) = (Double(x[i]), Double(x[i &+ 1]), Double(x[i &+ 2]), Double(x[i &+ 3]))
      s0 += a * a
      s1 += b * b
      s2 += c * c
      s3 += d * d
      i &+= 4
    }
    while i < n {
      s0 += Double(x[i]) * Double(x[i])
      i &+= 1
    }
  }
  return (s0 + s1) + (s2 + s3)
}

/// Returns the row and column of the first infinite or NaN element in column-major order; (−1, −1) if all are finite.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func firstNonFinite<T: Real>(_ x: MatrixView<T>) -> (row: Int, column: Int) {
  var j = 0
  while j < x.columns {
    let column = x.columnPointer(j)
    var i = 0
    while i < x.rows {
      if !column[i].isFinite { return (i, j) }
      i &+= 1
    }
    j &+= 1
  }
  return (-1, -1)
}

/// Returns the row and column of the first element below 0 in column-major order; (−1, −1) without one.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func firstNegative<T: Real>(_ x: MatrixView<T>) -> (row: Int, column: Int) {
  var j = 0
  while j < x.columns {
    let column = x.columnPointer(j)
    var i = 0
    while i < x.rows {
      if column[i] < 0 { return (i, j) }
      i &+= 1
    }
    j &+= 1
  }
  return (-1, -1)
}

/// Returns whether every element is 0. NaN is not 0.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func isZero<T: Real>(_ x: MatrixView<T>) -> Bool {
  var j = 0
  while j < x.columns {
    let column = x.columnPointer(j)
    var i = 0
    while i < x.rows {
      if column[i] != 0 { return false }
      i &+= 1
    }
    j &+= 1
  }
  return true
}
