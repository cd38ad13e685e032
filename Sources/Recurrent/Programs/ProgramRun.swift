// A program's node with views of its operands, its result and its scratch.

import Kernels

/// A program's node with views of its operands, its result and its scratch.
///
/// The operands are x or a table of tokens, unless x is one-hot or absent; the initial states; the parameters. The result holds the initial output
/// and the outputs of all steps, [H × (T + 1)·B] for the first state's H rows, then the final value of each state.
struct ProgramRun<Scalar: Real> {
  let scan: ProgramScan, program: Program
  private let owner: ProgramWorkspace
  let T: Int, B: Int
  let operands: Operands<Scalar>

  init(_ scan: ProgramScan, _ operands: Operands<Scalar>) {
    (self.scan, self.operands, T, B) = (scan, operands, scan.T, scan.B)
    program = scan.program.takeUnretainedValue()
    owner = scan.workspace.unsafelyUnwrapped.takeUnretainedValue()
  }

  /// The plan, without a copy.
  @inline(__always) var plan: StepPlan { _read { yield program.plan } }
  /// Where the scratch's regions lie, without a copy.
  @inline(__always) var workspace: ProgramRegions { _read { yield owner.regions } }

  // MARK: Operands

  private var firstState: Int { plan.inputs > 0 && !scan.isOneHot ? 1 : 0 }
  func initial(_ k: Int) -> MatrixView<Scalar> { operands[firstState + k] }
  func dInitial(_ k: Int) -> MatrixView<Scalar> { operands.gradient(firstState + k) }
  private var firstParameter: Int { firstState + (scan.hasInitialStates ? plan.states.count : 0) }
  func parameter(_ p: Int) -> MatrixView<Scalar> { operands[firstParameter + p] }
  /// A mask: a column for each time step and sequence, for each sequence, or for all.
  func mask(_ m: Int) -> MatrixView<Scalar> { operands[firstParameter + program.step.parameters.count + m] }
  /// State k of a sequence that begins, and its gradient; nil for zeros.
  private func start(_ k: Int) -> Int? {
    scan.hasStarts ? firstParameter + program.step.parameters.count + plan.masks.count + k : nil
  }
  func start(ofState k: Int) -> MatrixView<Scalar>? { start(k).map { operands[$0] } }
  func dStart(ofState k: Int) -> MatrixView<Scalar>? { start(k).map { operands.gradient($0) } }
  func dParameter(_ p: Int) -> MatrixView<Scalar> { operands.gradient(firstParameter + p) }
  /// x, [I × T·B]; with lengths its copy, whose padding is 0; of a forest its copy in the order of heights.
  var x: MatrixView<Scalar> {
    scan.copiesInput ? scratch(plan.inputs, T * B, workspace.input) : operands[0]
  }
  /// The gradient of x; of a forest in the order of heights.
  var dx: MatrixView<Scalar> {
    if scan.levels != nil { return scratch(plan.inputs, T, workspace.inputGradient) }
    return scan.hasTable ? tableGradient : operands.gradient(0)
  }

  /// The transposed table of tokens, [I × V], and its gradient.
  var table: MatrixView<Scalar> { scratch(plan.inputs, scan.V, workspace.input) }
  var tableGradient: MatrixView<Scalar> { scratch(plan.inputs, scan.V, workspace.tableGradient) }
  /// The products of every token with a stack's weights, plus the bias: [rows × V]; and their gradients.
  func tokenProducts(_ s: Int) -> MatrixView<Scalar> {
    scratch(plan.stacks[s].rows, scan.V, workspace.tokenProducts[s])
  }
  func tokenGradients(_ s: Int) -> MatrixView<Scalar> {
    scratch(plan.stacks[s].rows, scan.V, workspace.tokenGradients[s])
  }

  /// Valid time steps of sequence j.
  func length(_ j: Int) -> Int { scan.lengths.map { Int($0[j]) } ?? T }

  // MARK: Result

  /// Elements of the result.
  static func resultCount(_ states: [Int], _ T: Int, _ B: Int) -> Int? {
    let (columns, overflow) = T.multipliedReportingOverflow(by: B)
    if overflow || columns > Mat.maxCount { return nil }
    let total = states.reduce(0) { $0 + $1 * B } + (states.first ?? 0) * (columns + B)
    return total > Mat.maxCount ? nil : total
  }

