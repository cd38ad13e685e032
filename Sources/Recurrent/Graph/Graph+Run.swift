// Evaluation of nodes in order, and backpropagation in reverse order.

import Kernels

extension Graph {
  /// Evaluates the nodes from index `start`. All Mats of a graph have one type, so the type is chosen once.
  func runForward(from start: Int) {
    switch dtype ?? .float32 {
    case .float32:
      forEachNode(start..<nodes.count) { node, operands in
        node.pointee.operation.forward32(Operands(operands, node))
      }
    case .float64:
      forEachNode(start..<nodes.count) { node, operands in
        node.pointee.operation.forward64(Operands(operands, node))
      }
    }
  }

  /// Backpropagates through all nodes in reverse order.
  func runBackward() {
    switch dtype ?? .float32 {
    case .float32:
      forEachNode((0..<nodes.count).reversed()) { node, operands in
        node.pointee.operation.backward32(Operands(operands, node))
      }
    case .float64:
      forEachNode((0..<nodes.count).reversed()) { node, operands in
        node.pointee.operation.backward64(Operands(operands, node))
      }
    }
  }

  /// Calls `body` with the nodes at `indices` and the start of the operand list.
  @inline(__always)
  func forEachNode(
    _ indices: some Sequence<Int>, _ body: (UnsafePointer<Node>, UnsafePointer<OperandRef>) -> Void
  ) {
    nodes.withUnsafeBufferPointer { nodes in
      operands.withUnsafeBufferPointer { operands in
        guard let firstNode = nodes.baseAddress, let firstOperand = operands.baseAddress else { return }
        for i in indices { body(firstNode + i, firstOperand) }
      }
    }
  }
}
