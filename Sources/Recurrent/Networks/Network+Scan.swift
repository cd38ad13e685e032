// All layers over whole sequences, a node each.

extension Network {
  /// What a sequence is made of.
  enum Input {
    /// Numbers, [I × T·B].
    case numbers(Mat)
    /// Tokens, T·B of them, all below the model's input size and kept by the graph; one-hot without an embedding.
    case tokens(UnsafeMutablePointer<Int32>)
  }

  /// Runs every layer over T steps of B sequences; `state` becomes the final one.
  ///
  /// - Parameters:
  ///   - graph: records a node for each layer.
  ///   - input: column t·B + b is step t of sequence b.
  ///   - T: steps.
  ///   - state: [H × B] for each layer.
  ///   - lengths: valid steps of each sequence; kept by the graph.
  ///   - wantsInput: false where nobody will look at the gradient of numbers that come in.
  ///   - dropout: drops numbers of every layer's output but the top one's, on their way to the next layer.
  /// - Returns: the top layer's outputs, [H × T·B].
  func advance(
    _ graph: Graph, _ input: Input, steps T: Int, _ state: inout State,
    lengths: UnsafeMutablePointer<Int32>? = nil, wantsInput: Bool = true, dropout: Dropout? = nil
  ) throws(RecurrentError) -> Mat {
    var (x, tokens): (Mat?, UnsafeMutablePointer<Int32>?)
    var wants = wantsInput
    switch input {
    case .numbers(let numbers): (x, tokens) = (numbers, nil)
    case .tokens(let numbers):
      // with more steps than tokens, a table of products costs less than a product for each step
      let columns = T * state.h[0].d
      if let Wil, inputSize > columns {
        (x, tokens) = (try graph.rowPluck(Wil, kept: numbers, columns), nil)
      } else {
        (x, tokens) = (Wil, numbers)
      }
      wants = true
    }
    var top = state.h[0]
    for (k, layer) in layers.enumerated() {
      let cells = cell.hasCell ? state.c[k] : nil
      let (y, h, c) = try graph.sequence(
        cell, x, tokens: k == 0 ? tokens : nil, steps: T, h: state.h[k], c: cells, layer, lengths: lengths,
        wantsInput: wants || k > 0)
      state.h[k] = h
      if let c { state.c[k] = c }
      (x, top) = (y, y)
      if let dropout, dropout.rate > 0, k < layers.count - 1 { x = try graph.dropout(y, dropout) }
    }
    return top
  }
}
