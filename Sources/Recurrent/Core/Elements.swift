// Elements in the caller's memory, with their type and their count.

/// Elements that a function reads: `.float32(array.span)`.
///
/// The type is the network's, and the count is the one that the function documents; others are refused.
public enum Elements: ~Escapable {
  /// Elements of type Float.
  case float32(Span<Float>)
  /// Elements of type Double.
  case float64(Span<Double>)

  /// The type of the elements.
  public var dtype: DType {
    switch self {
    case .float32: .float32
    case .float64: .float64
    }
  }

  /// The number of elements.
  public var count: Int {
    switch self {
    case .float32(let span): span.count
    case .float64(let span): span.count
    }
  }

  /// Elements in memory that outlives the call.
  @_lifetime(immortal)
  package init(_ start: UnsafeRawPointer, count: Int, _ dtype: DType) {
    switch dtype {
    case .float32:
      let span = Span(_unsafeStart: start.assumingMemoryBound(to: Float.self), count: count)
      self = .float32(_overrideLifetime(span, borrowing: ()))
    case .float64:
      let span = Span(_unsafeStart: start.assumingMemoryBound(to: Double.self), count: count)
      self = .float64(_overrideLifetime(span, borrowing: ()))
    }
  }

  /// Returns the memory of `count` elements of type `dtype`, valid until the call that has the elements returns.
  ///
  /// - Throws: `.badShape` for another count, `.badType` for another type.
  func memory(_ name: StaticString, _ count: Int, _ dtype: DType) throws(RecurrentError) -> UnsafeRawPointer {
    try checkElements(name, self.count, self.dtype, expected: count, dtype)
    let start: UnsafeRawPointer? =
      switch self {
      case .float32(let span): span.withUnsafeBufferPointer { UnsafeRawPointer($0.baseAddress) }
      case .float64(let span): span.withUnsafeBufferPointer { UnsafeRawPointer($0.baseAddress) }
      }
    guard let start else { throw wrongLength(name, expected: count, 0) }
    return start
  }
}

/// Elements that a function writes: `.float32(array.mutableSpan)`.
public enum MutableElements: ~Copyable, ~Escapable {
  /// Elements of type Float.
  case float32(MutableSpan<Float>)
  /// Elements of type Double.
  case float64(MutableSpan<Double>)

  /// The type of the elements.
  public var dtype: DType {
    switch self {
    case .float32: .float32
    case .float64: .float64
    }
  }

  /// The number of elements.
  public var count: Int {
    switch self {
    case .float32(let span): span.count
    case .float64(let span): span.count
    }
  }

  /// Elements in memory that outlives the call.
  @_lifetime(immortal)
  package init(_ start: UnsafeMutableRawPointer, count: Int, _ dtype: DType) {
    switch dtype {
    case .float32:
      let span = MutableSpan(_unsafeStart: start.assumingMemoryBound(to: Float.self), count: count)
      self = .float32(_overrideLifetime(span, borrowing: ()))
    case .float64:
      let span = MutableSpan(_unsafeStart: start.assumingMemoryBound(to: Double.self), count: count)
      self = .float64(_overrideLifetime(span, borrowing: ()))
    }
  }

  /// Returns the memory of `count` elements of type `dtype`, valid until the call that has the elements returns.
  ///
  /// - Throws: `.badShape` for another count, `.badType` for another type.
  consuming func memory(
    _ name: StaticString, _ count: Int, _ dtype: DType
  ) throws(RecurrentError) -> UnsafeMutableRawPointer {
    try checkElements(name, self.count, self.dtype, expected: count, dtype)
    let start: UnsafeMutableRawPointer?
    switch consume self {
    case .float32(var span): start = span.withUnsafeMutableBufferPointer { UnsafeMutableRawPointer($0.baseAddress) }
    case .float64(var span): start = span.withUnsafeMutableBufferPointer { UnsafeMutableRawPointer($0.baseAddress) }
    }
    guard let start else { throw wrongLength(name, expected: count, 0) }
    return start
  }
}

/// Returns the memory of elements, nil for nil.
func memory(
  _ elements: Elements?, _ name: StaticString, _ count: Int, _ dtype: DType
) throws(RecurrentError) -> UnsafeRawPointer? {
  guard let elements else { return nil }
  return try elements.memory(name, count, dtype)
}

/// Returns the memory of elements, nil for nil.
func memory(
  _ elements: consuming MutableElements?, _ name: StaticString, _ count: Int, _ dtype: DType
) throws(RecurrentError) -> UnsafeMutableRawPointer? {
  switch consume elements {
  case .some(let elements): return try elements.memory(name, count, dtype)
  case .none: return nil
  }
}

/// The error of an argument whose number of elements is wrong.
func wrongLength(_ name: StaticString, expected: Int, _ count: Int) -> RecurrentError {
  RecurrentError(.badShape, "\(name) has the wrong length; expected \(expected), got \(count)")
}

private func checkElements(
  _ name: StaticString, _ count: Int, _ dtype: DType, expected: Int, _ type: DType
) throws(RecurrentError) {
  try require(dtype == type, .badType, "\(name) has the wrong type; expected \(type), got \(dtype)")
  if count != expected { throw wrongLength(name, expected: expected, count) }
}
