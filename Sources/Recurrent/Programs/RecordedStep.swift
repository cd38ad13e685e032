// A step as it was recorded: operations on whole matrices and views of their rows.

import Kernels

/// The equations of one time step, as a graph recorded them on placeholders.
struct RecordedStep {
  /// What an operand is a view of.
  enum Source: Hashable {
    case input
    case state(Int)
    case parameter(Int)
    case node(Int)
  }

  /// Rows `row ..< row + rows` of a source.
  struct View {
    let source: Source, row: Int, rows: Int
  }

  struct Node {
    let operation: RecordedOperation
    let operands: [View]
    let rows: Int
  }

  /// A matrix from outside of the step.
  enum Parameter {
    /// One that a run receives, by index.
    case argument(Int)
    /// One that the step captured.
    case mat(Mat)
    /// The result of an operation whose operands are parameters: computed once, before the first step.
    case computed(RecordedOperation, [Int])
    /// Part of a computed parameter.
    case part(of: Int, row: Int, column: Int, n: Int, d: Int)
  }

  /// Rows of x; 0 for a step without.
  let inputs: Int
  /// Rows of each state after the step.
  let states: [Int]
  /// How many times the states are read: once for each child.
  let children: Int
  var parameters: [Parameter] = []
  /// In an order in which operands precede results.
  var nodes: [Node] = []
  /// The next value of each state.
  var next: [View] = []
  /// The values with a name.
  var names: [(name: String, view: View)] = []
  /// The operations as they were recorded, from which a file rebuilds the step.
  var trace = StepTrace()

  init(inputs: Int, states: [Int], children: Int = 1) {
    (self.inputs, self.states, self.children) = (inputs, states, children)
  }

  /// Rows of each state before the step: those of the first child, then those of the second.
  var before: [Int] { (0..<children).flatMap { _ in states } }

  /// Rows of a source that is not a parameter.
  func rows(_ source: Source) -> Int {
    switch source {
    case .input: inputs
    case .state(let k): states[k % states.count]
    case .node(let i): nodes[i].rows
    case .parameter: 0
    }
  }
}
