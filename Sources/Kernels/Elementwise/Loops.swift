// Loops over matrix views, a register at a time: the skeleton of every elementwise kernel.
//
// The last register of a run is loaded and stored in part, and computed like every other, so that a
// number's result does not depend on where in the run it stands.

@inline(__always)
func map<T: Real>(_ a: MatrixView<T>, to out: MatrixView<T>, _ f: (T.V) -> T.V) {
  runs(out, a.isContiguous) { n, j in
    let a = a.columnPointer(j), out = out.columnPointer(j)
    registers(n, T.self) { i in
      f(T.V.load(a + i)).store(out + i)
    } part: { i, k in
      f(T.V.load(a + i, first: k)).store(out + i, first: k)
    }
  }
}

@inline(__always)
func map<T: Real>(_ a: MatrixView<T>, _ b: MatrixView<T>, to out: MatrixView<T>, _ f: (T.V, T.V) -> T.V) {
  runs(out, a.isContiguous && b.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j), out = out.columnPointer(j)
    registers(n, T.self) { i in
      f(T.V.load(a + i), T.V.load(b + i)).store(out + i)
    } part: { i, k in
      f(T.V.load(a + i, first: k), T.V.load(b + i, first: k)).store(out + i, first: k)
    }
  }
}

@inline(__always)
func map<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, _ c: MatrixView<T>, to out: MatrixView<T>, _ f: (T.V, T.V, T.V) -> T.V
) {
  runs(out, a.isContiguous && b.isContiguous && c.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j), c = c.columnPointer(j), out = out.columnPointer(j)
    registers(n, T.self) { i in
      f(T.V.load(a + i), T.V.load(b + i), T.V.load(c + i)).store(out + i)
    } part: { i, k in
      f(T.V.load(a + i, first: k), T.V.load(b + i, first: k), T.V.load(c + i, first: k))
        .store(out + i, first: k)
    }
  }
}

@inline(__always)
func map<T: Real>(
  _ a: MatrixView<T>, _ b: MatrixView<T>, _ c: MatrixView<T>, _ d: MatrixView<T>, to out: MatrixView<T>,
  _ f: (T.V, T.V, T.V, T.V) -> T.V
) {
  runs(out, a.isContiguous && b.isContiguous && c.isContiguous && d.isContiguous) { n, j in
    let a = a.columnPointer(j), b = b.columnPointer(j), c = c.columnPointer(j), d = d.columnPointer(j), out = out.columnPointer(j)
    registers(n, T.self) { i in
      f(T.V.load(a + i), T.V.load(b + i), T.V.load(c + i), T.V.load(d + i)).store(out + i)
    } part: { i, k in
      f(
        T.V.load(a + i, first: k), T.V.load(b + i, first: k), T.V.load(c + i, first: k),
        T.V.load(d + i, first: k)
      ).store(out + i, first: k)
    }
  }
}

/// Visits a matrix view column by column, or, where nothing lies between columns, as one long run.
@inline(__always)
func runs<T: Real>(_ out: MatrixView<T>, _ othersAreRuns: Bool, _ body: (_ n: Int, _ column: Int) -> Void) {
  if othersAreRuns && out.isContiguous {
    body(out.rows &* out.columns, 0)
  } else {
    var j = 0
    while j < out.columns {
      body(out.rows, j)
      j &+= 1
    }
  }
}

/// Visits 0..<n in whole registers, then what is left in one part of a register.
@inline(__always)
func registers<T: Real>(_ n: Int, _: T.Type, _ whole: (Int) -> Void, part: (_ at: Int, _ count: Int) -> Void) {
  var i = 0
  while i &+ T.V.count <= n {
    whole(i)
    i &+= T.V.count
  }
  if i < n { part(i, n &- i) }
}
