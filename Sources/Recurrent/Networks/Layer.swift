// A layer of a network: its step with its weights.

/// A layer of a network: its step with its weights.
///
/// A class, since the copies of a structure of Mats would cost a training step of a small network 1 %.
final class Layer {
  let program: Program
  /// The program's parameters.
  let parameters: [Mat]
  /// The learned initial states, [rows × 1]; none where sequences begin with zeros.
  let initialStates: [Mat]

  /// Rows of each state; the first is the output.
  var states: [Int] { program.states }
  /// Rows of the output.
  var outputs: Int { program.states[0] }
  /// Whether training draws random numbers inside the step.
  var isRandom: Bool { program.isRandom }
  /// Whether training draws a mask once for all time steps.
  var drawsOnce: Bool { program.drawsOnce }

  init(_ program: Program, _ parameters: [Mat], initialStates: [Mat]) {
    (self.program, self.parameters, self.initialStates) = (program, parameters, initialStates)
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
  ///   - resets: where sequences begin; kept by the graph.
  ///   - wantsInput: whether the gradient of vectors is needed.
  ///   - random: draws the masks inside a step; nil for evaluation.
  /// - Returns: the outputs, [H × T·B].
  func scan(
    _ graph: Graph, _ x: Mat?, tokens: UnsafeMutablePointer<Int32>?, steps T: Int, _ state: inout Network.State,
    _ k: Int, lengths: UnsafeMutablePointer<Int32>?, resets: UnsafeMutablePointer<Int32>? = nil, wantsInput: Bool,
    random: Random?
  ) throws(RecurrentError) -> Mat {
    try graph.scan(
      program, x, tokens: tokens, states: &state.mats, k, parameters: parameters, steps: T, lengths: lengths,
      resets: resets, starts: initialStates, wantsInput: wantsInput, random: random)
  }
}
