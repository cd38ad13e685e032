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
      // a large product is worth packing for; its scratch says that it is one, its scalar on how many threads
      let work = 2 * a.n * a.d * b.d
      let threads = max(1, min(ThreadPool.count, work / 2_000_000))
      let scratch = b.d >= 8 && a.count >= 512 ? Product.scratch(a, threads) : 0
      return try emit(
        .product, since: mark, n: a.n, d: b.d, scalar: scratch > 0 ? Double(threads) : 0, scratch: scratch)
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
    if node.scalar == 0 { return gemm(x[0], x[1], to: x.y, accumulate: false) }
    let (a, b, y) = (x[0], x[1], x.y)
    let rows = PanelLayout.contiguous(a.n, T.self), packed = x.scratch(1, 1).p
    ThreadPool.run(Int(node.scalar)) { thread, team in
      let mine = team.share(rows.panels, thread)
      pack(a, rows, panels: mine, to: packed)
      inBlocks(of: b.d) { from, columns in
        T.gemmPacked(
          rows, panels: mine, .zero, Operand(packed, k: a.d, b.p + from * b.stride, columnStride: b.stride), columns: columns,
          to: y.p + from * y.stride, columnStride: y.stride)
      }
    }
  }

  // da = dy·bᵀ, db = aᵀ·dy
  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    if node.scalar == 0 {
      gemmBackwardWeights(dy: x.dy, x[1], dw: x.d(0))
      return gemmBackwardInput(x[0], dy: x.dy, dx: x.d(1))
    }
    let (a, b, dy, da, db) = (x[0], x[1], x.dy, x.d(0), x.d(1))
    let rows = PanelLayout.contiguous(a.d, T.self), packed = x.scratch(1, 1).p
    let outerSize = rankKUpdateScratch(rows: a.n, columns: a.d, T.self)
    let outerAt = max(packedCount(.contiguous(a.n, T.self), k: a.d, T.self), packedCount(rows, k: a.n, T.self))
    ThreadPool.run(Int(node.scalar)) { thread, team in
      let ofA = team.share(PanelLayout.contiguous(a.n, T.self).panels, thread), ofB = team.share(rows.panels, thread)
      rankKUpdate(dy, b, into: da, panels: ofA, scratch: packed + outerAt + thread * outerSize)
      packTransposed(a, panels: ofB, to: packed)
      // a and b may be one Mat: its gradient gets one product, then the other
      team.barrier()
      inBlocks(of: b.d) { from, columns in
        let to = db.p + from * db.stride
        T.gemmPacked(
          rows, panels: ofB, .matrix(to, columnStride: db.stride),
          Operand(packed, k: a.n, dy.p + from * dy.stride, columnStride: dy.stride), columns: columns, to: to,
          columnStride: db.stride)
      }
    }
  }

  /// Numbers of scratch: the packed matrix or its transpose, and what its gradient needs on each thread.
  static func scratch(_ a: Mat, _ threads: Int) -> Int {
    func count<T: Real>(_: T.Type) -> Int {
      max(packedCount(.contiguous(a.n, T.self), k: a.d, T.self), packedCount(.contiguous(a.d, T.self), k: a.n, T.self))
        + threads * rankKUpdateScratch(rows: a.n, columns: a.d, T.self)
    }
    return a.dtype == .float32 ? count(Float.self) : count(Double.self)
  }

  /// A few columns at a time, which stay in the near cache while the panels pass.
  @inline(__always) private static func inBlocks(of columns: Int, _ body: (_ from: Int, _ count: Int) -> Void) {
    var from = 0
    while from < columns {
      body(from, min(48, columns - from))
      from += 48
    }
  }
}

enum Pluck {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    gatherRows(x[0], rows: node.indices, to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    scatterRows(dy: x.dy, rows: node.indices, dm: x.d(0))
  }
}
