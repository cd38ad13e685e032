// A program over a whole sequence as one graph node: its settings and its memory.

import Kernels

/// The settings of a program's node besides its operands: x, the states, the parameters.
struct ProgramScan {
  /// The graph keeps the program until its reset.
  let program: Unmanaged<Program>
  /// Time steps and batch size.
  let T: Int, B: Int
  /// x as T·B tokens: rows of operand 0, a table; or, one-hot, columns of the weights. nil for vectors.
  let tokens: UnsafeMutablePointer<Int32>?
  /// The number of different tokens; 0 for vectors.
  let V: Int
  /// Whether a token is a one-hot column.
  let isOneHot: Bool
  /// Valid time steps of each sequence; nil for T.
  let lengths: UnsafeMutablePointer<Int32>?
  /// For each time step and sequence whether the sequence begins there; nil where none does.
  var resets: UnsafeMutablePointer<Int32>?
  /// Whether the states of sequences that begin are operands; zeros otherwise.
  var hasStarts = false
  /// Whether the input's gradient is needed.
  let wantsInput: Bool
  /// Whether a backward pass may follow.
  let hasHistory: Bool
  let threads: Int
  /// The nodes of a forest: T of them, one column each, and not after one another but by height; nil for a sequence.
  var levels: ForestLevels?
  /// The regions of the scratch, which the graph keeps; set when the node is recorded.
  var workspace: Unmanaged<ProgramWorkspace>?

  /// The columns that are computed together, at most.
  var width: Int { levels?.widest ?? B }
  /// Whether it is a single step that reads the weights where they lie: below 32 columns packing them costs more.
  var isStep: Bool {
    T == 1 && B < 32 && tokens == nil && lengths == nil && resets == nil && levels == nil
  }
  /// Whether states are given.
  var hasInitialStates: Bool { levels.map { $0.leaves > 0 } ?? true }
  /// Whether x is copied before it is used.
  var copiesInput: Bool { levels != nil || (tokens == nil && lengths != nil) }

  /// Whether the products of every token are computed once, and each step's sums begin with those of its tokens.
  var looksUp: Bool { tokens != nil && V <= T * B }
  /// Whether the tokens select rows of a table.
  var hasTable: Bool { tokens != nil && !isOneHot }

  /// Whether the input's product is computed for all steps at once, before the first: below 12 columns a step's product
  /// is bound by reading the weights.
  func isInputPrecomputed(_ products: [StackProduct]) -> Bool {
    products.contains { $0.isInput } && (tokens != nil || B < 12 || products.allSatisfy { $0.isInput })
  }

  /// Whether a step's sums begin with the products of its tokens.
  func looksUp(_ products: [StackProduct]) -> Bool {
    looksUp && products.contains { $0.isInput }
  }
}

extension ProgramScan: GraphOperation {
  var name: String { "scan" }

  func forward<T: Real>(_ args: Operands<T>) {
    let run = ProgramRun(self, args)
    if isStep { run.forwardStep() } else { run.forward() }
  }

  func backward<T: Real>(_ args: Operands<T>) {
    let run = ProgramRun(self, args)
    if isStep { run.backwardStep() } else { run.backward() }
  }

  // every operand is read, x and the states by the weights' gradients
  var backwardReads: BackwardReads { .all }
}

extension StepPlan {
  /// The columns that element-wise operations compute at a time: what they touch stays in the first-level cache.
  func columnsOfPart<T: Real>(_ B: Int, _: T.Type) -> Int {
    let rows = max(1, maxSegmentRows)
    return max(1, min(B, 20_000 / (rows * MemoryLayout<T>.size)))
  }
}
