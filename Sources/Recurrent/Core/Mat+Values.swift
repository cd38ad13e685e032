// Mats filled, copied and looked into.

import Kernels

extension Mat {
  /// From numbers in reading order, row by row.
  public init(_ n: Int, _ d: Int, _ dtype: DType = .float32, rows values: [Double]) throws(RecurrentError) {
    try self.init(n, d, dtype)
    try set(rows: values)
  }

  /// A copy of `count` numbers of type `dtype` in memory, column by column.
  public init(_ n: Int, _ d: Int, _ dtype: DType, columns w: UnsafeRawPointer, count: Int) throws(RecurrentError) {
    try Mat.check(n, d)
    try require(count == n * d, .badShape, "\(count) values for a \(n) x \(d) Mat; expected \(n * d)")
    try self.init(n, d, dtype)
    wStart.copyMemory(from: w, byteCount: count * dtype.size)
  }

  /// Uniform on [`low`, `high`): each number is `low + (high − low)·u`, `u` one draw, in column-major order.
  ///
  /// float32 draws the same numbers as float64 and rounds them.
  public func fillUniform(
    _ low: Double, _ high: Double, _ random: Random
  ) throws(RecurrentError) {
    try require(
      low.isFinite && high.isFinite && (high - low).isFinite, .badValue,
      "uniform bounds are \(low) and \(high); expected finite numbers")
    try fill { random.uniform(low, high) }
  }

  /// Normal with `mean` and standard deviation `std`, in column-major order.
  public func fillGaussian(
    _ mean: Double, _ std: Double, _ random: Random
  ) throws(RecurrentError) {
    try require(mean.isFinite, .badValue, "mean is \(mean); expected a finite number")
    try require(std, "std", in: 0 ... .infinity)
    try fill { random.gaussian(mean, std) }
  }

  /// All numbers equal to `value`.
  public func fill(_ value: Double) throws(RecurrentError) {
    try require(value.isFinite, .badValue, "value is \(value); expected a finite number")
    try settle()
    switch dtype {
    case .float32: Kernels.fill(block.w(Float.self), with: Float(value))
    case .float64: Kernels.fill(block.w(Double.self), with: value)
    }
  }

  /// All gradients zero.
  public func zeroGradient() throws(RecurrentError) {
    try checkFresh()
    switch dtype {
    case .float32: Kernels.fill(block.dw(Float.self), with: 0)
    case .float64: Kernels.fill(block.dw(Double.self), with: 0)
    }
  }

  /// A Mat of its own with the same numbers; its gradients are zero.
  public func copy() throws(RecurrentError) -> Mat {
    let twin = try Mat(n, d, dtype)
    try twin.set(self)
    return twin
  }

  /// Takes over the numbers of a Mat of the same shape and type.
  func set(_ other: Mat) throws(RecurrentError) {
    try other.settle()
    try settle()
    switch dtype {
    case .float32: Kernels.copy(other.block.w(Float.self), to: block.w(Float.self))
    case .float64: Kernels.copy(other.block.w(Double.self), to: block.w(Double.self))
    }
  }

  /// The numbers in reading order, row by row.
  public func rows() throws(RecurrentError) -> [Double] {
    try settle()
    return read(wStart)
  }

  /// The gradients in reading order, row by row.
  public func gradientRows() throws(RecurrentError) -> [Double] {
    try checkFresh()
    return read(dwStart)
  }

  /// Sets the numbers from reading order, row by row.
  public func set(rows values: [Double]) throws(RecurrentError) {
    try require(values.count == count, .badShape, "\(values.count) values for a \(shape) Mat; expected \(count)")
    try settle()
    write(values, wStart)
  }

  /// Sets the gradients from reading order, row by row.
  public func set(gradientRows values: [Double]) throws(RecurrentError) {
    try require(values.count == count, .badShape, "\(values.count) values for a \(shape) Mat; expected \(count)")
    try checkFresh()
    write(values, dwStart)
  }

  private func fill(_ next: () -> Double) throws(RecurrentError) {
    try settle()
    for j in 0..<d {
      for i in 0..<n { store(next(), wStart, i, j) }
    }
  }

  private func read(_ p: UnsafeMutableRawPointer) -> [Double] {
    var values: [Double] = []
    values.reserveCapacity(count)
    for i in 0..<n {
      for j in 0..<d {
        let at = j * stride + i
        switch dtype {
        case .float32: values.append(Double(p.assumingMemoryBound(to: Float.self)[at]))
        case .float64: values.append(p.assumingMemoryBound(to: Double.self)[at])
        }
      }
    }
    return values
  }

  private func write(_ values: [Double], _ p: UnsafeMutableRawPointer) {
    for i in 0..<n {
      for j in 0..<d { store(values[i * d + j], p, i, j) }
    }
  }

  private func store(_ value: Double, _ p: UnsafeMutableRawPointer, _ i: Int, _ j: Int) {
    let at = j * stride + i
    switch dtype {
    case .float32: p.assumingMemoryBound(to: Float.self)[at] = Float(value)
    case .float64: p.assumingMemoryBound(to: Double.self)[at] = value
    }
  }
}
