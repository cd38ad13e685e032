// What was recorded, for those who want to read it or draw it.

import Kernels

extension Graph {
  /// A recorded operation, described.
  public struct Description {
    /// Where numbers of the operation come from or go to.
    public struct Place: Equatable {
      /// The operation whose result these numbers are, or are part of; nil for a Mat from outside.
      public var operation: Int?
      /// The first of them.
      public var w: UnsafeRawPointer
      /// Rows.
      public var n: Int
      /// Columns; 1 where one stands for all.
      public var d: Int
    }

    /// What is done: the name of the call that recorded it, as C and Python spell it.
    public var name: String
    /// What comes of it.
    public var result: Place
    /// What goes in, in the order of the call.
    public var operands: [Place]
  }

  /// The operation recorded as number `index`, from 0.
  ///
  /// - Throws: `.badIndex`.
  public func describe(_ index: Int) throws(RecurrentError) -> Description {
    try require(
      index >= 0 && index < nodes.count, .badIndex, "the operation is \(index), outside 0..<\(nodes.count)")
    let node = nodes[index]
    let operands = operands[node.first..<node.first + node.count].map { block in
      Description.Place(
        operation: origin(of: block.w, before: index), w: UnsafeRawPointer(block.w), n: block.n,
        d: block.stride == 0 ? 1 : block.d)
    }
    let result = Description.Place(
      operation: index, w: UnsafeRawPointer(node.out.w), n: node.out.n, d: node.out.d)
    return Description(name: node.operation.name(node.scalar), result: result, operands: operands)
  }

  /// The operation in whose result an address lies.
  private func origin(of w: UnsafeMutableRawPointer, before index: Int) -> Int? {
    nodes[..<index].lastIndex { node in
      w >= node.out.w && w < node.out.w + node.out.stride * node.out.d * type.size
    }
  }
}

extension Operation {
  /// What C and Python call it.
  fileprivate func name(_ scalar: Double) -> String {
    switch self {
    case .curve(.leakyRelu): "leaky_relu"
    case .curve(let f): "\(f)"
    case .pair(let f): "\(f)"
    case .product: "mul"
    case .pluck: "row_pluck"
    case .transpose: "transpose"
    case .concatRows: "concat_rows"
    case .concatColumns: "concat_columns"
    // a mean is a sum with a factor
    case .sumAll, .sumRows, .sumColumns: scalar == 1 ? "sum" : "mean"
    case .dot: "dot"
    case .softmax: "softmax"
    case .logSoftmax: "log_softmax"
    case .crossEntropy: "cross_entropy"
    case .squaredError: "squared_error"
    case .layerNorm: "layer_norm"
    case .dropout: "dropout"
    case .rnn: "rnn"
    case .lstm: "lstm"
    case .sequence(let sequence): "\(sequence.cell)_sequence"
    }
  }
}
