// The two kinds of number, as data.

import Kernels

/// The type of a Mat's numbers.
public enum DType: Int32, Sendable, CaseIterable, CustomStringConvertible {
  case float32 = 0
  case float64 = 1

  /// Bytes per number.
  public var size: Int { self == .float32 ? 4 : 8 }

  /// NumPy's name for it.
  public var description: String { self == .float32 ? "float32" : "float64" }

  /// The type with the same meaning in Swift.
  init<T: Real>(_: T.Type) { self = T.is64Bit ? .float64 : .float32 }
}
