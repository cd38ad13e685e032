// The matrix product, and rows looked up by number.

import Kernels

extension Graph {
  /// The matrix product a·b: [n × k]·[k × d] is [n × d].
  ///
  /// - Throws: `.badShape` unless a has as many columns as b has rows.
  public func mul(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    try require(
      a.d == b.n, .badShape, "mul needs as many columns in a as rows in b: a is \(a.shape), b is \(b.shape)")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(a, "a")
      try adopt(b, "b")
      return try emit(.product, since: mark, n: a.n, d: b.d)
    }
  }

  /// Row `ix` of m, as a column [d × 1].
  public func rowPluck(_ m: Mat, _ ix: Int) throws(RecurrentError) -> Mat {
    try rowPluck(m, CollectionOfOne(ix))
  }

  /// The rows `rows` of m, as the columns of a [d × rows.count] Mat: an embedding's lookup.
  ///
  /// A row that comes twice collects both gradients.
  ///
  /// - Throws: `.badIndex` naming the first index outside 0..<m.n, `.badShape` if there is none.
  public func rowPluck<C: Collection<Int>>(_ m: Mat, _ rows: C) throws(RecurrentError) -> Mat {
    try require(!rows.isEmpty, .badShape, "rowPluck needs at least one row number")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(m, "m")
      let kept = try keep(rows, below: m.n, "row")
      return try emit(.pluck, since: mark, n: m.d, d: rows.count, indices: kept)
    }
  }

  /// As `rowPluck`, with row numbers that `keep` has checked.
  func rowPluck(_ m: Mat, kept rows: UnsafeMutablePointer<Int32>, _ count: Int) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(m, "m")
      return try emit(.pluck, since: mark, n: m.d, d: count, indices: rows)
    }
  }
}

enum Product {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    multiply(x[0], x[1], to: x.y, accumulate: false)
  }

  // da = dy·bᵀ, db = aᵀ·dy
  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    multiplyBackward(dy: x.dy, x[1], dw: x.d(0))
    multiplyBackward(x[0], dy: x.dy, dx: x.d(1))
  }
}

enum Pluck {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    pluck(x[0], rows: node.indices, to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    pluckBackward(dy: x.dy, rows: node.indices, dm: x.d(0))
  }
}
