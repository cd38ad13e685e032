// Plans with a planted fault: the verification refuses each.

import Testing

@testable import Recurrent

struct VerificationTests {
  /// A step with everything that a plan has: two stages, a slice, a peephole, a state that is a bare sum.
  private func plan() throws -> StepPlan {
    let random = Random(seed: 3), H = 8
    func mat(_ n: Int, _ d: Int) throws -> Mat {
      let m = try Mat(n, d, .float64)
      try m.fillUniform(-1, 1, random)
      return m
    }
    let W = try mat(3 * H, 5), U = try mat(3 * H, H), b = try mat(3 * H, 1), V = try mat(H, H), p = try mat(H, 1)
    let program = try Program(inputs: 5, states: [H, H], dtype: .float64) { g, x, s throws(RecurrentError) in
      guard let x else { return s }
      let z = try g.add(g.add(g.mul(W, x), g.mul(U, s[0])), b)
      let i = try g.sigmoid(g.add(g.sliceRows(z, 0, H), g.eltmul(p, s[1])))
      let f = try g.sigmoid(g.sliceRows(z, H, H)), n = try g.tanh(g.sliceRows(z, 2 * H, H))
      let c = try g.add(g.eltmul(f, s[1]), g.eltmul(i, n))
      let m = try g.mul(V, g.eltmul(f, c))
      return [try g.eltmul(g.tanh(m), g.sub(c, n)), m]
    }
    return program.plan
  }

  /// Changes one segment of a pass.
  private func change(_ pass: inout [PlannedInstruction], _ change: (inout PlannedSegment) -> Bool) -> Bool {
    for i in pass.indices {
      if case .segment(var segment) = pass[i], change(&segment) {
        pass[i] = .segment(segment)
        return true
      }
    }
    return false
  }

  private func isRefused(_ plan: StepPlan) -> Bool {
    do {
      try plan.verify()
      return false
    } catch {
      return true
    }
  }

  @Test func acceptsThePlan() throws { #expect(!isRefused(try plan())) }

  /// Every exchange of two operations that depend on each other.
  @Test func refusesExchangedOperations() throws {
    let original = try plan()
    var exchanged = 0
    for pass in [\StepPlan.forward, \StepPlan.backward] {
      for i in original[keyPath: pass].indices {
        guard case .segment(let segment) = original[keyPath: pass][i] else { continue }
        for k in segment.operations.indices.dropFirst() {
          let (a, b) = (segment.operations[k - 1], segment.operations[k])
          let operands = b.values.flatMap { original.values[$0].operands }
          if !operands.contains(where: { a.values.contains($0) }) { continue }
          var plan = original, changed = segment
          changed.operations.swapAt(k - 1, k)
          plan[keyPath: pass][i] = .segment(changed)
          exchanged += 1
          #expect(isRefused(plan), "operations \(k - 1) and \(k)")
        }
      }
    }
    #expect(exchanged >= 4)
  }

  /// Every operation, left out.
  @Test func refusesMissingOperations() throws {
    let original = try plan()
    for pass in [\StepPlan.forward, \StepPlan.backward] {
      for i in original[keyPath: pass].indices {
        guard case .segment(let segment) = original[keyPath: pass][i] else { continue }
        for k in segment.operations.indices {
          var plan = original, changed = segment
          changed.operations.remove(at: k)
          plan[keyPath: pass][i] = .segment(changed)
          #expect(isRefused(plan), "operation \(k) of \(i)")
        }
      }
    }
  }

  /// Every instruction, left out; and every neighbours, exchanged where one reads the other.
  @Test func refusesMissingInstructions() throws {
    let original = try plan()
    for pass in [\StepPlan.forward, \StepPlan.backward] {
      for i in original[keyPath: pass].indices {
        var plan = original
        plan[keyPath: pass].remove(at: i)
        #expect(isRefused(plan), "instruction \(i)")
      }
    }
  }

  /// A value that is read after the last step, the operand of a product or a gradient, and takes the rows of another.
  @Test func refusesSharedRows() throws {
    let original = try plan()
    let kept = original.stacks.flatMap(\.operands) + original.gradients.results
    var shared = 0
    for i in kept {
      guard let place = original.layout.places[i], original.values[i].operation.isMicro else { continue }
      for k in kept {
        guard let other = original.layout.places[k], other.region == place.region, other.row > place.row,
          original.values[i].rows == original.values[k].rows
        else { continue }
        var plan = original
        func moved(_ p: Place) -> Place { p == other ? place : p }
        for pass in [\StepPlan.forward, \StepPlan.backward] {
          for at in plan[keyPath: pass].indices {
            guard case .segment(var segment) = plan[keyPath: pass][at] else { continue }
            segment.operations = segment.operations.map {
              PlannedOperation(
                operation: $0.operation, function: $0.function, parameter: $0.parameter, rows: $0.rows,
                result: moved($0.result), operands: $0.operands.map(moved), values: $0.values, depth: $0.depth)
            }
            plan[keyPath: pass][at] = .segment(segment)
          }
        }
        plan.layout.places[k] = place
        shared += 1
        #expect(isRefused(plan), "values \(i) and \(k)")
      }
    }
    #expect(shared >= 6)
  }

  @Test func refusesOtherFunctions() throws {
    var plan = try plan()
    let isChanged = change(&plan.forward) { segment in
      guard let k = segment.operations.firstIndex(where: { $0.operation == .unary }) else { return false }
      let o = segment.operations[k]
      segment.operations[k] = PlannedOperation(
        operation: .unary, function: .relu, parameter: 0, rows: o.rows, result: o.result, operands: o.operands,
        values: o.values, depth: o.depth)
      return true
    }
    #expect(isChanged && isRefused(plan))
  }
}
