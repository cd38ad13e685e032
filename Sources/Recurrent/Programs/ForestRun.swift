// A program over the nodes of a forest as one graph node: the passes over levels.

import Kernels

/// The settings of a forest's node besides its operands: x, the states of the leaves, the parameters.
struct ProgramForest {
  /// A sequence of nodes, lowest first, one column each.
  let scan: ProgramScan
}

extension ProgramForest: GraphOperation {
  var name: String { "forest" }

  func forward<T: Real>(_ args: Operands<T>) { ForestRun(ProgramRun(scan, args)).forward() }

  func backward<T: Real>(_ args: Operands<T>) { ForestRun(ProgramRun(scan, args)).backward() }

  // what else the pass reads is in the scratch
  var backwardReads: BackwardReads { .operands }
}

/// A forest's node with views of its operands, its result and its scratch.
///
/// The result holds the states of all leaves and nodes, [rows × columns] each. A level is a range of columns of the tape:
/// the states of its nodes' children are gathered before it, and its states are copied to their columns after it.
struct ForestRun<Scalar: Real> {
  let run: ProgramRun<Scalar>, levels: ForestLevels

  init(_ run: ProgramRun<Scalar>) { (self.run, levels) = (run, run.scan.levels.unsafelyUnwrapped) }

  private var states: [Int] { run.plan.states }
  private var columns: Int { levels.leaves + levels.nodes }

  /// The first element of state k in the result.
  static func offset(_ k: Int, _ states: [Int], columns: Int) -> Int {
    states.prefix(k).reduce(0) { $0 + $1 * columns }
  }

  private func states(_ p: UnsafeMutablePointer<Scalar>, _ k: Int) -> MatrixView<Scalar> {
    MatrixView(
      p + ForestRun.offset(k, states, columns: columns), rows: states[k], columns: columns, columnStride: states[k])
  }
  /// State k of all leaves and nodes, and its gradient.
  private func state(_ k: Int) -> MatrixView<Scalar> { states(run.operands.y.p, k) }
  private func dState(_ k: Int) -> MatrixView<Scalar> { states(run.operands.dy.p, k) }

  // MARK: Forward

  func forward() {
    if levels.leaves > 0 {
      for k in states.indices { copy(run.initial(k), to: state(k).columns(0, levels.leaves)) }
    }
    run.gatherWeights()
    run.gatherBiases()
    let progress = Progress(), work = run.stepWork, part = run.part
    ThreadPool.run(run.scan.threads) { thread, team in
      // each thread reads only the panels that it packed itself
      run.packWeights(team, thread)
      gatherInput(team.share(levels.nodes, thread))
      team.barrier()
      run.precomputeInput(nil, team, thread, progress)
      let code = run.forwardCode(team, thread)
      team.barrier()
      for l in 0..<levels.count {
        let level = levels.level(l), mine = team.share(level.count, thread)
        gatherChildren(level.lowerBound + mine.lowerBound, mine.count)
        team.barrier()
        code.run(level.lowerBound, columns: level.count, mine: mine, part: part, team)
        storeStates(level.lowerBound + mine.lowerBound, mine.count)
        progress.count(work * level.count, step: l, thread)
        team.barrier()
        if progress.isLast(l) { break }
      }
    }
  }

  /// Copies x into the order of heights.
  private func gatherInput(_ mine: Range<Int>) {
    if run.plan.inputs == 0 { return }
    gatherColumns(
      run.operands[0], levels.order + mine.lowerBound, to: run.x.columns(mine.lowerBound, mine.count))
  }

  /// Copies the states of the children of `count` nodes; zeros for those that they do not have.
  private func gatherChildren(_ first: Int, _ count: Int) {
    for k in states.indices {
      let from = state(k)
      for c in 0..<levels.arity {
        gatherColumns(from, levels.children(c) + first, to: run.states(c * states.count + k).columns(first, count))
      }
    }
  }

  private func storeStates(_ first: Int, _ count: Int) {
    for k in states.indices {
      placeColumns(
        run.statesAfter(k).columns(first, count), levels.order + first,
        to: state(k).columns(levels.leaves, levels.nodes))
    }
  }

  // MARK: Backward

  func backward() {
    run.gatherWeights()
    run.clearOutputGradient()
    run.clear(run.parameterGradients, 0..<levels.nodes)
    let progress = Progress(), work = 2 * run.stepWork, part = run.part
    ThreadPool.run(run.scan.threads) { thread, team in
      run.packTransposed(team, thread)
      let code = run.backwardCode(team, thread, version: 0)
      for l in (0..<levels.count).reversed() {
        let level = levels.level(l), mine = team.share(level.count, thread)
        gatherGradients(level.lowerBound, mine)
        team.barrier()
        progress.count(work * level.count, step: levels.count - l, thread)
        code.run(level.lowerBound, columns: level.count, mine: mine, part: part, team)
        scatterGradients(level, team, thread)
        team.barrier()
        if progress.isLast(levels.count - l) { return }
      }
      if levels.leaves > 0 {
        let mine = team.share(levels.leaves, thread)
        for k in states.indices where !mine.isEmpty {
          accumulate(
            dState(k).columns(mine.lowerBound, mine.count), times: 1,
            into: run.dInitial(k).columns(mine.lowerBound, mine.count))
        }
      }
      run.weightGradients(team, thread, progress)
      if run.scan.wantsInput {
        run.inputGradients(nil, team, thread, progress)
        scatterInputGradients(team.share(levels.nodes, thread))
      }
    }
  }

  /// Copies the gradients of the states of some nodes of a level, which are complete: all their parents are higher.
  private func gatherGradients(_ first: Int, _ mine: Range<Int>) {
    for k in states.indices {
      gatherColumns(
        dState(k).columns(levels.leaves, levels.nodes), levels.order + first + mine.lowerBound,
        to: run.carry(k, 0).columns(mine.lowerBound, mine.count))
    }
  }

  /// Adds the gradients of the children's states in a fixed order. Each thread adds some rows: nodes can share a child.
  private func scatterGradients(_ level: Range<Int>, _ team: Team, _ thread: Int) {
    for (k, rows) in states.enumerated() {
      let mine = team.share(rows, thread)
      if mine.isEmpty { continue }
      let to = dState(k).rows(mine.lowerBound, mine.count)
      for c in 0..<levels.arity {
        let from = run.carry(c * states.count + k, 1).rows(mine.lowerBound, mine.count)
        scatterColumns(from.columns(0, level.count), levels.children(c) + level.lowerBound, into: to)
      }
    }
  }

  private func scatterInputGradients(_ mine: Range<Int>) {
    scatterColumns(
      run.dx.columns(mine.lowerBound, mine.count), levels.order + mine.lowerBound, into: run.operands.gradient(0))
  }
}
