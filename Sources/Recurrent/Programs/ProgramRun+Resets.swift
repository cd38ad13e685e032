// Sequences that begin within the time steps: their states are replaced before such a step.

import Kernels

extension ProgramRun {
  /// Whether sequence j begins at time step t.
  private func begins(_ t: Int, _ j: Int) -> Bool { scan.resets.map { $0[t * B + j] != 0 } ?? false }

  /// Copies the states before time step t: those after the step before, or those of a sequence that begins.
  func setStates(before t: Int, _ j: Int) {
    for k in plan.states.indices {
      let to = before(k).columns(t * B + j, 1)
      if !begins(t, j) {
        copy(state(k, after: t - 1).columns(j, 1), to: to)
      } else if let start = start(ofState: k) {
        copy(start, to: to)
      } else {
        fill(to, with: 0)
      }
    }
  }

  /// Ends the gradients of a sequence that begins at time step t, and adds that of the output before it.
  ///
  /// - Parameter version: of the carried gradients before the step.
  func cutGradients(before t: Int, _ j: Int, version: Int) {
    // what padding carries is discarded, and may be anything
    if t >= length(j) { return }
    for k in plan.states.indices {
      let carried = carry(k, version).columns(j, 1)
      if begins(t, j) {
        accumulate(carried, times: 1, into: startGradients(k).columns(j, 1))
        fill(carried, with: 0)
      }
      if k == 0 && t > 0 { accumulate(dy(t - 1).columns(j, 1), times: 1, into: carried) }
    }
  }

  func clearStartGradients(_ j: Int) {
    for k in plan.states.indices { fill(startGradients(k).columns(j, 1), with: 0) }
  }

  /// Adds the gradients of the states that sequences begin with.
  func addStartGradients(_ team: Team, _ thread: Int) {
    for k in plan.states.indices {
      if let to = dStart(ofState: k) { addColumns(startGradients(k), to: to, team, thread) }
    }
  }
}
