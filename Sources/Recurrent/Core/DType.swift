// Element types.

import Kernels

/// The type of a Mat's elements.
public enum DType: Int32, Sendable, CaseIterable, CustomStringConvertible {
  case float32 = 0
  case float64 = 1

  /// Bytes per element.
  public var size: Int { self == .float32 ? 4 : 8 }

  /// NumPy's name of the type.
  public var description: String { self == .float32 ? "float32" : "float64" }

  /// The element at an index.
  func load(_ p: UnsafeRawPointer, _ index: Int) -> Double {
    switch self {
    case .float32: Double(p.load(fromByteOffset: 4 * index, as: Float.self))
    case .float64: p.load(fromByteOffset: 8 * index, as: Double.self)
    }
  }

  /// The element type that `T` stores.
  init<T: Real>(_: T.Type) { self = T.is64Bit ? .float64 : .float32 }
}
