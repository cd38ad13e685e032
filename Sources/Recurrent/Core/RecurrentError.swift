// Every failure of the library: what kind it is, and a sentence for the person who caused it.

/// A failure that names the argument, what was expected and what came. Nothing has been changed.
public struct RecurrentError: Error, CustomStringConvertible, Equatable {
  /// The kinds of failure; their numbers are the C interface's status codes.
  public enum Kind: Int32, Sendable, CaseIterable {
    /// A pointer that must not be NULL is.
    case nullArgument = 1
    /// A handle that was never given out, or whose object was freed.
    case badHandle = 2
    /// A handle of another kind of object.
    case wrongKind = 3
    /// Sizes that are not positive, too large, or do not fit each other.
    case badShape = 4
    /// float32 where float64 was expected, or the reverse.
    case badType = 5
    /// A setting outside its range, or text that cannot be used.
    case badValue = 6
    /// An index outside its range.
    case badIndex = 7
    /// The memory could not be had.
    case noMemory = 8
    /// The operating system refused a file; `errno` says why.
    case io = 9
    /// A file whose contents are not what they should be.
    case badFormat = 10
    /// A gradient or cost that is infinite or NaN.
    case notFinite = 11
    /// The object is in use by another thread.
    case busy = 12
    /// The Mat's graph was reset or is gone, or the call comes at the wrong time.
    case stale = 13
    /// The caller's buffer is too small.
    case shortBuffer = 14
  }

  /// What kind of failure.
  public let kind: Kind
  /// What happened, with the offending value.
  public let description: String
  /// The operating system's error number, 0 unless `kind` is `.io`.
  public let errno: Int32

  /// - Parameters:
  ///   - kind: what kind of failure.
  ///   - description: a sentence with the offending value.
  ///   - errno: the operating system's error number, if it has one.
  public init(_ kind: Kind, _ description: String, errno: Int32 = 0) {
    (self.kind, self.description, self.errno) = (kind, description, errno)
  }
}

/// Throws `kind` with `message` unless `condition` holds. The message is built only on failure.
@inline(__always)
func require(
  _ condition: Bool, _ kind: RecurrentError.Kind, _ message: @autoclosure () -> String
) throws(RecurrentError) {
  if !condition { throw RecurrentError(kind, message()) }
}

/// A setting that must be a finite number in a range.
func require(_ value: Double, _ name: String, in range: ClosedRange<Double>) throws(RecurrentError) {
  guard value.isFinite && range.contains(value) else {
    let expected =
      range.upperBound == .infinity
      ? "a finite number of at least \(range.lowerBound)" : "between \(range.lowerBound) and \(range.upperBound)"
    throw RecurrentError(.badValue, "\(name) is \(value); expected \(expected)")
  }
}

/// A setting that must be a finite number above 0.
func require(_ value: Double, isPositive name: String) throws(RecurrentError) {
  try require(value.isFinite && value > 0, .badValue, "\(name) is \(value); expected a finite number above 0")
}
