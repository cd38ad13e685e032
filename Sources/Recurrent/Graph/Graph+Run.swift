// Evaluation of nodes in order, and backpropagation in reverse order.

import Kernels

extension Graph {
  /// Evaluates the nodes from index `start`.
  ///
  /// - Returns: the number of evaluated nodes; fewer than all if the call is to stop.
  func runForward(from start: Int) throws(RecurrentError) -> Int {
    if let schedule { return try schedule.forward(self, from: start) }
    return forward(start..<nodes.count)
  }

  /// Backpropagates in reverse order through the nodes that a gradient reaches, or until the call is to stop.
  func runBackward() {
    markReached()
    if let schedule { return schedule.backward(self) }
    _ = backward((0..<nodes.count).reversed())
  }

  /// Evaluates the nodes at `indices`. All Mats of a graph have one type, so the type is chosen once.
  ///
  /// - Returns: the index of the node after which the call is to stop, or the number of nodes.
  func forward(_ indices: some Sequence<Int>) -> Int {
    switch dtype ?? .float32 {
    case .float32:
      run(indices) { node, operands in node.pointee.operation.forward32(Operands(operands, node)) }
    case .float64:
      run(indices) { node, operands in node.pointee.operation.forward64(Operands(operands, node)) }
    }
  }

  /// Backpropagates through the nodes at `indices` that a gradient reaches.
  ///
  /// - Returns: the index of the node after which the call is to stop, or the number of nodes.
  func backward(_ indices: some Sequence<Int>) -> Int {
    switch dtype ?? .float32 {
    case .float32:
      run(indices) { node, operands in
        if node.pointee.isReached { node.pointee.operation.backward32(Operands(operands, node)) }
      }
    case .float64:
      run(indices) { node, operands in
        if node.pointee.isReached { node.pointee.operation.backward64(Operands(operands, node)) }
      }
    }
  }

  /// Marks the nodes that a gradient reaches: it is set on the result, or comes from a later node that it reaches.
  ///
  /// Only the gradients of nodes that no later node reaches are scanned. NaN is not 0: it is a gradient.
  private func markReached() {
    let is32 = dtype != .float64
    for i in (0..<nodes.count).reversed() {
      let node = nodes[i], result = node.result
      if !node.isReached && (is32 ? isZero(result.dw(Float.self)) : isZero(result.dw(Double.self))) { continue }
      nodes[i].isReached = true
      for k in node.first..<node.first + node.count where operands[k].node >= 0 {
        if node.operation.passesGradient(node, to: k - node.first) { nodes[operands[k].node].isReached = true }
      }
    }
  }

  /// Runs the nodes at `indices`.
  ///
  /// - Returns: the index of the node after which the call is to stop, or the number of nodes.
  @inline(__always)
  private func run(
    _ indices: some Sequence<Int>, _ body: (UnsafePointer<Node>, UnsafePointer<OperandRef>) -> Void
  ) -> Int {
    let interrupt = Interrupt.ofThread
    guard let firstNode = nodes.start, let firstOperand = operands.start else { return 0 }
    for i in indices {
      let node = firstNode + i
      body(node, firstOperand)
      let operand = firstOperand + node.pointee.first
      interrupt.count(node.pointee.result.n &* node.pointee.result.d &+ operand.pointee.n &* operand.pointee.d)
      // the node may have stopped in the middle: it runs again
      if interrupt.isRequested { return i }
    }
    return nodes.count
  }

  /// Calls `body` with the nodes at `indices` and the start of the operand list.
  @inline(__always)
  func forEachNode(
    _ indices: some Sequence<Int>, _ body: (UnsafePointer<Node>, UnsafePointer<OperandRef>) -> Void
  ) {
    guard let firstNode = nodes.start, let firstOperand = operands.start else { return }
    for i in indices { body(firstNode + i, firstOperand) }
  }
}
