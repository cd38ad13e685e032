// A layer over a whole sequence as one graph node: its recording. The computation is in ScanRun and its extensions.

import Kernels

/// The settings of a scan node besides its operands.
struct Scan {
  let cell: BuiltinCell
  /// Time steps and batch size.
  let T: Int, B: Int
  /// The input as tokens, one per column: rows of operand 0, a table; or, one-hot, columns of Wx. nil for vectors.
  let tokens: UnsafeMutablePointer<Int32>?
  /// Whether a token is a one-hot column: its product with Wx is a column of Wx.
  let oneHot: Bool
  /// Valid time steps of each sequence; nil for T.
  let lengths: UnsafeMutablePointer<Int32>?
  /// Whether the input's gradient is needed.
  let wantsInput: Bool
  /// Whether the input's product is computed for all steps at once, before the first.
  let inputIsPrecomputed: Bool
  /// The number of threads.
  let threads: Int

  /// The tokens that select columns of the precomputed token products; nil if z holds each step's own input product.
  var lookupTokens: UnsafeMutablePointer<Int32>? { inputIsPrecomputed ? nil : tokens }

  /// Whether the tokens select rows of a table.
  var hasTable: Bool { tokens != nil && !oneHot }
}

/// The weights of a layer, gates stacked.
struct Weights {
  /// [G·H × I], [G·H × H], [G·H × 1].
  let Wx: Mat, Wh: Mat, b: Mat
  /// [H × 1], a GRU's second bias.
  let resetBias: Mat?
}

extension Scan: GraphOperation {
  var name: String { "\(cell.name)_sequence" }

  func forward<Scalar: Real>(_ args: Operands<Scalar>) { ScanRun(self, args).forward() }

  func backward<Scalar: Real>(_ args: Operands<Scalar>) { ScanRun(self, args).backward() }

  // a table and the initial state are in the scratch and the result
  var backwardReads: BackwardReads {
    switch (tokens == nil, wantsInput) {
    case (true, true): BackwardReads(0, 3, 4, result: true)
    case (true, false): BackwardReads(0, 4, result: true)
    case (false, true): BackwardReads(3, 4, result: true)
    case (false, false): BackwardReads(4, result: true)
    }
  }
}

extension Graph {
  /// Records a layer over T time steps of B sequences.
  ///
  /// - Parameters:
  ///   - cell: the kind of layer.
  ///   - input: x, [I × T·B], column t·B + b; or with `tokens` a table [V × I] whose rows they select; nil for one-hot
  ///     tokens, which select columns of Wx.
  ///   - tokens: T·B row indices, or nil.
  ///   - h: the initial output, [H × B].
  ///   - c: an LSTM's initial cell, [H × B].
  ///   - weights: the layer's.
  ///   - lengths: valid time steps of each sequence, 0 to T. Padding steps are masked: their outputs are 0, and the final
  ///     state is taken at the last valid step.
  ///   - wantsInput: whether the gradient of x is needed.
  /// - Returns: outputs [H × T·B], and the final state.
  func scan(
    _ cell: BuiltinCell, _ input: Mat?, tokens: UnsafeMutablePointer<Int32>? = nil, steps T: Int, h: Mat, c: Mat?,
    _ weights: Weights, lengths: UnsafeMutablePointer<Int32>? = nil, wantsInput: Bool = true
  ) throws(RecurrentError) -> (y: Mat, h: Mat, c: Mat?) {
    let (H, B) = (h.n, h.d), oneHot = input == nil, x = input ?? weights.Wx
    let inputs = oneHot ? 0 : tokens == nil ? x.n : x.d
    let gates = cell.gates.count
    try require(
      tokens != nil || x.d == T * B, .badShape,
      "x has the wrong shape; expected \(T * B) columns, \(T) time steps of \(B) sequences, got \(x.shape)")
    try checkWeights(weights, gates: gates, inputs: oneHot ? weights.Wx.d : inputs, units: H)
    // below 12 columns a step's product is bound by reading the weights: read the input's once for all steps
    let inputIsPrecomputed = oneHot ? weights.Wx.d > T * B : tokens == nil && B < 12
    // 400 000 operations per step and thread, or waiting at barriers costs more than the threads save
    let work = 2 * gates * H * (H + inputs) * B
    let threads = max(1, min(ThreadPool.count, (H + 7) / 8, work / 400_000))
    let scan = Scan(
      cell: cell, T: T, B: B, tokens: tokens, oneHot: oneHot, lengths: lengths, wantsInput: wantsInput && !oneHot,
      inputIsPrecomputed: inputIsPrecomputed, threads: threads)
    let workspace = ScanWorkspace(scan, dtype: h.dtype, H: H, I: inputs, V: oneHot ? x.d : tokens == nil ? 0 : x.n)
    let all = try recording { () throws(RecurrentError) in
      let mark = operands.count
      try appendOperand(x, "x")
      try appendOperand(h, "h")
      try appendOperand(c ?? h, "c")
      try appendOperand(weights.Wx, "Wx")
      try appendOperand(weights.Wh, "Wh")
      try appendOperand(weights.b, "b")
      try appendOperand(weights.resetBias ?? weights.b, "bnh")
      // the initial output, all outputs, the final state
      return try appendNode(scan, since: mark, n: H, d: (T + 3) * B, scratch: workspace.count)
    }
    return (
      try all.view(row: 0, column: B, n: H, d: T * B),
      try all.view(row: 0, column: (T + 1) * B, n: H, d: B),
      cell.hasCell ? try all.view(row: 0, column: (T + 2) * B, n: H, d: B) : nil
    )
  }

  private func checkWeights(_ w: Weights, gates: Int, inputs: Int, units H: Int) throws(RecurrentError) {
    let rows = gates * H
    func check(_ mat: Mat, _ columns: Int, _ name: String) throws(RecurrentError) {
      try require(
        mat.n == rows && mat.d == columns, .badShape,
        "\(name) has the wrong shape; expected \(rows) x \(columns), got \(mat.shape)")
    }
    try check(w.Wx, inputs, "Wx")
    try check(w.Wh, H, "Wh")
    try check(w.b, 1, "b")
  }
}
