// Bounds of the elements of a matrix.

/// Returns the largest |x|; NaN or infinity if an element is not finite.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func largestMagnitude<T: Real>(_ x: MatrixView<T>) -> T { largestBits(x) { T.V.abs($0) } }

/// Returns the largest x if all are at least 0; otherwise a number below 0, infinity or NaN. −0 counts as below 0.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func largestOfSquares<T: Real>(_ x: MatrixView<T>) -> T { largestBits(x) { $0 } }

/// Returns the element of f(x) with the largest bits as an unsigned integer.
@inline(__always)
private func largestBits<T: Real>(_ x: MatrixView<T>, _ f: (T.V) -> T.V) -> T {
  var (m0, m1): (T.V, T.V) = (0.0, 0.0)
  forEachContiguousRun(x, othersAreContiguous: true) { n, j in
    let x = x.columnPointer(j)
    var i = 0
    while i &+ 8 &* T.V.count <= n {
      let p = x + i
      m0 = T.V.largerBits(m0, f(T.V.load(p)))
      m1 = T.V.largerBits(m1, f(T.V.load(p + T.V.count)))
      m0 = T.V.largerBits(m0, f(T.V.load(p + 2 &* T.V.count)))
      m1 = T.V.largerBits(m1, f(T.V.load(p + 3 &* T.V.count)))
      m0 = T.V.largerBits(m0, f(T.V.load(p + 4 &* T.V.count)))
      m1 = T.V.largerBits(m1, f(T.V.load(p + 5 &* T.V.count)))
      m0 = T.V.largerBits(m0, f(T.V.load(p + 6 &* T.V.count)))
      m1 = T.V.largerBits(m1, f(T.V.load(p + 7 &* T.V.count)))
      i &+= 8 &* T.V.count
    }
    while i < n {
      m0 = T.V.largerBits(m0, f(.loadPartial(x + i, count: min(T.V.count, n &- i))))
      i &+= T.V.count
    }
  }
  return T.V.largerBits(m0, m1).largestBits
}
