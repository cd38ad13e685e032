// All layers over whole sequences, one graph node per layer.

extension Network {
  /// The input of a scan.
  enum ScanInput {
    /// Vectors, [I × T·B].
    case vectors(Mat)
    /// Tokens below the network's input size, T·B of them, kept by the graph; one-hot without an embedding.
    case tokens(UnsafeMutablePointer<Int32>)
  }

  /// Records every layer over T time steps of B sequences; `state` becomes the final state.
  ///
  /// - Parameters:
  ///   - graph: records a node per layer.
  ///   - input: column t·B + b is time step t of sequence b.
  ///   - T: time steps.
  ///   - state: [rows × B] per state and layer.
  ///   - lengths: valid time steps of each sequence; kept by the graph.
  ///   - resets: for each time step and sequence whether the sequence begins there; kept by the graph.
  ///   - wantsInput: whether the gradient of input vectors is needed.
  ///   - dropout: the dropout between layers, of `Options.variational` also of the input, and the generator of that inside
  ///     a cell; nil for evaluation.
  /// - Returns: the top layer's outputs, [H × T·B].
  func advance(
    _ graph: Graph, _ input: ScanInput, steps T: Int, _ state: inout State,
    lengths: UnsafeMutablePointer<Int32>? = nil, resets: UnsafeMutablePointer<Int32>? = nil, wantsInput: Bool = true,
    dropout: Dropout? = nil
  ) throws(RecurrentError) -> Mat {
    var (x, tokens): (Mat?, UnsafeMutablePointer<Int32>?)
    var wantsInput = wantsInput
    switch input {
    case .vectors(let vectors): (x, tokens) = (vectors, nil)
    case .tokens(let indices):
      // with more columns than tokens, one product per token costs less than one per column
      let columns = T * state.mats[0][0].d
      if let Wil, inputSize > columns {
        (x, tokens) = (try graph.rowPluck(Wil, rows: indices, count: columns), nil)
      } else {
        (x, tokens) = (Wil, indices)
      }
      wantsInput = true
    }
    let drops = (dropout?.rate ?? 0) > 0, B = state.mats[0][0].d
    if let dropout, drops, options.variational {
      if let tokens, x == nil {
        (x, wantsInput) = (try graph.oneHot(tokens, rows: inputSize, steps: T, batchSize: B, dtype, dropout), false)
      } else if let table = x {
        let vectors = try tokens.map { (tokens) throws(RecurrentError) in
          try graph.rowPluck(table, rows: tokens, count: T * B)
        }
        x = try graph.dropout(vectors ?? table, dropout, columns: B)
      }
      tokens = nil
    }
    // the input of the next layer, before dropout
    var top = state.mats[0][0]
    for k in hiddenSizes.indices {
      let tokens = k == 0 ? tokens : nil, wantsInput = wantsInput || k > 0, random = dropout?.random
      let y =
        if options.bidirectional {
          try scanBothWays(
            graph, x, tokens: tokens, steps: T, &state, k, lengths: lengths, wantsInput: wantsInput, random: random)
        } else {
          try layers[k].scan(
            graph, x, tokens: tokens, steps: T, &state, k, lengths: lengths, resets: resets, wantsInput: wantsInput,
            random: random)
        }
      top = options.residual && k > 0 ? try graph.add(top, y) : y
      x = top
      if let dropout, drops, k < hiddenSizes.count - 1 {
        x = try graph.dropout(top, dropout, columns: options.variational ? B : nil)
      }
    }
    return top
  }

  /// Records both directions of layer `k`: the forward outputs above the reverse ones.
  private func scanBothWays(
    _ graph: Graph, _ x: Mat?, tokens: UnsafeMutablePointer<Int32>?, steps T: Int, _ state: inout State, _ k: Int,
    lengths: UnsafeMutablePointer<Int32>?, wantsInput: Bool, random: Random?
  ) throws(RecurrentError) -> Mat {
    let forward = try layers[2 * k].scan(
      graph, x, tokens: tokens, steps: T, &state, 2 * k, lengths: lengths, wantsInput: wantsInput, random: random)
    let B = forward.d / T
    var (turned, turnedTokens) = (x, tokens)
    if let tokens {
      // the tokens are in range: they were copied before
      let order = (0..<T * B).lazy.map { j in
        tokens[reversedStep(j / B, length: lengths.map { Int($0[j % B]) } ?? T) * B + j % B]
      }
      turnedTokens = try graph.copyIndices(order, count: T * B, below: inputSize, "tokens")
    } else if let x {
      turned = try graph.reverseSequence(x, steps: T, lengths: lengths)
    }
    let reverse = try layers[2 * k + 1].scan(
      graph, turned, tokens: turnedTokens, steps: T, &state, 2 * k + 1, lengths: lengths, wantsInput: wantsInput,
      random: random)
    return try graph.concatRows([forward, graph.reverseSequence(reverse, steps: T, lengths: lengths)])
  }
}
