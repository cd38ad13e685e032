// The matrix product.

import Kernels

extension Graph {
  /// Records the matrix product a·b: [n × k]·[k × d] is [n × d].
  ///
  /// - Throws: `.badShape` unless `a` has as many columns as `b` has rows.
  public func mul(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    try require(
      a.d == b.n, .badShape,
      "a and b of mul have incompatible shapes; expected as many columns in a as rows in b, got \(a.shape) and "
        + "\(b.shape)")
    let product = Product(a, b)
    return try record(product, a, b, n: a.n, d: b.d, scratch: product.scratch(a))
  }
}

private struct Product: GraphOperation {
  /// The number of threads of a product whose left operand is packed; 0 for a product that reads it in place.
  let threads: Int

  var name: String { "mul" }

  /// A product of 8 columns and 512 elements of `a` repays packing; a thread is worth 2 000 000 operations.
  init(_ a: Mat, _ b: Mat) {
    let work = 2 * a.n * a.d * b.d
    threads = b.d >= 8 && a.count >= 512 ? max(1, min(ThreadPool.count, work / 2_000_000)) : 0
  }

  func forward<T: Real>(_ args: Operands<T>) {
    if threads == 0 { return gemm(args[0], args[1], to: args.y, accumulate: false) }
    let (a, b, y) = (args[0], args[1], args.y)
    let rows = PanelLayout.contiguous(a.rows, T.self), packed = args.scratch(1, 1).p
    let progress = Progress()
    ThreadPool.run(threads) { thread, team in
      let panels = team.share(rows.panels, thread)
      pack(a, rows, panels: panels, to: packed)
      // 48 columns at a time stay in the first-level cache while the panels pass
      progress.inBlocks(of: b.columns, 48, work: a.rows * a.columns, thread) { from, columns in
        T.gemmPacked(
          rows, panels: panels, .zero,
          Operand(packed, k: a.columns, b.p + from * b.columnStride, columnStride: b.columnStride),
          columns: columns, to: y.p + from * y.columnStride, columnStride: y.columnStride)
      }
    }
  }

  // da += dy·bᵀ, db += aᵀ·dy
  func backward<T: Real>(_ args: Operands<T>) {
    if threads == 0 {
      gemmBackwardWeights(dy: args.dy, args[1], dw: args.gradient(0))
      return gemmBackwardInput(args[0], dy: args.dy, dx: args.gradient(1))
    }
    let (a, b, dy, da, db) = (args[0], args[1], args.dy, args.gradient(0), args.gradient(1))
    let rowsA = PanelLayout.contiguous(a.rows, T.self), rowsB = PanelLayout.contiguous(a.columns, T.self)
    let packed = args.scratch(1, 1).p
    let updateSize = rankKUpdateScratch(rows: a.rows, columns: a.columns, T.self)
    let updateStart = max(packedCount(rowsA, k: a.columns, T.self), packedCount(rowsB, k: a.rows, T.self))
    let progress = Progress(), none = MatrixView(packed, rows: 0, columns: 0, columnStride: 0)
    ThreadPool.run(threads) { thread, team in
      let panelsA = team.share(rowsA.panels, thread), panelsB = team.share(rowsB.panels, thread)
      progress.rankKUpdate(
        dy, b, into: da, and: none, into: none, panels: panelsA, scratch: packed + updateStart + thread * updateSize,
        thread)
      packTransposed(a, panels: panelsB, to: packed)
      // a and b may be one Mat: its gradient receives one product, then the other
      team.barrier()
      progress.inBlocks(of: b.columns, 48, work: a.rows * a.columns, thread) { from, columns in
        let to = db.p + from * db.columnStride
        T.gemmPacked(
          rowsB, panels: panelsB, .matrix(to, columnStride: db.columnStride),
          Operand(packed, k: a.rows, dy.p + from * dy.columnStride, columnStride: dy.columnStride), columns: columns,
          to: to,
          columnStride: db.columnStride)
      }
    }
  }

  /// Elements of scratch: the packed left operand or its transpose, and one rank-k update per thread.
  func scratch(_ a: Mat) -> Int {
    func count<T: Real>(_: T.Type) -> Int {
      max(packedCount(.contiguous(a.n, T.self), k: a.d, T.self), packedCount(.contiguous(a.d, T.self), k: a.n, T.self))
        + threads * rankKUpdateScratch(rows: a.n, columns: a.d, T.self)
    }
    if threads == 0 { return 0 }
    return a.dtype == .float32 ? count(Float.self) : count(Double.self)
  }

  var backwardReads: BackwardReads { BackwardReads(0, 1) }

  var recordedOperation: RecordedOperation? { .product }
}