  /// The first element of the final value of state k in the result.
  static func finalOffset(_ k: Int, _ states: [Int], _ T: Int, _ B: Int) -> Int {
    states[0] * (T + 1) * B + states.prefix(k).reduce(0) { $0 + $1 * B }
  }

  func final(_ k: Int) -> MatrixView<Scalar> { final(operands.y.p, k) }
  func dFinal(_ k: Int) -> MatrixView<Scalar> { final(operands.dy.p, k) }

  private func final(_ p: UnsafeMutablePointer<Scalar>, _ k: Int) -> MatrixView<Scalar> {
    let rows = plan.states[k]
    return MatrixView(
      p + ProgramRun.finalOffset(k, plan.states, T, B), rows: rows, columns: B, columnStride: rows)
  }

  /// State k before each step, and after the last: [H × (T + 1)·B]. Of a forest those of a child, [H × T].
  func states(_ k: Int) -> MatrixView<Scalar> {
    if scan.levels != nil { return scratch(plan.before[k], T, workspace.states[k]) }
    let rows = plan.states[k]
    if k > 0 { return scratch(rows, (T + 1) * B, workspace.states[k]) }
    return MatrixView(operands.y.p, rows: rows, columns: (T + 1) * B, columnStride: rows)
  }

  /// State k before each step, with resets: [H × T·B]. Otherwise that of the step before.
  func before(_ k: Int) -> MatrixView<Scalar> {
    scan.resets == nil ? states(k) : scratch(plan.states[k], T * B, workspace.before[k])
  }

  /// For each sequence the gradient of state k where it begins.
  func startGradients(_ k: Int) -> MatrixView<Scalar> { scratch(plan.states[k], B, workspace.startGradients[k]) }

  /// State k after each step.
  func statesAfter(_ k: Int) -> MatrixView<Scalar> {
    scan.levels == nil ? states(k).columns(B, T * B) : scratch(plan.states[k], T, workspace.statesAfter[k])
  }

  /// State k after time step t; the initial one for t = −1.
  func state(_ k: Int, after t: Int) -> MatrixView<Scalar> { states(k).columns((t + 1) * B, B) }

  /// The gradient of the output of time step t, from outside.
  func dy(_ t: Int) -> MatrixView<Scalar> {
    let rows = plan.states[0]
    return MatrixView(operands.dy.p + (t + 1) * B * rows, rows: rows, columns: B, columnStride: rows)
  }

  // MARK: Scratch

  func scratch(_ n: Int, _ d: Int, _ offset: Int) -> MatrixView<Scalar> { operands.scratch(n, d, at: offset) }

  var sums: MatrixView<Scalar> { scratch(plan.layout.sumRows, T * B, workspace.sums) }
  var tape: MatrixView<Scalar> { scratch(plan.layout.tapeRows, T * B, workspace.tape) }
  var gradientTape: MatrixView<Scalar> { scratch(plan.layout.gradientRows, T * B, workspace.gradientTape) }
  /// Of a forest a column for each node, so that those that no gradient reaches can be left out.
  var parameterGradients: MatrixView<Scalar> {
    scratch(plan.layout.parameterGradientRows, scan.levels == nil ? B : T, workspace.parameterGradients)
  }
  func carry(_ k: Int, _ version: Int) -> MatrixView<Scalar> {
    let (even, odd) = workspace.carries[k]
    return scratch(plan.before[k], scan.width, version == 0 ? even : odd)
  }
  /// The gradient of state k before each step that attention adds up, [H × T·B].
  func pastGradient(_ k: Int) -> MatrixView<Scalar> {
    scratch(plan.states[k], T * B, workspace.pastGradients[k])
  }
  /// What the step adds to the gradient of the output before it, in a forest and with resets: 0.
  private var outputGradient: MatrixView<Scalar> { scratch(plan.states[0], 1, workspace.outputGradient) }
  func clearOutputGradient() { fill(outputGradient, with: 0) }
  /// A stack's sums, [rows × T·B].
  func z(_ stack: Int) -> MatrixView<Scalar> {
    allSteps(plan.layout.stackPlaces[stack], rows: plan.stacks[stack].rows)
  }
  /// The gradients of a stack's sums, [rows × T·B].
  func dz(_ stack: Int) -> MatrixView<Scalar> {
    let place = plan.layout.stackGradients[stack]
    return (place.region == .sums ? sums : gradientTape).rows(place.row, plan.stacks[stack].rows)
  }
  /// Sets the gradients of some columns to 0, after the columns' backward pass.
  func clearGradients(_ columns: Range<Int>) {
    clear(gradientTape, columns)
    if scan.levels != nil { clear(parameterGradients, columns) }
    if plan.layout.overwritesSums { clear(sums, columns) }
  }
  /// Sets some columns to 0, of a matrix that may have no rows.
  func clear(_ m: MatrixView<Scalar>, _ columns: Range<Int>) {
    if m.rows > 0 { fill(m.columns(columns.lowerBound, columns.count), with: 0) }
  }
  func outer(_ thread: Int) -> UnsafeMutablePointer<Scalar> {
    scratch(1, 1, workspace.outer + thread * workspace.outerSize).p
  }
  func code(_ thread: Int, version: Int = 0) -> LocatedCode<Scalar> {
    LocatedCode(plan, in: scratch(1, 1, workspace.code + thread * workspace.codeSize).p, version: version)
  }

