// What was recorded, for those who want to read it or draw it.

import Kernels

extension Graph {
  /// A recorded operation, described.
  public struct Description {
    /// Where numbers of the operation come from or go to.
    public struct Place: Equatable {
      /// The operation whose result these numbers are, or are part of; nil for a Mat from outside.
      public var operation: Int?
      /// The first of them; theirs until the graph is reset.
      public var w: UnsafeRawPointer
      /// PanelLayout.
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
  public func operation(at index: Int) throws(RecurrentError) -> Description {
    try require(
      index >= 0 && index < nodes.count, .badIndex, "operation \(index) is outside 0..<\(nodes.count)")
    let node = nodes[index]
    return Description(
      name: node.operation.name(node.scalar), result: Description.Place(node.out),
      operands: operands[node.first..<node.first + node.count].map { Description.Place($0) })
  }
}

extension Graph.Description.Place {
  fileprivate init(_ block: Block) {
    self.init(
      operation: block.node < 0 ? nil : block.node, w: UnsafeRawPointer(block.w), n: block.n,
      d: block.stride == 0 ? 1 : block.d)
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
    // a mean is a sum with a factor; that of one number is its sum
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
    case .sequence(let sequence): "\(sequence.cell.name)_sequence"
    }
  }
}
