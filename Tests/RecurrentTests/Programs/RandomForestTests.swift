// Random forests of random steps: a program computes what the graph computes node by node.

import Campaigns
import Testing

@testable import Recurrent

struct RandomForestTests {
  // parts, which run in parallel
  @Test(arguments: 0..<10) func equalTheGraph(part: Int) throws {
    let cases = harden ? 5_000 : 100
    try campaign("Random forests that differ from the graph") { count in
      for seed in part * cases..<(part + 1) * cases {
        count.cases += 1
        let random = Random(seed: UInt64(seed) &* 7919 &+ 11)
        let arity = 1 + seed % 4, leaves = [0, 1, 5, 12][seed / 4 % 4], nodes = 1 + Int(random.next() % 20)
        let step = RandomStep(random, children: arity)
        let children = ForestCase.children(nodes, arity: arity, leaves: leaves, random)
        let c = try ForestCase(
          inputs: step.inputs, states: step.states, parameters: step.parameters, leaves: leaves, children: children,
          random
        ) { g, x, s, p throws(RecurrentError) in try step.record(g, x, s, p) }
        let program = try seed % 2 == 0 ? c.program() : c.programOfArguments(), recorded = try c.recorded()
        let every = seed % 3 == 0 ? 1 + seed % 5 : nil
        for outcome in [try c.planned(program), try c.applied(program, reading: every)] {
          let (name, error) = StepCase.difference(outcome, recorded)
          #expect(error < 1e-10, "seed \(seed): \(name) differs by \(error) in \(step), children \(children)")
          if error >= 1e-10 {
            count.failures += 1
            return
          }
        }
      }
    }
  }
}