  /// Columns that element-wise operations compute at a time.
  var part: Int { plan.columnsOfPart(scan.width, Scalar.self) }

  /// Operations of a time step.
  var stepWork: Int {
    plan.stacks.indices.reduce(plan.maxSegmentRows * B) { sum, s in
      sum + plan.products[s].reduce(0) { $0 + $1.columns } * plan.stacks[s].rows * B
    }
  }

  // MARK: Weights

  /// Part of a parameter.
  func view(_ part: WeightPart) -> MatrixView<Scalar> {
    parameter(part.parameter).rows(part.row, part.rows).columns(part.column, part.columns)
  }

  /// Part of a parameter's gradient.
  func gradientView(_ part: WeightPart) -> MatrixView<Scalar> {
    dParameter(part.parameter).rows(part.row, part.rows).columns(part.column, part.columns)
  }

  /// The product of a stack that follows product q, −1 for the first; nil after the last.
  ///
  /// - Parameter withoutInput: whether the input's products are left out.
  func nextProduct(of s: Int, after q: Int, withoutInput: Bool) -> Int? {
    var q = q + 1
    while q < plan.products[s].count {
      if !withoutInput || !plan.products[s][q].isInput { return q }
      q += 1
    }
    return nil
  }

  /// The weights of a product of a stack: part of a parameter, or gathered.
  func weights(_ s: Int, _ q: Int) -> MatrixView<Scalar> {
    let product = plan.products[s][q]
    return product.whole.map(view) ?? gathered(s, q)
  }

  /// Memory for gathered weights, or for their gradients.
  func gathered(_ s: Int, _ q: Int) -> MatrixView<Scalar> {
    scratch(plan.stacks[s].rows, plan.products[s][q].columns, workspace.weights[s][q])
  }

  /// Calls `body` with every part of the weights of a product, and where it lies among the gathered weights.
  func forEachPart(_ s: Int, _ q: Int, _ body: (_ part: WeightPart, _ row: Int, _ column: Int) -> Void) {
    var row = 0
    for sum in plan.stacks[s].sums {
      let parts = plan.values.parts(of: sum)
      for (operand, column) in plan.products[s][q].operands { body(parts[operand], row, column) }
      row += plan.values[sum].rows
    }
  }

  func gatherWeights() {
    for (s, products) in plan.products.enumerated() {
      for q in products.indices where products[q].whole == nil {
        let to = gathered(s, q)
        forEachPart(s, q) { part, row, column in
          copy(view(part), to: to.rows(row, part.rows).columns(column, part.columns))
        }
      }
    }
  }

  /// The biases of a stack, [rows × 1].
  func bias(_ s: Int) -> MatrixView<Scalar> { scratch(plan.stacks[s].rows, 1, workspace.biases[s]) }

  func hasBias(_ s: Int) -> Bool { !plan.biases[s].isEmpty }

