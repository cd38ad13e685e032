// The plan of a step: what a run needs to know, whatever the batch size, the number of steps and the type.

import Kernels

/// A step, planned and verified: its values, the stacks of its products, the instructions of both passes.
struct StepPlan {
  let inputs: Int
  /// Rows of each state after the step, and of each before it.
  let states: [Int], before: [Int]
  let values: StepValues
  let stacks: [Stack]
  let next: [[RowsOfValue]]
  let names: [NamedRows]
  /// The values that outlive the step, once for each use.
  private let roots: [Int]
  let gradients: StepGradients
  let masks: [StepMask]
  /// The states whose past the step attends to.
  let attended: [Int]
  var layout = StepLayout(places: [])
  var forward: [PlannedInstruction] = []
  var backward: [PlannedInstruction] = []
  /// The products of each stack.
  private(set) var products: [[StackProduct]] = []
  /// The biases of each stack: rows of parameters, the first row of the stack, the number of rows.
  let biases: [[StackBias]]
  /// The largest number of rows that a segment touches.
  private(set) var maxSegmentRows = 0
  /// Room for the instructions of either pass.
  private(set) var longestPass = PassLength()

  /// The passes in order; each is a file.
  init(_ step: RecordedStep) throws(RecurrentError) {
    var divided = try DividedStep(step).gatheringSums()
    try divided.separateStates()
    let stacks = divided.stacks()
    let gradients = try divided.derive(stacks, before: step.before, isSequence: step.children == 1)
    var values = divided.values
    roots = divided.roots + gradients.results
    values.fuse(roots: roots)
    let uses = values.uses(from: roots)
    let forward = values.forwardInstructions(stacks, end: gradients.first, uses: uses)
    let backward = values.backwardInstructions(first: gradients.first, uses: uses)
    biases = stacks.map { [values] stack in values.biases(stack) }
    (inputs, states, before) = (step.inputs, step.states, step.before)
    (self.values, self.stacks, self.gradients) = (values, stacks, gradients)
    attended = step.states.indices.filter { k in
      (0..<values.count).contains { values[$0].operation == .past(k) }
    }
    (next, names, masks) = (divided.next, divided.names, divided.masks)
    func layout(overwritesSums: Bool) -> StepLayout {
      StepLayout(
        values, stacks, divided, gradients, forward: forward, backward: backward, uses: uses,
        overwritesSums: overwritesSums)
    }
    set(layout(overwritesSums: true), forward, backward)
    do throws(PlanFault) {
      try verify()
    } catch {
      // operations read a stack after its gradient is known
      set(layout(overwritesSums: false), forward, backward)
      do throws(PlanFault) {
        try verify()
      } catch {
        throw RecurrentError(.badValue, "step cannot be planned; expected a plan that verifies, got: \(error)")
      }
    }
  }

  /// Gives the instructions places.
  private mutating func set(_ layout: StepLayout, _ forward: [StepInstruction], _ backward: [StepInstruction]) {
    self.layout = layout
    self.forward = values.plan(forward, layout)
    self.backward = values.plan(backward, layout)
    products = stacks.map { values.products($0, layout) }
    maxSegmentRows = (self.forward + self.backward).reduce(0) {
      if case .segment(let segment) = $1 { max($0, segment.rows) } else { $0 }
    }
    longestPass = PassLength(self.forward, products).union(PassLength(self.backward, products))
  }
}

extension StepPlan {
  /// Whether x occurs in products of all its rows only: then one-hot tokens select columns of weights.
  var takesOneHotTokens: Bool {
    takesTable && products.joined().allSatisfy { !$0.isInput || ($0.place.row == 0 && $0.columns == inputs) }
  }

  /// Whether x occurs in products only: then those of the rows of a table suffice.
  var takesTable: Bool {
    let uses = values.uses(from: roots)
    return (0..<values.count).allSatisfy { i in
      uses[i] == 0 || !values[i].operation.isMicro
        || !values[i].operands.contains { if case .input = values[$0].operation { true } else { false } }
    }
  }
}
