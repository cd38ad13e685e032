// Many numbers to few: sums, means, products.

import Kernels

/// What a reduction runs over.
public enum Axis: Int32, Sendable {
  /// Everything: the result is [1 × 1].
  case all = -1
  /// The rows of each column: [1 × d], as NumPy's `axis=0`.
  case rows = 0
  /// The columns of each row: [n × 1], as NumPy's `axis=1`.
  case columns = 1
}

extension Graph {
  /// Σ m over `axis`.
  public func sum(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat {
    try reduce(m, axis, factor: 1)
  }

  /// The mean of m over `axis`.
  public func mean(_ m: Mat, over axis: Axis = .all) throws(RecurrentError) -> Mat {
    switch axis {
    case .all: try reduce(m, axis, factor: 1 / Double(m.count))
    case .rows: try reduce(m, axis, factor: 1 / Double(m.n))
    case .columns: try reduce(m, axis, factor: 1 / Double(m.d))
    }
  }

  /// Σ a ⊙ b, [1 × 1].
  public func dot(_ a: Mat, _ b: Mat) throws(RecurrentError) -> Mat {
    try require(
      a.n == b.n && a.d == b.d, .badShape, "dot takes two Mats of one shape: a is \(a.shape), b is \(b.shape)")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(a, "a")
      try adopt(b, "b")
      return try emit(.dot, since: mark, n: 1, d: 1)
    }
  }

  private func reduce(_ m: Mat, _ axis: Axis, factor: Double) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(m, "m")
      switch axis {
      case .all: return try emit(.sumAll, since: mark, n: 1, d: 1, scalar: factor)
      case .rows: return try emit(.sumRows, since: mark, n: 1, d: m.d, scalar: factor)
      case .columns: return try emit(.sumColumns, since: mark, n: m.n, d: 1, scalar: factor)
      }
    }
  }
}

enum SumAll {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    x.y.p[0] = x.scalar * sum(x[0])
  }

  // every number has the same slope: one row of gradients, the same for every column
  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let dx = x.d(0)
    sumRowsBackward(dy: MatrixView(x.dy.p, rows: 1, columns: dx.d, columnStride: 0), times: x.scalar, dx: dx)
  }
}

enum SumRows {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    sumRows(x[0], times: x.scalar, to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    sumRowsBackward(dy: x.dy, times: x.scalar, dx: x.d(0))
  }
}

enum SumColumns {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    sumColumns(x[0], times: x.scalar, to: x.y)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let dx = x.d(0)
    accumulate(MatrixView(x.dy.p, rows: dx.n, columns: dx.d, columnStride: 0), times: x.scalar, into: dx)
  }
}

enum Dot {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    x.y.p[0] = dot(x[0], x[1])
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    accumulate(x[1], times: x.dy.p[0], into: x.d(0))
    accumulate(x[0], times: x.dy.p[0], into: x.d(1))
  }
}