  func gatherBiases() {
    for s in plan.stacks.indices where hasBias(s) || scan.tokens != nil {
      fill(bias(s), with: 0)
      for from in plan.biases[s] {
        accumulate(
          parameter(from.parameter.parameter).rows(from.parameter.row, from.rows), times: 1,
          into: bias(s).rows(from.row, from.rows))
      }
    }
  }

  // MARK: Places

  /// The address of a place.
  ///
  /// - Parameters:
  ///   - thread: whose scratch.
  ///   - version: of the carried gradients' buffers, which holds the gradient after the step.
  func locate(_ place: Place, _ thread: Int, _ version: Int) -> Located<Scalar> {
    func all(_ m: MatrixView<Scalar>) -> Located<Scalar> {
      Located(p: m.p + place.row, step: B * m.columnStride, stride: m.columnStride)
    }
    func one(_ m: MatrixView<Scalar>) -> Located<Scalar> {
      Located(p: m.p + place.row, step: 0, stride: m.columnStride)
    }
    switch place.region {
    case .sums: return all(sums)
    case .tape: return all(tape)
    case .gradientTape: return all(gradientTape)
    case .parameterGradients:
      return scan.levels == nil ? one(parameterGradients) : all(parameterGradients)
    case .before(let k): return all(before(k))
    case .after(let k): return all(statesAfter(k))
    case .gradientAfter(let k): return one(carry(k, version))
    case .gradientBefore(let k): return one(carry(k, 1 - version))
    case .pastGradient(let k): return all(pastGradient(k))
    case .input: return all(x)
    case .parameter(let p): return Located(p: parameter(p).p + place.row, step: 0, stride: 0)
    case .mask(let m):
      let mask = mask(m)
      if mask.columns == 1 { return Located(p: mask.p + place.row, step: 0, stride: 0) }
      return plan.masks[m].scope == .step ? all(mask) : one(mask)
    case .outputGradient:
      if scan.levels != nil || scan.resets != nil {
        return Located(p: outputGradient.p + place.row, step: 0, stride: 0)
      }
      let rows = plan.states[0]
      return Located(p: operands.dy.p + place.row, step: B * rows, stride: rows)
    case .forwardTemporary:
      return one(scratch(plan.layout.forwardTemporaryRows, scan.width, workspace.forwardTemporary))
    case .backwardTemporary:
      return one(scratch(plan.layout.backwardTemporaryRows, scan.width, workspace.backwardTemporary))
    case .scratch:
      return one(
        scratch(plan.layout.scratchRows, part, workspace.scratch + thread * workspace.scratchSize))
    }
  }

  /// A value with a name in all time steps, in pieces from the top.
  func values(_ i: Int) -> [(row: Int, values: MatrixView<Scalar>)] {
    plan.names[i].pieces.compactMap { piece in
      plan.layout.places[piece.value].map { (piece.row, allSteps($0, rows: plan.values[piece.value].rows)) }
    }
  }

  /// The rows of a place in all time steps.
  func allSteps(_ place: Place, rows: Int) -> MatrixView<Scalar> {
    let located = locate(place, 0, 0)
    return MatrixView(located.p, rows: rows, columns: T * B, columnStride: located.stride)
  }

  /// The operand of an element-wise operation.
  func microOperand(_ place: Place, _ thread: Int, _ version: Int) -> MicroOperand<Scalar> {
    let located = locate(place, thread, version)
    return place.region == .scratch
      ? MicroOperand(scratch: located.p, stride: located.stride) : located.operand
  }

  /// Appends the operations of a segment.
  func append(_ segment: PlannedSegment, to code: inout LocatedCode<Scalar>, _ thread: Int, _ version: Int = 0) {
    code.beginSegment()
    if scan.width > 1 {
      for range in segment.ranges {
        code.append(MicroRange(microOperand(range.first, thread, version), rows: range.rows))
      }
    }
    for planned in segment.operations {
      code.append(
        MicroInstruction(
          planned.operation, function: planned.function, parameter: Scalar(planned.parameter), rows: planned.rows,
          to: microOperand(planned.result, thread, version)
        ) { microOperand(planned.operands[$0], thread, version) })
    }
  }
}
