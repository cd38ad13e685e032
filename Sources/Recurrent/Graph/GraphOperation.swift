// The interface of an operation: its name, its forward and its backward pass.

import Kernels

/// An operation of a graph. Its stored properties are its settings; its operands, result and scratch are arguments.
///
/// One type per operation, in Graph/Operations beside the method that records it; nothing else lists them. A type must be
/// trivial (no references): a graph stores the settings in the node or its arena and never destroys them.
protocol GraphOperation {
  /// The name in C and Python, without the prefix recurrent_graph_.
  var name: String { get }
  /// Computes the result from the operands.
  func forward<T: Real>(_ args: Operands<T>)
  /// Adds to the operands' gradients, from the result's.
  func backward<T: Real>(_ args: Operands<T>)
  /// The values that `backward` reads, besides the result's gradient and the scratch.
  var backwardReads: BackwardReads { get }
  /// Whether the gradient of the result flows to an operand.
  func passesGradient(to operand: Int) -> Bool
  /// The operation as part of a step; nil if a step cannot use it.
  var recordedOperation: RecordedOperation? { get }

  // Entry points for a graph, with a default each. A graph has the type of an operation as an existential, through
  // which generic methods would run unspecialized. The settings are those of the node.
  static func name(_ node: Node) -> String
  static func backwardReads(_ node: Node) -> BackwardReads
  static func passesGradient(_ node: Node, to operand: Int) -> Bool
  static func recordedOperation(_ node: Node) -> RecordedOperation?
  static func forward32(_ args: Operands<Float>)
  static func forward64(_ args: Operands<Double>)
  static func backward32(_ args: Operands<Float>)
  static func backward64(_ args: Operands<Double>)
}

extension GraphOperation {
  var recordedOperation: RecordedOperation? { nil }
  func passesGradient(to operand: Int) -> Bool { true }

  static func name(_ node: Node) -> String { node.settings(Self.self).name }
  static func backwardReads(_ node: Node) -> BackwardReads { node.settings(Self.self).backwardReads }
  static func passesGradient(_ node: Node, to operand: Int) -> Bool {
    node.settings(Self.self).passesGradient(to: operand)
  }
  static func recordedOperation(_ node: Node) -> RecordedOperation? { node.settings(Self.self).recordedOperation }
  static func forward32(_ args: Operands<Float>) { args.settings(Self.self).forward(args) }
  static func forward64(_ args: Operands<Double>) { args.settings(Self.self).forward(args) }
  static func backward32(_ args: Operands<Float>) { args.settings(Self.self).backward(args) }
  static func backward64(_ args: Operands<Double>) { args.settings(Self.self).backward(args) }
}

/// The values that a backward pass reads: of operands, by bit, and of the result. A write must not reach them before.
struct BackwardReads {
  private let operands: UInt8
  let result: Bool
  private let isAll: Bool

  /// Every operand, however many, and the result.
  static let all = BackwardReads(allAndResult: true)
  /// Every operand, however many.
  static let operands = BackwardReads(allAndResult: false)

  init(_ operands: Int..., result: Bool = false) {
    self.operands = operands.reduce(0) { $0 | 1 << UInt8($1) }
    self.result = result
    isAll = false
  }

  private init(allAndResult result: Bool) {
    operands = 0
    self.result = result
    isAll = true
  }

  /// Whether the pass reads the values of operand `i`.
  func contains(_ i: Int) -> Bool { isAll || i < 8 && operands >> UInt8(i) & 1 == 1 }
}

/// The operands of a node as typed matrix views, with its result and its scratch.
struct Operands<T: Real> {
  private let refs: UnsafePointer<OperandRef>
  private let node: UnsafePointer<Node>

  @inline(__always) init(_ operands: UnsafePointer<OperandRef>, _ node: UnsafePointer<Node>) {
    refs = operands + node.pointee.first
    self.node = node
  }

  /// The settings of the node.
  @inline(__always) func settings<O: GraphOperation>(_: O.Type) -> O { node.pointee.settings(O.self) }
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
