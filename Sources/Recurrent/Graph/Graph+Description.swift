// Description of recorded operations, for reading and drawing.

import Kernels

extension Graph {
  /// A recorded operation with its operands and result.
  public struct Description {
    /// An operand or a result.
    public struct OperandInfo: Equatable {
      /// Index of the producing operation; nil for an input.
      public var operation: Int?
      /// The first value; valid until the graph is reset, undefined before the operation is evaluated.
      package var w: UnsafeRawPointer
      /// Rows.
      public var n: Int
      /// Columns; 1 if the column is broadcast.
      public var d: Int
    }

    /// The name of the operation in C and Python.
    public var name: String
    /// The result.
    public var result: OperandInfo
    /// The operands, in the order of the call.
    public var operands: [OperandInfo]
  }

  /// Describes operation `index`, from 0 in the order of recording.
  ///
  /// - Throws: `.badIndex`.
  public func operation(at index: Int) throws(RecurrentError) -> Description {
    try require(
      index >= 0 && index < nodes.count, .badIndex,
      "index is out of range; expected below \(nodes.count), the number of operations, got \(index)")
    let node = nodes[index]
    return Description(
      name: node.operation.name(node), result: Description.OperandInfo(node.result),
      operands: (node.first..<node.first + node.count).map { Description.OperandInfo(operands[$0]) })
  }
}

extension Graph.Description.OperandInfo {
  fileprivate init(_ operand: OperandRef) {
    self.init(
      operation: operand.node < 0 ? nil : operand.node, w: UnsafeRawPointer(operand.recordedW), n: operand.n,
      d: operand.stride == 0 ? 1 : operand.d)
  }
}
