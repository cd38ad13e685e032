// Losses.

import Kernels

extension Graph {
  /// Records −ln softmax(scores)[target] over the columns, [1 × 1].
  ///
  /// Finite for all finite scores. The gradient is that of softmax and logarithm together: p − onehot(target), times
  /// 1/d for the mean.
  ///
  /// - Parameters:
  ///   - scores: [n × d], n classes by d examples.
  ///   - targets: a class in 0..<n for each column.
  ///   - reduction: the mean over the columns (PyTorch's default), or the sum.
  @_specialize(where C == [Int])
  @_specialize(where C == UnsafeBufferPointer<Int>)
  public func crossEntropy<C: Collection<Int>>(
    _ scores: Mat, _ targets: C, _ reduction: Reduction = .mean
  ) throws(RecurrentError) -> Mat {
    try require(
      targets.count == scores.d, .badShape,
      "targets has the wrong length; expected \(scores.d), one for each column of scores (\(scores.shape)), got "
        + "\(targets.count)")
    return try crossEntropy(scores, factor: reduction.factor(scores.d)) { () throws(RecurrentError) in
      try copyIndices(targets, count: scores.d, below: scores.n, "targets")
    }
  }

  /// Records Σ factor · −ln p over the columns whose target, checked by `copyIndices`, is not negative.
  func crossEntropy(
    _ scores: Mat, targets: UnsafeMutablePointer<Int32>, factor: Double
  ) throws(RecurrentError) -> Mat {
    try crossEntropy(scores, factor: factor) { targets }
  }

  private func crossEntropy(
    _ scores: Mat, factor: Double, _ targets: () throws(RecurrentError) -> UnsafeMutablePointer<Int32>
  ) throws(RecurrentError) -> Mat {
    try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(scores, "scores")
      return try appendNode(
        CrossEntropy(targets: try targets(), factor: factor), since: mark, n: 1, d: 1,
        scratch: scores.count + scores.d)
    }
  }

  /// Records (a − b)² over all elements, [1 × 1]: the mean (PyTorch's MSELoss) or the sum.
  public func squaredError(_ a: Mat, _ b: Mat, _ reduction: Reduction = .mean) throws(RecurrentError) -> Mat {
    try require(
      a.n == b.n && a.d == b.d, .badShape,
      "a and b of squared_error have incompatible shapes; expected equal shapes, got \(a.shape) and \(b.shape)")
    return try record(SquaredError(factor: reduction.factor(a.count)), a, b, n: 1, d: 1)
  }
}

private struct CrossEntropy: GraphOperation {
  let targets: UnsafeMutablePointer<Int32>
  let factor: Double

  var name: String { "cross_entropy" }

  func forward<T: Real>(_ args: Operands<T>) {
    let scores = args[0], p = args.scratch(scores.rows, scores.columns)
    let losses = args.scratch(scores.columns, 1, at: scores.rows * scores.columns)
    ThreadPool.run(over: scores.columns, elements: scores.rows * scores.columns) { columns in
      let (from, count) = (columns.lowerBound, columns.count)
      Kernels.crossEntropy(
        scores.columns(from, count), targets: targets + from, to: p.columns(from, count), losses: losses.p + from)
    }
    args.y.p[0] = T(factor) * sum(losses)
  }

  func backward<T: Real>(_ args: Operands<T>) {
    let p = args.scratch(args[0].rows, args[0].columns), dx = args.gradient(0), dy = T(factor) * args.dy.p[0]
    ThreadPool.run(over: p.columns, elements: p.rows * p.columns) { columns in
      let (from, count) = (columns.lowerBound, columns.count)
      crossEntropyBackward(
        p.columns(from, count), targets: targets + from, dy: dy, dx: dx.columns(from, count))
    }
  }

  var backwardReads: BackwardReads { BackwardReads() }
}

private struct SquaredError: GraphOperation {
  let factor: Double

  var name: String { "squared_error" }

  func forward<T: Real>(_ args: Operands<T>) {
    args.y.p[0] = T(factor) * squaredDistance(args[0], args[1])
  }

  func backward<T: Real>(_ args: Operands<T>) {
    squaredDistanceBackward(
      args[0], args[1], dy: T(factor) * args.dy.p[0], da: args.gradient(0), db: args.gradient(1))
  }

  var backwardReads: BackwardReads { BackwardReads(0, 1) }
}
