// A layer of a network: its cell with its weights.

/// A layer of a network: its cell with its weights.
///
/// A class, since the copies of a structure of Mats would cost a training step of a small network 1 %.
final class Layer {
  enum Body {
    case builtin(BuiltinCell, Weights, ScanPlan)
    /// A program and its parameters.
    case program(Program, [Mat])
  }

  let body: Body
  /// Rows of each state; the first is the output.
  let states: [Int]
  /// Rows of the output.
  var outputs: Int { states[0] }
  /// The learned initial states, [rows × 1]; none where sequences begin with zeros.
  let initialStates: [Mat]

  /// The workspace of a program's last scan.
  private let workspaces = ProgramWorkspace.Cache()

  init(_ body: Body, states: [Int], initialStates: [Mat]) {
    (self.body, self.states, self.initialStates) = (body, states, initialStates)
  }
}

extension Layer {
  /// Records the layer over T time steps of B sequences.
  ///
  /// - Parameters:
  ///   - graph: records a node.
  ///   - x: vectors, [I × T·B]; a table of which the tokens select rows; nil for one-hot tokens.
  ///   - tokens: T·B of them, kept by the graph; nil for vectors.
  ///   - T: time steps.
  ///   - state: of all layers; this layer's becomes the final one.
  ///   - k: the layer's index.
  ///   - lengths: valid time steps of each sequence; kept by the graph.
  ///   - wantsInput: whether the gradient of vectors is needed.
  ///   - random: draws the masks inside a step; nil for evaluation.
  /// - Returns: the outputs, [H × T·B].
  func scan(
    _ graph: Graph, _ x: Mat?, tokens: UnsafeMutablePointer<Int32>?, steps T: Int, _ state: inout Network.State,
    _ k: Int, lengths: UnsafeMutablePointer<Int32>?, wantsInput: Bool, random: Random?
  ) throws(RecurrentError) -> Mat {
    switch body {
    case .builtin(let cell, let weights, _):
      let (y, h, c) = try graph.scan(
        cell, x, tokens: tokens, steps: T, h: state.mats[0][k], c: cell.hasCell ? state.mats[1][k] : nil, weights,
        lengths: lengths, wantsInput: wantsInput)
      state.mats[0][k] = h
      if let c { state.mats[1][k] = c }
      return y
    case .program(let program, let parameters):
      let (y, after) = try graph.scan(
        program, x, tokens: tokens, states: state.mats.map { $0[k] }, parameters: parameters, steps: T,
        lengths: lengths, wantsInput: wantsInput, random: random, cache: workspaces)
      for s in after.indices { state.mats[s][k] = after[s] }
      return y
    }
  }

  /// Whether training draws random numbers inside the step.
  var isRandom: Bool { if case .program(let program, _) = body { program.isRandom } else { false } }

  /// Records one time step.
  func advance(_ graph: Graph, _ x: Mat, _ states: [Mat]) throws(RecurrentError) -> [Mat] {
    switch body {
    case .builtin(.rnnRelu, let w, _): return [try graph.rnn(x, states[0], Wx: w.Wx, Wh: w.Wh, b: w.b)]
    case .builtin(.lstm, let w, _):
      let (h, c) = try graph.lstm(x, states[0], states[1], Wx: w.Wx, Wh: w.Wh, b: w.b)
      return [h, c]
    case .builtin(let cell, let weights, _): return [try graph.scan(cell, x, steps: 1, h: states[0], c: nil, weights).y]
    case .program(let program, let parameters):
      return try graph.scan(program, x, states: states, parameters: parameters, steps: 1).states
    }
  }
}
