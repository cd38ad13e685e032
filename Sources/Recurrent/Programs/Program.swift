// A recurrent step, recorded once and planned: it runs over sequences at the speed of a built-in layer.

import Kernels

/// The equations of one time step, written with the operations of a graph, recorded once and planned.
///
///     let cell = try Program(inputs: I, states: [H]) { g, x, s in
///       guard let x else { return s }
///       return [try g.tanh(g.add(g.add(g.mul(Wx, x), g.mul(Wh, s[0])), b))]
///     }
///     let (y, final) = try graph.scan(cell, x, states: [h0], steps: T)
///
/// The step may use element-wise operations, products with a parameter on the left, `concatRows`, slices of rows, and of
/// each column the sum, the mean, `softmax` and `layerNorm`; and dropout and zoneout, which act where a run is given a
/// generator.
/// Mats from outside are its parameters; a single column is the same for every sequence. The values of x and of the
/// states are placeholders while the step is recorded: they have no numbers, and the number of their columns, the batch
/// size, must not be used. Operations on parameters alone are computed once, before the first step.
public final class Program: Sendable {
  /// The sizes.
  public let settings: Settings
  /// Rows of x; 0 for a step without.
  public var inputs: Int { settings.inputs }
  /// Rows of each state; the first is the output.
  public var states: [Int] { settings.states }
  /// How many nodes the step reads the states of; 1 in a sequence.
  public var children: Int { settings.children }
  /// The type of all Mats of the step.
  public var dtype: DType { settings.dtype }

  /// Whether a run with a generator draws random numbers.
  var isRandom: Bool {
    !plan.masks.isEmpty
      || step.parameters.contains { if case .computed(.dropout, _) = $0 { true } else { false } }
  }

  /// Whether a run with a generator draws a mask once for all its time steps.
  var drawsOnce: Bool {
    plan.masks.contains { $0.scope == .sequence }
      || step.parameters.contains { if case .computed(.dropout, _) = $0 { true } else { false } }
  }

  nonisolated(unsafe) let step: RecordedStep
  let plan: StepPlan
  /// The workspaces of the last sequence, of the last single step, and of the last forest.
  let scanWorkspaces = ProgramWorkspace.Cache(), stepWorkspaces = ProgramWorkspace.Cache()
  let forestWorkspaces = ProgramWorkspace.Cache()
  /// Whether x may be a table of which tokens select rows, and whether it may be one-hot tokens.
  let takesTable: Bool, takesOneHotTokens: Bool
  /// Whether the step's parameters are the arguments of a run, in their order.
  private let readsArgumentsAlone: Bool

  /// Records and plans a step that captures its parameters.
  ///
  /// - Parameters:
  ///   - inputs: rows of x; 0 for a step without.
  ///   - states: rows of each state, at least one; the first is the output.
  ///   - children: how many nodes of a tree the step reads the states of; 1 in a sequence.
  ///   - dtype: the type of all Mats of the step.
  ///   - step: receives a graph, x, and the states before the step, those of the first child first; returns the states
  ///     after it.
  /// - Throws: what `step` throws; `.badShape` for sizes out of range or states of another shape; `.badValue` for an
  ///   operation that a step cannot use.
  public convenience init(
    inputs: Int, states: [Int], children: Int = 1, dtype: DType = .float32,
    _ step: (_ g: Graph, _ x: Mat?, _ states: [Mat]) throws(RecurrentError) -> [Mat]
  ) throws(RecurrentError) {
    let recorder = try ProgramRecorder(Settings(inputs: inputs, states: states, children: children, dtype: dtype))
    let program = try recorder.finish(step(recorder.graph, recorder.x, recorder.states))
    try self.init(recorder.settings, program.step)
  }

  /// Plans a recorded step.
  init(_ settings: Settings, _ step: RecordedStep) throws(RecurrentError) {
    (self.settings, self.step, plan) = (settings, step, try StepPlan(step))
    (takesTable, takesOneHotTokens) = (plan.takesTable, plan.takesOneHotTokens)
    readsArgumentsAlone =
      step.parameters.count == settings.parameters.count
      && step.parameters.enumerated().allSatisfy { i, parameter in
        if case .argument(i) = parameter { true } else { false }
      }
  }

  /// The multiplications of one column.
  private var multiplications: Int {
    zip(plan.stacks, plan.products).reduce(0) { sum, each in
      sum + each.1.reduce(0) { $0 + $1.columns } * each.0.rows
    }
  }

  /// The columns of a forest that are computed together, at most: 50 million multiplications, some milliseconds, between
  /// two checks of an interrupt.
  var columnsOfLevel: Int { max(48, min(1024, 50_000_000 / max(1, multiplications))) }

  /// The threads of a run that computes `columns` columns together.
  func threads(columns: Int) -> Int {
    // 400 000 operations per step and thread, or waiting at barriers costs more than the threads save
    let work = 2.0 * Double(multiplications) * Double(columns)
    return max(1, min(ThreadPool.count, Int(min(work / 400_000, 1_000))))
  }

  /// The Mats of the step's parameters on a graph: those that are computed are recorded there.
  ///
  /// - Parameters:
  ///   - arguments: those that a run receives.
  ///   - random: draws the dropout of parameters; nil for evaluation.
  func parameters(_ arguments: [Mat], on graph: Graph, _ random: Random? = nil) throws(RecurrentError) -> [Mat] {
    if readsArgumentsAlone { return arguments }
    var mats: [Mat] = []
    for parameter in step.parameters {
      switch parameter {
      case .argument(let i): mats.append(arguments[i])
      case .mat(let mat): mats.append(mat)
      case .part(let of, let row, let column, let n, let d):
        mats.append(try mats[of].view(row: row, column: column, n: n, d: d))
      case .computed(let operation, let operands):
        var operandMats: [Mat] = []
        for operand in operands { operandMats.append(mats[operand]) }
        mats.append(try operation.record(operandMats, on: graph, random))
      }
    }
    return mats
  }
}
