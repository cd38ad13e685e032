// Random operations of a step: dropout and zoneout. A run draws their masks before its first time step.

import Kernels

/// How often dropout inside a step draws.
public enum DropoutScope: Int32, Sendable, CaseIterable {
  /// At each time step.
  case step = 0
  /// Once for each sequence of a run, for all its time steps: variational dropout, Gal and Ghahramani, arXiv:1512.05287.
  case sequence = 1
}

extension Graph {
  /// Records dropout of a step: in training each element is 0 with probability `rate`, and divided by 1 − `rate`
  /// otherwise; in evaluation the result is m.
  ///
  /// A parameter is dropped once for a run, for all time steps and sequences: DropConnect, Wan et al., ICML 2013.
  ///
  /// - Parameters:
  ///   - m: a value of the step, or a parameter.
  ///   - rate: at least 0 and below 1.
  ///   - scope: how often a value's mask is drawn.
  /// - Throws: `.invalidated` for a graph that records no step; `.badValue` for a rate out of range.
  public func dropout(_ m: Mat, rate: Double, per scope: DropoutScope = .step) throws(RecurrentError) -> Mat {
    try requireStep("dropout without a generator")
    try Dropout.validate(rate: rate)
    if rate == 0 { return m }
    return try record(StepDropout(rate: rate, scope: scope), m, n: m.n, d: m.d)
  }

  /// Records zoneout of a step: in training each element is that of `previous` with probability `rate`, and that of m
  /// otherwise; in evaluation it is their mean, `rate`·previous + (1 − `rate`)·m.
  ///
  /// - Parameters:
  ///   - m: the new value.
  ///   - previous: of the same shape, the state before the step.
  ///   - rate: at least 0 and below 1.
  /// - Throws: `.invalidated` for a graph that records no step; `.badShape`; `.badValue` for a rate out of range.
  ///
  /// Reference: Krueger et al., arXiv:1606.01305.
  public func zoneout(_ m: Mat, _ previous: Mat, rate: Double) throws(RecurrentError) -> Mat {
    try requireStep("zoneout")
    try require(rate >= 0 && rate < 1, .badValue, "rate is out of range; expected at least 0 and below 1, got \(rate)")
    try require(
      m.n == previous.n && m.d == previous.d, .badShape,
      "previous has the wrong shape; expected \(m.shape), got \(previous.shape)")
    if rate == 0 { return m }
    return try record(StepZoneout(rate: rate), m, previous, n: m.n, d: m.d)
  }

  func requireStep(_ name: String) throws(RecurrentError) {
    try require(
      recordedOperands != nil, .invalidated,
      "\(name) is an operation of steps; expected the graph of a step that is recorded, got another graph")
  }
}

private struct StepDropout: GraphOperation {
  let rate: Double, scope: DropoutScope

  var name: String { "dropout" }

  // a step's graph only records; outside of training nothing is dropped
  func forward<T: Real>(_ args: Operands<T>) { copy(args[0], to: args.y) }

  func backward<T: Real>(_ args: Operands<T>) { accumulate(args.dy, times: 1, into: args.gradient(0)) }

  var backwardReads: BackwardReads { BackwardReads() }

  var recordedOperation: RecordedOperation? { .dropout(rate, scope) }
}

private struct StepZoneout: GraphOperation {
  let rate: Double

  var name: String { "zoneout" }

  func forward<T: Real>(_ args: Operands<T>) {
    copy(args[0], to: args.y)
    apply(.scale, T(1 - rate), args.y, to: args.y)
    accumulate(args[1], times: T(rate), into: args.y)
  }

  func backward<T: Real>(_ args: Operands<T>) {
    accumulate(args.dy, times: T(1 - rate), into: args.gradient(0))
    accumulate(args.dy, times: T(rate), into: args.gradient(1))
  }

  var backwardReads: BackwardReads { BackwardReads() }

  var recordedOperation: RecordedOperation? { .zoneout(rate) }
}

// MARK: Masks of a run

/// Random factors of a step: each is 0 with probability `rate`, else `kept`; in evaluation `mean`.
struct StepMask: Hashable {
  let rows: Int
  let rate: Double, kept: Double, mean: Double
  let scope: DropoutScope
}

extension Graph {
  /// Appends the masks of a run over T time steps of B sequences as operands, in the order of the operations that use them.
  ///
  /// - Parameter random: draws them in column-major order; nil for evaluation, where a mask is a single column.
  func appendMasks(_ program: Program, _ T: Int, _ B: Int, _ random: Random?) throws(RecurrentError) {
    for mask in program.plan.masks { try appendConstant(program.draw(mask, T, B, on: self, random)) }
  }
}

extension Program {
  func draw(
    _ mask: StepMask, _ T: Int, _ B: Int, on graph: Graph, _ random: Random?
  ) throws(RecurrentError) -> Mat {
    guard let random else {
      let mean = try graph.constants(mask.rows, 1, dtype)
      try mean.fill(mask.mean)
      return mean
    }
    let drawn = try graph.constants(mask.rows, mask.scope == .step ? T * B : B, dtype)
    drawn.fillMask(rate: mask.rate, kept: mask.kept, random)
    return drawn
  }
}
