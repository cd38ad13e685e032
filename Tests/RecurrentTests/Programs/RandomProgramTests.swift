// Random steps: a program computes what the graph computes operation by operation.

import Campaigns
import Testing

@testable import Recurrent

struct RandomProgramTests {
  // parts, which run in parallel
  @Test(arguments: 0..<20) func equalTheGraph(part: Int) throws {
    let cases = harden ? 5_000 : 100
    try campaign("Random programs that differ from the graph") { count in
      for seed in part * cases..<(part + 1) * cases {
        count.cases += 1
        let random = Random(seed: UInt64(seed) &* 7919 &+ 3)
        let resets = seed % 7 < 2, step = RandomStep(random, attends: !resets)
        let B = [1, 2, 7, 13, 50][seed % 5], T = 1 + seed % 4
        let lengths = seed % 3 == 0 ? (0..<B).map { _ in Int(random.next() % UInt64(T + 1)) } : nil
        var c = try StepCase(
          inputs: step.inputs, states: step.states, parameters: step.parameters, T: T, B: B, lengths: lengths, random
        ) { g, x, s, p throws(RecurrentError) in try step.record(g, x, s, p) }
        if resets { c = try c.resetting(random, hasStarts: seed % 7 == 0) }
        let program: Program
        do {
          program = seed % 2 == 0 ? try c.program() : try c.programOfArguments()
        } catch {
          Issue.record("seed \(seed): \(error) in \(step)")
          count.failures += 1
          return
        }
        var tokens: [Int32]?, oneHot: [Int32]?, table: Mat?
        if step.inputs > 0 && seed % 4 == 1 {
          oneHot = try c.makeOneHot(random)
          tokens = oneHot
        } else if step.inputs > 0 && seed % 4 == 3 && program.takesTable {
          (table, tokens) = try c.makeTable(of: 1 + seed % 7, random)
        }
        // every other step with masks is trained, the others are evaluated
        let draws = seed % 2 == 0, maskSeed = UInt64(seed)
        let reference = try c.masked(program, draws ? Random(seed: maskSeed) : nil) {
          g, x, s, p, m throws(RecurrentError) in
          try step.record(g, x, s, p, past: m.past) { i throws(RecurrentError) in try m(i) }
        }
        let planned = try c.planned(
          program, tokens: tokens, table: table, random: draws ? Random(seed: maskSeed) : nil)
        var recorded = try reference.recorded()
        if let table, let tokens, let i = recorded.tensors.firstIndex(where: { $0.name == "dx" }) {
          recorded.tensors[i].numbers = c.tableGradient(recorded.tensors[i].numbers, tokens, of: table.n)
        }
        // a step without a graph does not train, begins once and forgets the past
        let outcomes =
          draws && program.isRandom || resets || program.attends
          ? [planned] : [planned, try c.stepped(program, tokens: oneHot)]
        for outcome in outcomes {
          let (name, error) = StepCase.difference(outcome, recorded)
          #expect(error < 1e-10, "seed \(seed) B \(B) T \(T): \(name) differs by \(error) in \(step)")
          if error >= 1e-10 {
            count.failures += 1
            return
          }
        }
      }
    }
  }
}
