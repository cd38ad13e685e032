// Probabilities and losses.

import Kernels

/// How a loss over many terms becomes one number.
public enum Reduction: Int32, Sendable {
  /// Their mean.
  case mean = 0
  /// Their sum.
  case sum = 1
}

extension Graph {
  /// e^x / Σ e^x in each column, safe for scores of any size.
  public func softmax(_ m: Mat) throws(RecurrentError) -> Mat { try columnwise(.softmax, m) }

  /// ln softmax in each column, without forming it.
  public func logSoftmax(_ m: Mat) throws(RecurrentError) -> Mat { try columnwise(.logSoftmax, m) }

  /// −ln softmax(scores)[target], over the columns, [1 × 1].
  ///
  /// Finite for all finite scores. The gradient is folded: p − onehot(target), times 1/d for the mean.
  ///
  /// - Parameters:
  ///   - scores: [n × d], n classes by d examples.
  ///   - targets: a class in 0..<n for each column.
  ///   - reduction: the mean over the columns (PyTorch's default), or their sum.
  public func crossEntropy<C: Collection<Int>>(
    _ scores: Mat, _ targets: C, _ reduction: Reduction = .mean
  ) throws(RecurrentError) -> Mat {
    try require(
      targets.count == scores.d, .badShape,
      "crossEntropy needs a target for each column: scores is \(scores.shape), there are \(targets.count) targets")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(scores, "scores")
      let kept = try keep(targets, below: scores.n, "target")
      let factor = reduction == .mean ? 1 / Double(scores.d) : 1
      return try emit(
        .crossEntropy, since: mark, n: 1, d: 1, scalar: factor, scratch: scores.count + scores.d, indices: kept)
    }
  }

  /// Σ factor · −ln p over the columns whose kept target is not negative.
  func crossEntropy(
    _ scores: Mat, kept targets: UnsafeMutablePointer<Int32>, factor: Double
  ) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(scores, "scores")
      return try emit(
        .crossEntropy, since: mark, n: 1, d: 1, scalar: factor, scratch: scores.count + scores.d, indices: targets)
    }
  }

  /// (a − b)² over all elements, [1 × 1]; the mean of them (PyTorch's MSELoss) or the sum.
  public func squaredError(_ a: Mat, _ b: Mat, _ reduction: Reduction = .mean) throws(RecurrentError) -> Mat {
    try require(
      a.n == b.n && a.d == b.d, .badShape,
      "squaredError takes two Mats of one shape: a is \(a.shape), b is \(b.shape)")
    return try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(a, "a")
      try adopt(b, "b")
      let factor = reduction == .mean ? 1 / Double(a.count) : 1
      return try emit(.squaredError, since: mark, n: 1, d: 1, scalar: factor)
    }
  }

  private func columnwise(_ operation: Operation, _ m: Mat) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(m, "m")
      return try emit(operation, since: mark, n: m.n, d: m.d)
    }
  }
}

enum Softmax {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) { softmax(x[0], to: x.y) }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    softmaxBackward(x.y, dp: x.dy, dx: x.d(0))
  }
}

enum LogSoftmax {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) { logSoftmax(x[0], to: x.y) }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    logSoftmaxBackward(x.y, dy: x.dy, dx: x.d(0))
  }
}

enum CrossEntropy {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let scores = x[0], p = x.scratch(scores.n, scores.d), losses = x.scratch(scores.d, 1, at: scores.n * scores.d)
    ThreadPool.run(over: scores.d, numbers: scores.n * scores.d) { some in
      crossEntropy(
        scores.columns(some.lowerBound, some.count), targets: node.indices + some.lowerBound, to: p.columns(some.lowerBound, some.count),
        losses: losses.p + some.lowerBound)
    }
    x.y.p[0] = x.scalar * sum(losses)
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    let p = x.scratch(x[0].n, x[0].d), dx = x.d(0), dy = x.scalar * x.dy.p[0]
    ThreadPool.run(over: p.d, numbers: p.n * p.d) { some in
      crossEntropyBackward(p.columns(some.lowerBound, some.count), targets: node.indices + some.lowerBound, dy: dy, dx: dx.columns(some.lowerBound, some.count))
    }
  }
}

enum SquaredError {
  @inline(__always) static func forward<T: Real>(_ node: Node, _ x: Operands<T>) {
    x.y.p[0] = x.scalar * squaredDistance(x[0], x[1])
  }

  @inline(__always) static func backward<T: Real>(_ node: Node, _ x: Operands<T>) {
    squaredDistanceBackward(x[0], x[1], dy: x.scalar * x.dy.p[0], da: x.d(0), db: x.d(1))
  }
}
