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
    let node = try node(at: index)
    return Description(
      name: node.operation.name(node), result: Description.OperandInfo(node.result),
      operands: (node.first..<node.first + node.count).map { Description.OperandInfo(operands[$0]) })
  }

  /// The result of operation `index`, or one of its operands: a Mat that shares values and gradients.
  ///
  /// - Parameters:
  ///   - index: of the operation, in the order of recording.
  ///   - operand: the position of the operand, from 0; nil for the result.
  /// - Throws: `.badIndex`; `.badValue` for a constant of the library, which has no gradients.
  public func mat(ofOperation index: Int, operand: Int? = nil) throws(RecurrentError) -> Mat {
    let node = try node(at: index)
    if let operand {
      try require(
        operand >= 0 && operand < node.count, .badIndex,
        "operand is out of range; expected below \(node.count), the number of operands, got \(operand)")
      if let recordedOperands { return recordedOperands[node.first + operand] }
    }
    let m = operand.map { operands[node.first + $0] } ?? node.result
    guard m.dw != m.recordedW, let storage = storage(holding: m.dw) else {
      throw RecurrentError(
        .badValue, "operand is a constant of the library; expected a Mat with gradients, got operand \(operand ?? -1)")
    }
    let isBroadcast = m.stride == 0
    return Mat(
      m.n, isBroadcast ? 1 : m.d, stride: isBroadcast ? m.n : m.stride, dtype ?? .float32, storage, w: m.recordedW,
      dw: m.dw, node: m.node, generation: storage.owner?.generation ?? 0)
  }

  private func node(at index: Int) throws(RecurrentError) -> Node {
    try require(
      index >= 0 && index < nodes.count, .badIndex,
      "index is out of range; expected below \(nodes.count), the number of operations, got \(index)")
    return nodes[index]
  }

  /// The storage of a gradient of the recording: a chunk of the arena, or that of an input.
  private func storage(holding p: UnsafeMutableRawPointer) -> Storage? {
    arena.chunk(holding: p) ?? inputStorages.elements.first { $0.holds(p) }
  }
}

extension Graph.Description.OperandInfo {
  fileprivate init(_ operand: OperandRef) {
    self.init(
      operation: operand.node < 0 ? nil : operand.node, w: UnsafeRawPointer(operand.recordedW), n: operand.n,
      d: operand.stride == 0 ? 1 : operand.d)
  }
}
