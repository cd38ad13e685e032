// Random steps: a program computes what the graph computes operation by operation.

import Campaigns
import Testing

@testable import Recurrent

struct RandomProgramTests {
  @Test func equalTheGraph() throws {
    let cases = harden ? 100_000 : 2_000
    var seen = 0
    defer { count("Random programs that differ from the graph", cases: seen, failures: seen < cases ? 1 : 0) }
    for seed in 0..<cases {
      let random = Random(seed: UInt64(seed) &* 7919 &+ 3)
      let step = RandomStep(random)
      let B = [1, 2, 7, 13, 50][seed % 5], T = 1 + seed % 4
      let lengths = seed % 3 == 0 ? (0..<B).map { _ in Int(random.next() % UInt64(T + 1)) } : nil
      let c = try StepCase(
        inputs: step.inputs, states: step.states, parameters: step.parameters, T: T, B: B, lengths: lengths, random
      ) { g, x, s, p throws(RecurrentError) in try step.record(g, x, s, p) }
      let program: Program
      do {
        program = seed % 2 == 0 ? try c.program() : try c.programOfArguments()
      } catch {
        Issue.record("seed \(seed): \(error) in \(step)")
        return
      }
      let tokens = seed % 4 == 1 && step.inputs > 0 ? try c.makeOneHot(random) : nil
      var planned = try c.planned(program, tokens: tokens)
      if tokens != nil { planned.tensors.removeAll { $0.name == "dx" } }
      let recorded = try c.recorded()
      for outcome in [planned, try c.stepped(program, tokens: tokens)] {
        let (name, error) = StepCase.difference(outcome, recorded)
        #expect(error < 1e-10, "seed \(seed) B \(B) T \(T): \(name) differs by \(error) in \(step)")
        if error >= 1e-10 { return }
      }
      seen += 1
    }
  }
}
