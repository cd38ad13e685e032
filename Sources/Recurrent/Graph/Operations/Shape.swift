// Operations that move numbers and change none.

import Kernels

extension Graph {
  /// mᵀ: [n × d] becomes [d × n].
  public func transpose(_ m: Mat) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(m, "m")
      return try emit(.transpose, since: mark, n: m.d, d: m.n)
    }
  }

  /// Mats with the same number of columns, one below the other.
  public func concatRows(_ mats: [Mat]) throws(RecurrentError) -> Mat {
    guard let d = mats.first?.d else { throw RecurrentError(.badShape, "concatRows needs at least one Mat") }
    for (i, m) in mats.enumerated() where m.d != d {
      throw RecurrentError(.badShape, "concatRows needs equal columns: Mat 0 has \(d), Mat \(i) is \(m.shape)")
    }
    return try concat(.concatRows, mats, n: try total(mats) { $0.n }, d: d)
  }

  /// Mats with the same number of rows, side by side.
  public func concatColumns(_ mats: [Mat]) throws(RecurrentError) -> Mat {
    guard let n = mats.first?.n else { throw RecurrentError(.badShape, "concatColumns needs at least one Mat") }
    for (i, m) in mats.enumerated() where m.n != n {
      throw RecurrentError(.badShape, "concatColumns needs equal rows: Mat 0 has \(n), Mat \(i) is \(m.shape)")
    }
    return try concat(.concatColumns, mats, n: n, d: try total(mats) { $0.d })
  }

  /// Rows `start ..< start + count`.
  ///
  /// Policy: slices are views, as in NumPy: they share `w` and `dw` with `m`, cost nothing and record nothing.
  public func sliceRows(_ m: Mat, _ start: Int, _ count: Int) throws(RecurrentError) -> Mat {
    try m.view(row: start, column: 0, n: count, d: m.d)
  }

  /// Columns `start ..< start + count`; a view, as `sliceRows`.
  public func sliceColumns(_ m: Mat, _ start: Int, _ count: Int) throws(RecurrentError) -> Mat {
    try m.view(row: 0, column: start, n: m.n, d: count)
  }

  private func concat(_ operation: Operation, _ mats: [Mat], n: Int, d: Int) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      for m in mats { try adopt(m, "a Mat") }
      return try emit(operation, since: mark, n: n, d: d)
    }
  }

  private func total(_ mats: [Mat], _ size: (Mat) -> Int) throws(RecurrentError) -> Int {
    var total = 0
    for m in mats {
      // each size is below 2³¹, so the sum cannot overflow before this refuses it
      total += size(m)
      try require(total <= Mat.maxCount, .badShape, "the concatenation has more than \(Mat.maxCount) rows or columns")
    }
    return total
  }
}

enum Transpose {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    transpose(x[0], to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    transposeBackward(dy: x.dy, dx: x.d(0))
  }
}

enum ConcatRows {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    var row = 0
    for i in 0..<x.count {
      let part = x[i]
      copy(part, to: MatrixView(x.y.p + row, rows: part.n, columns: part.d, columnStride: x.y.stride))
      row += part.n
    }
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    var row = 0
    for i in 0..<x.count {
      let part = x.d(i)
      accumulate(MatrixView(x.dy.p + row, rows: part.n, columns: part.d, columnStride: x.dy.stride), times: 1, into: part)
      row += part.n
    }
  }
}

enum ConcatColumns {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    var column = 0
    for i in 0..<x.count {
      let part = x[i]
      copy(part, to: MatrixView(x.y.p + column * x.y.stride, rows: part.n, columns: part.d, columnStride: x.y.stride))
      column += part.d
    }
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    var column = 0
    for i in 0..<x.count {
      let part = x.d(i)
      let slope = MatrixView(x.dy.p + column * x.dy.stride, rows: part.n, columns: part.d, columnStride: x.dy.stride)
      accumulate(slope, times: 1, into: part)
      column += part.d
    }
  }
}
