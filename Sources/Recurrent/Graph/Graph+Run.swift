// Forward through the tape and back: each family of operations does its own, here is only the walk.

import Kernels

/// What a node does. The families are in files of their own, forward and backward side by side.
enum Operation {
  case curve(UnaryOperation)
  case pair(BinaryOperation)
  case product
  case pluck
  case transpose
  case concatRows
  case concatColumns
  case sumAll
  case sumRows
  case sumColumns
  case dot
  case softmax
  case logSoftmax
  case crossEntropy
  case squaredError
  case layerNorm
  case dropout
  case rnn
  case lstm
  case sequence(Scan)
}

extension Graph {
  /// Computes the nodes from `start` on. All Mats of a graph are of one type, so the choice is made once.
  func run(from start: Int) {
    switch type {
    case .float32: forward(from: start, Float.self)
    case .float64: forward(from: start, Double.self)
    }
  }

  /// Walks all nodes in reverse.
  func runBackward() {
    switch type {
    case .float32: backward(Float.self)
    case .float64: backward(Double.self)
    }
  }

  private func forward<T: Real>(from start: Int, _: T.Type) {
    nodes.withUnsafeBufferPointer { nodes in
      operands.withUnsafeBufferPointer { operands in
        for i in start..<nodes.count {
          let node = nodes[i]
          let x = Operands<T>(operands, node)
          switch node.operation {
          case .curve(let f): Elementwise.forward(f, node, x)
          case .pair(let f): Elementwise.forward(f, node, x)
          case .product: Product.forward(node, x)
          case .pluck: Pluck.forward(node, x)
          case .transpose: Transpose.forward(node, x)
          case .concatRows: ConcatRows.forward(node, x)
          case .concatColumns: ConcatColumns.forward(node, x)
          case .sumAll: SumAll.forward(node, x)
          case .sumRows: SumRows.forward(node, x)
          case .sumColumns: SumColumns.forward(node, x)
          case .dot: Dot.forward(node, x)
          case .softmax: Softmax.forward(node, x)
          case .logSoftmax: LogSoftmax.forward(node, x)
          case .crossEntropy: CrossEntropy.forward(node, x)
          case .squaredError: SquaredError.forward(node, x)
          case .layerNorm: LayerNorm.forward(node, x)
          case .dropout: Drop.forward(node, x)
          case .rnn: RNN.forward(node, x)
          case .lstm: LSTM.forward(node, x)
          case .sequence(let s): ScanRun(s, node, x).forward()
          }
        }
      }
    }
  }

  private func backward<T: Real>(_: T.Type) {
    nodes.withUnsafeBufferPointer { nodes in
      operands.withUnsafeBufferPointer { operands in
        for i in (0..<nodes.count).reversed() {
          let node = nodes[i]
          let x = Operands<T>(operands, node)
          switch node.operation {
          case .curve(let f): Elementwise.backward(f, node, x)
          case .pair(let f): Elementwise.backward(f, node, x)
          case .product: Product.backward(node, x)
          case .pluck: Pluck.backward(node, x)
          case .transpose: Transpose.backward(node, x)
          case .concatRows: ConcatRows.backward(node, x)
          case .concatColumns: ConcatColumns.backward(node, x)
          case .sumAll: SumAll.backward(node, x)
          case .sumRows: SumRows.backward(node, x)
          case .sumColumns: SumColumns.backward(node, x)
          case .dot: Dot.backward(node, x)
          case .softmax: Softmax.backward(node, x)
          case .logSoftmax: LogSoftmax.backward(node, x)
          case .crossEntropy: CrossEntropy.backward(node, x)
          case .squaredError: SquaredError.backward(node, x)
          case .layerNorm: LayerNorm.backward(node, x)
          case .dropout: Drop.backward(node, x)
          case .rnn: RNN.backward(node, x)
          case .lstm: LSTM.backward(node, x)
          case .sequence(let s): ScanRun(s, node, x).backward()
          }
        }
      }
    }
  }
}

/// A node's operands as typed matrix views, and its scratch and result likewise.
struct Operands<T: Real> {
  private let blocks: UnsafeBufferPointer<Block>
  private let node: Node

  @inline(__always) init(_ operands: UnsafeBufferPointer<Block>, _ node: Node) {
    self.blocks = operands
    self.node = node
  }

  /// How many there are.
  var count: Int { node.count }
  /// The numbers of operand `i`.
  @inline(__always) subscript(i: Int) -> MatrixView<T> { blocks[node.first + i].w(T.self) }
  /// The gradients of operand `i`.
  @inline(__always) func d(_ i: Int) -> MatrixView<T> { blocks[node.first + i].dw(T.self) }
  /// The result.
  @inline(__always) var y: MatrixView<T> { node.out.w(T.self) }
  /// The result's gradients.
  @inline(__always) var dy: MatrixView<T> { node.out.dw(T.self) }
  /// The node's number, in the Mats' type.
  @inline(__always) var scalar: T { T(node.scalar) }
  /// `n` rows by `d` columns of the scratch, `offset` numbers into it.
  @inline(__always) func scratch(_ n: Int, _ d: Int, at offset: Int = 0) -> MatrixView<T> {
    MatrixView(node.scratch.assumingMemoryBound(to: T.self) + offset, rows: n, columns: d, columnStride: n)
  }
}
