// Loops over matrix views, one vector at a time: the skeleton of every element-wise kernel.
//
// The last vector of a column may be partial. It is computed like the others, so that the result of an element does
// not depend on its index.

/// Calls `body` for the elements 0..<n, one vector at a time: with the index of its first element and its number of
/// elements, which is below `T.V.count` for the last vector only.
///
/// `body` is inlined twice. In the first copy `count` is a constant, so that its partial loads and stores are whole.
@inline(__always)
func forEachVector<T: Real>(_ n: Int, _: T.Type, _ body: (_ index: Int, _ count: Int) -> Void) {
  var i = 0
  while i &+ T.V.count <= n {
    body(i, T.V.count)
    i &+= T.V.count
  }
  if i < n { body(i, n &- i) }
}

/// The sum of 0..<n elements' terms, one vector at a time: `add` returns a partial sum with the terms of `count` elements
/// from `index` on.
///
/// There are four partial sums, so that an addition does not wait for the one before it.
@inline(__always)
func sumVectors<T: Real>(_ n: Int, _: T.Type, _ add: (_ partial: T.V, _ index: Int, _ count: Int) -> T.V) -> T.V {
  var (a, b, c, d) = (0.0 as T.V, 0.0 as T.V, 0.0 as T.V, 0.0 as T.V)
  var i = 0
  while i &+ 4 &* T.V.count <= n {
    a = add(a, i, T.V.count)
    b = add(b, i &+ T.V.count, T.V.count)
    c = add(c, i &+ 2 &* T.V.count, T.V.count)
    d = add(d, i &+ 3 &* T.V.count, T.V.count)
    i &+= 4 &* T.V.count
  }
  while i &+ T.V.count <= n {
    a = add(a, i, T.V.count)
    i &+= T.V.count
  }
  if i < n { b = add(b, i, n &- i) }
  return (a + b) + (c + d)
}

/// Calls `body` for each column of a view, or once for all its elements if it and the other views of the loop are
/// contiguous.
@inline(__always)
func forEachContiguousRun<T: Real>(
  _ out: MatrixView<T>, othersAreContiguous: Bool, _ body: (_ n: Int, _ column: Int) -> Void
) {
  if othersAreContiguous && out.isContiguous {
    body(out.rows &* out.columns, 0)
  } else {
    var j = 0
    while j < out.columns {
      body(out.rows, j)
      j &+= 1
    }
  }
}

/// out = f(a), element by element.
@inline(__always)
func map<T: Real>(_ a: MatrixView<T>, to out: MatrixView<T>, _ f: (T.V) -> T.V) {
  forEachContiguousRun(out, othersAreContiguous: a.isContiguous) { n, j in
    let a = a.columnPointer(j), out = out.columnPointer(j)
    forEachVector(n, T.self) { i, k in
      f(.loadPartial(a + i, count: k)).storePartial(out + i, count: k)
    }
  }
}

/// out = f(a, b), element by element.
@inline(__always)
func map<T: Real>(_ a: MatrixView<T>, _ b: MatrixView<T>, to out: MatrixView<T>, _ f: (T.V, T.V) -> T.V) {
  forEachContiguousRun(out, othersAreContiguous: a.isContiguous && b.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j), out = out.columnPointer(j)
    forEachVector(n, T.self) { i, k in
      f(.loadPartial(a + i, count: k), .loadPartial(b + i, count: k)).storePartial(out + i, count: k)
    }
  }
}

/// out = f(a, b, c), element by element.
@inline(__always)
func map<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, _ c: MatrixView<T>, to out: MatrixView<T>, _ f: (T.V, T.V, T.V) -> T.V
) {
  forEachContiguousRun(out, othersAreContiguous: a.isContiguous && b.isContiguous && c.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j), c = c.columnPointer(j), out = out.columnPointer(j)
    forEachVector(n, T.self) { i, k in
      f(.loadPartial(a + i, count: k), .loadPartial(b + i, count: k), .loadPartial(c + i, count: k))
        .storePartial(out + i, count: k)
    }
  }
}

/// out = f(a, b, c, d), element by element.
@inline(__always)
func map<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, _ c: MatrixView<T>, _ d: MatrixView<T>, to out: MatrixView<T>,
  _ f: (T.V, T.V, T.V, T.V) -> T.V
) {
  let areContiguous = a.isContiguous && b.isContiguous && c.isContiguous && d.isContiguous
  forEachContiguousRun(out, othersAreContiguous: areContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j), c = c.columnPointer(j), d = d.columnPointer(j)
    let out = out.columnPointer(j)
    forEachVector(n, T.self) { i, k in
      f(
        .loadPartial(a + i, count: k), .loadPartial(b + i, count: k), .loadPartial(c + i, count: k),
        .loadPartial(d + i, count: k)
      ).storePartial(out + i, count: k)
    }
  }
}
