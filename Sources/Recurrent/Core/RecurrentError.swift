// The error type of the library.

/// A failure, with a message of the form `<argument> <problem>; expected <x>, got <y>`. Nothing has changed.
public struct RecurrentError: Error, CustomStringConvertible, Equatable {
  /// The kinds of failure; the raw values are the status codes of the C interface.
  public enum Kind: Int32, Sendable, CaseIterable {
    /// A required pointer is NULL.
    case nullArgument = 1
    /// A handle that was never created, or whose object was freed.
    case badHandle = 2
    /// A handle of another kind of object.
    case wrongKind = 3
    /// Sizes that are not positive, too large, or incompatible.
    case badShape = 4
    /// float32 instead of float64, or the reverse.
    case badType = 5
    /// A setting out of range, or unusable text.
    case badValue = 6
    /// An index out of range.
    case badIndex = 7
    /// An allocation failed.
    case noMemory = 8
    /// A file operation failed; `errno` has the reason.
    case io = 9
    /// A file with invalid contents.
    case badFormat = 10
    /// An infinite or NaN gradient or cost.
    case notFinite = 11
    /// The object is in use by another thread.
    case busy = 12
    /// The graph of a Mat was reset or freed, or a call is not possible in this state.
    case invalidated = 13
    /// The caller's buffer is too small.
    case shortBuffer = 14
    /// The program has asked a long call to stop.
    case interrupted = 15
  }

  /// The kind of failure.
  public let kind: Kind
  /// The message, with the offending value.
  public let description: String
  /// The operating system's error number; 0 unless `kind` is `.io`.
  public let errno: Int32

  /// - Parameters:
  ///   - kind: the kind of failure.
  ///   - description: the message, with the offending value.
  ///   - errno: the operating system's error number, or 0.
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

/// Throws `.badValue` unless `value` is finite and in `range`.
func require(_ value: Double, _ name: String, in range: ClosedRange<Double>) throws(RecurrentError) {
  guard value.isFinite && range.contains(value) else {
    let expected =
      range.upperBound == .infinity
      ? "a finite number of at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    throw RecurrentError(.badValue, "\(name) is out of range; expected \(expected), got \(value)")
  }
}

/// Throws `.badValue` unless `value` is within the range of `dtype`.
func require(_ value: Double, _ name: StaticString, fits dtype: DType) throws(RecurrentError) {
  try require(
    dtype == .float64 || value.magnitude <= Double(Float.greatestFiniteMagnitude), .badValue,
    "\(name) is out of range; expected a number of float32, got \(value)")
}

/// Throws `.badValue` unless `value` is finite and above 0.
func require(_ value: Double, isPositive name: String) throws(RecurrentError) {
  try require(
    value.isFinite && value > 0, .badValue, "\(name) is out of range; expected a finite number above 0, got \(value)")
}
