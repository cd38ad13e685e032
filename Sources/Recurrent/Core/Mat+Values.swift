// Values and gradients of a Mat: creation, fills, copies and access by rows.

import Kernels

extension Mat {
  /// Creates a matrix from values in row-major order.
  public init(_ n: Int, _ d: Int, _ dtype: DType = .float32, rows values: [Double]) throws(RecurrentError) {
    try self.init(n, d, dtype)
    try set(rows: values)
  }

  /// Creates a matrix from a copy of elements in column-major order.
  public init(_ n: Int, _ d: Int, columns values: Elements) throws(RecurrentError) {
    try Mat.check(n, d)
    try require(
      values.count == n * d, .badShape,
      "values has the wrong length; expected \(n * d) for \(n) x \(d), got \(values.count) values")
    let dtype = values.dtype, w = try values.memory("values", n * d, dtype)
    try self.init(n, d, dtype)
    wStart.copyMemory(from: w, byteCount: n * d * dtype.size)
  }

  /// Fills with the uniform distribution on [`low`, `high`).
  ///
  /// Each element is `low + (high − low)·u`, where `u` is one draw, in column-major order.
  ///
  /// float32 draws the same values as float64 and rounds them.
  public func fillUniform(
    _ low: Double, _ high: Double, _ random: Random
  ) throws(RecurrentError) {
    try require(
      low.isFinite && high.isFinite && (high - low).isFinite, .badValue,
      "bounds are not finite; expected finite low, high and high − low, got \(low) and \(high)")
    try require(low, "low", fits: dtype)
    try require(high, "high", fits: dtype)
    try fill { random.uniform(low, high) }
  }

  /// Fills with the normal distribution of `mean` and standard deviation `std`, in column-major order.
  public func fillGaussian(
    _ mean: Double, _ std: Double, _ random: Random
  ) throws(RecurrentError) {
    try require(mean.isFinite, .badValue, "mean is not finite; expected a finite number, got \(mean)")
    try require(std, "std", in: 0 ... .infinity)
    try require(mean, "mean", fits: dtype)
    try require(std, "std", fits: dtype)
    try fill { random.gaussian(mean, std) }
  }

  /// Sets all values to `value`.
  public func fill(_ value: Double) throws(RecurrentError) {
    try require(value.isFinite, .badValue, "value is not finite; expected a finite number, got \(value)")
    try require(value, "value", fits: dtype)
    try synchronize()
    switch dtype {
    case .float32: Kernels.fill(operandRef.w(Float.self), with: Float(value))
    case .float64: Kernels.fill(operandRef.w(Double.self), with: value)
    }
  }

  /// Sets all gradients to 0.
  public func zeroGradient() throws(RecurrentError) {
    try checkValid()
    for j in 0..<d {
      (dwStart + j * stride * dtype.size).initializeMemory(as: UInt8.self, repeating: 0, count: n * dtype.size)
    }
  }

  /// Returns a Mat that owns a copy of the values; its gradients are 0.
  public func copy() throws(RecurrentError) -> Mat {
    let result = try Mat(n, d, dtype)
    try result.set(self)
    return result
  }

  /// Copies the values of a Mat of the same shape and type.
  func set(_ other: Mat) throws(RecurrentError) {
    try other.evaluate()
    try synchronize()
    switch dtype {
    case .float32: Kernels.copy(other.operandRef.w(Float.self), to: operandRef.w(Float.self))
    case .float64: Kernels.copy(other.operandRef.w(Double.self), to: operandRef.w(Double.self))
    }
  }

  /// The values in row-major order.
  public func rows() throws(RecurrentError) -> [Double] {
    try evaluate()
    return read(wStart)
  }

  /// The gradients in row-major order.
  public func gradientRows() throws(RecurrentError) -> [Double] {
    try checkValid()
    return read(dwStart)
  }

  /// Sets the values from row-major order.
  public func set(rows values: [Double]) throws(RecurrentError) {
    try values.withUnsafeBufferPointer { (values) throws(RecurrentError) in try set(rows: values) }
  }

  /// Sets the values from row-major order.
  func set(rows values: UnsafeBufferPointer<Double>) throws(RecurrentError) {
    try checkLength(values)
    try synchronize()
    write(values, wStart)
  }

  /// Sets the gradients from row-major order.
  public func set(gradientRows values: [Double]) throws(RecurrentError) {
    try values.withUnsafeBufferPointer { (values) throws(RecurrentError) in
      try checkLength(values)
      try checkValid()
      write(values, dwStart)
    }
  }

  private func checkLength(_ values: UnsafeBufferPointer<Double>) throws(RecurrentError) {
    try require(
      values.count == count, .badShape,
      "values has the wrong length; expected \(count) for \(shape), got \(values.count) values")
  }

  /// Sets all values to those of `next`, column by column.
  func fill(_ next: () -> Double) throws(RecurrentError) {
    try synchronize()
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

  private func write(_ values: UnsafeBufferPointer<Double>, _ p: UnsafeMutableRawPointer) {
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

// MARK: Elements that are not finite

extension Mat {
  /// The first value that is infinite or NaN, in column-major order; nil if all are finite.
  var firstNonFinite: (row: Int, column: Int, value: Double)? {
    switch dtype {
    case .float32: element(Kernels.firstNonFinite(operandRef.w(Float.self)), wStart)
    case .float64: element(Kernels.firstNonFinite(operandRef.w(Double.self)), wStart)
    }
  }

  /// Requires finite values; the error has the first that is not.
  func requireFinite(_ name: String, _ kind: RecurrentError.Kind) throws(RecurrentError) {
    guard let (i, j, value) = firstNonFinite else { return }
    throw RecurrentError(kind, "\(name) is not finite; expected finite elements, got \(value) at [\(i), \(j)]")
  }

  /// Requires values of at least 0; the error has the first below.
  func requireNonNegative(_ name: String, _ kind: RecurrentError.Kind) throws(RecurrentError) {
    let first =
      switch dtype {
      case .float32: element(Kernels.firstNegative(operandRef.w(Float.self)), wStart)
      case .float64: element(Kernels.firstNegative(operandRef.w(Double.self)), wStart)
      }
    guard let (i, j, value) = first else { return }
    throw RecurrentError(kind, "\(name) is negative; expected at least 0, got \(value) at [\(i), \(j)]")
  }

  /// The first gradient that is infinite or NaN, in column-major order; nil if all are finite.
  var firstNonFiniteGradient: (row: Int, column: Int, value: Double)? {
    switch dtype {
    case .float32: element(Kernels.firstNonFinite(operandRef.dw(Float.self)), dwStart)
    case .float64: element(Kernels.firstNonFinite(operandRef.dw(Double.self)), dwStart)
    }
  }

  private func element(
    _ at: (row: Int, column: Int), _ start: UnsafeMutableRawPointer
  ) -> (row: Int, column: Int, value: Double)? {
    at.row < 0 ? nil : (at.row, at.column, dtype.load(start, at.column * stride + at.row))
  }
}
