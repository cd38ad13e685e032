// Matrix products of the matrices of a batch: those of attention.

import Kernels

extension Graph {
  /// Records the matrix products a_b·b_b of B pairs of matrices, PyTorch's `bmm`.
  ///
  /// Column j·B + b of a Mat is column j of its matrix b, as in a sequence column t·B + b is time step t of sequence b. With
  /// keys and values of T time steps of B sequences, [n × T·B], the context of queries q [n × B] is
  ///
  ///     bmm(values, softmax(bmm(keys, q, B, transposeA: true)), B)
  ///
  /// - Parameters:
  ///   - a: [n × k·B]; with `transposeA` [k × n·B], whose matrices are transposed first.
  ///   - b: [k × d·B]; the result is [n × d·B].
  ///   - batches: B, at least 1.
  ///   - transposeA: whether the product is a_bᵀ·b_b.
  /// - Throws: `.badShape` for columns that are no multiple of B, or matrices that do not fit.
  public func bmm(_ a: Mat, _ b: Mat, _ batches: Int, transposeA: Bool = false) throws(RecurrentError) -> Mat {
    try require(
      batches >= 1 && a.d % batches == 0 && b.d % batches == 0, .badShape,
      "batches is out of range; expected a divisor of the numbers of columns \(a.d) and \(b.d), got \(batches)")
    let width = a.d / batches
    try require(
      (transposeA ? a.n : width) == b.n, .badShape,
      "a and b of bmm have incompatible shapes; expected matrices with as many \(transposeA ? "rows" : "columns") in a as "
        + "rows in b, got \(a.shape) and \(b.shape) for \(batches) matrices each")
    return try record(
      BatchedProduct(batches: Int32(batches), transposeA: transposeA), a, b, n: transposeA ? width : a.n, d: b.d)
  }
}

private struct BatchedProduct: GraphOperation {
  let batches: Int32
  let transposeA: Bool

  var name: String { "bmm" }

  func forward<T: Real>(_ args: Operands<T>) {
    let a = args[0], b = args[1], y = args.y
    forEachMatrix(a, b) { i in
      let (a, b, y) = (matrix(i, of: a), matrix(i, of: b), matrix(i, of: y))
      if transposeA {
        fill(y, with: 0)
        gemmBackwardInput(a, dy: b, dx: y)
      } else {
        gemm(a, b, to: y, accumulate: false)
      }
    }
  }

  // y = a·b: da += dy·bᵀ, db += aᵀ·dy; y = aᵀ·b: da += b·dyᵀ, db += a·dy
  func backward<T: Real>(_ args: Operands<T>) {
    let a = args[0], b = args[1], dy = args.dy, da = args.gradient(0), db = args.gradient(1)
    forEachMatrix(a, b) { i in
      let (a, b, dy) = (matrix(i, of: a), matrix(i, of: b), matrix(i, of: dy))
      let (da, db) = (matrix(i, of: da), matrix(i, of: db))
      if transposeA {
        gemmBackwardWeights(dy: b, dy, dw: da)
        gemm(a, dy, to: db, accumulate: true)
      } else {
        gemmBackwardWeights(dy: dy, b, dw: da)
        gemmBackwardInput(a, dy: dy, dx: db)
      }
    }
  }

  /// Calls `body` with the index of each matrix, on several threads. a and b may be one Mat, whose matrices are apart.
  private func forEachMatrix<T: Real>(_ a: MatrixView<T>, _ b: MatrixView<T>, _ body: (Int) -> Void) {
    ThreadPool.run(over: Int(batches), elements: a.rows * a.columns * Swift.max(1, b.columns / Int(batches))) {
      matrices in
      for i in matrices { body(i) }
    }
  }

  /// Matrix i: every `batches`-th column, from i on.
  private func matrix<T: Real>(_ i: Int, of m: MatrixView<T>) -> MatrixView<T> {
    let count = Int(batches)
    return MatrixView(
      m.p + i * m.columnStride, rows: m.rows, columns: m.columns / count, columnStride: count * m.columnStride)
  }

  var backwardReads: BackwardReads { BackwardReads(0, 1) }
}
