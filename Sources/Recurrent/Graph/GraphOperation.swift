// The interface of an operation: its name, its forward and its backward pass.

import Kernels

/// An operation of a graph. Its stored properties are its settings; its operands, result and scratch are arguments.
///
/// One type per operation, in Graph/Operations beside the method that records it; nothing else lists them.
protocol GraphOperation {
  /// The name in C and Python, without the prefix recurrent_graph_.
  var name: String { get }
  /// Computes the result from the operands.
  func forward<T: Real>(_ args: Operands<T>)
  /// Adds to the operands' gradients, from the result's.
  func backward<T: Real>(_ args: Operands<T>)

  // Entry points for both types, with a default each. A graph calls these through an existential: the generic methods
  // would run unspecialized there.
  func forward32(_ args: Operands<Float>)
  func forward64(_ args: Operands<Double>)
  func backward32(_ args: Operands<Float>)
  func backward64(_ args: Operands<Double>)
}

extension GraphOperation {
  func forward32(_ args: Operands<Float>) { forward(args) }
  func forward64(_ args: Operands<Double>) { forward(args) }
  func backward32(_ args: Operands<Float>) { backward(args) }
  func backward64(_ args: Operands<Double>) { backward(args) }
}

/// The operands of a node as typed matrix views, with its result and its scratch.
struct Operands<T: Real> {
  private let refs: UnsafePointer<OperandRef>
  private let node: UnsafePointer<Node>

  @inline(__always) init(_ operands: UnsafePointer<OperandRef>, _ node: UnsafePointer<Node>) {
    refs = operands + node.pointee.first
    self.node = node
  }

  /// The number of operands.
  var count: Int { node.pointee.count }
  /// The values of operand `i`.
  @inline(__always) subscript(i: Int) -> MatrixView<T> { refs[i].w(T.self) }
  /// The gradient of operand `i`.
  @inline(__always) func gradient(_ i: Int) -> MatrixView<T> { refs[i].dw(T.self) }
  /// The result.
  @inline(__always) var y: MatrixView<T> { node.pointee.result.w(T.self) }
  /// The gradient of the result.
  @inline(__always) var dy: MatrixView<T> { node.pointee.result.dw(T.self) }
  /// `n` rows by `d` columns of the scratch, from element `offset`.
  @inline(__always) func scratch(_ n: Int, _ d: Int, at offset: Int = 0) -> MatrixView<T> {
    MatrixView(node.pointee.scratch.assumingMemoryBound(to: T.self) + offset, rows: n, columns: d, columnStride: n)
  }
}
