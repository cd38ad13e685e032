// One time step of a program without a graph: no recording, weights read once.

import Kernels

/// A program's time step of one sequence, or of several, in memory of its own.
///
/// Every region has a column for each sequence.
final class ProgramStep<Scalar: Real> {
  private let program: Program, arguments: [Mat]
  /// The most sequences.
  let columns: Int
  private let storage: Storage
  let parameters: [MatrixView<Scalar>]
  /// Parameters that are computed from others, with their copies.
  private let computed: [(index: Int, copy: MatrixView<Scalar>)]
  /// The mean of each mask.
  private let masks: [UnsafeMutablePointer<Scalar>]
  private let sums: UnsafeMutablePointer<Scalar>, tape: UnsafeMutablePointer<Scalar>
  /// The states before the step and after it.
  let before: [UnsafeMutablePointer<Scalar>], after: [UnsafeMutablePointer<Scalar>]
  /// x.
  let input: UnsafeMutablePointer<Scalar>
  private let temporary: UnsafeMutablePointer<Scalar>, scratch: UnsafeMutablePointer<Scalar>
  let operations: UnsafeMutablePointer<MicroInstruction<Scalar>>
  /// For each instruction the first of its operations.
  private(set) var starts: [Int] = []

  @inline(__always) var plan: StepPlan { _read { yield program.plan } }

  /// - Parameters:
  ///   - arguments: the program's parameters, whose lock the caller of every function holds, perhaps shared.
  ///   - columns: the most sequences, at least 1.
  init(_ program: Program, _ arguments: [Mat], columns: Int = 1) throws(RecurrentError) {
    (self.program, self.arguments, self.columns) = (program, arguments, columns)
    let plan = program.plan, layout = plan.layout
    // computed parameters have their shapes from a recording that is not evaluated
    let graph = ProgramStep.graph
    let mats = try program.parameters(arguments, on: graph)
    var end = 0
    func allocate(_ count: Int) -> Int {
      // 16 elements: regions start at multiples of 64 bytes
      defer { end += (count + 15) & ~15 }
      return end
    }
    let sums = allocate(layout.sumRows * columns), tape = allocate(layout.tapeRows * columns)
    let input = allocate(plan.inputs * columns), temporary = allocate(layout.forwardTemporaryRows * columns)
    let scratch = allocate(layout.scratchRows * plan.columnsOfPart(columns, Scalar.self))
    let before = plan.states.map { allocate($0 * columns) }, after = plan.states.map { allocate($0 * columns) }
    let masks = plan.masks.map { allocate($0.rows) }
    let copies = mats.map { mat in mat.node >= 0 ? allocate(mat.count) : -1 }
    var count = 0
    for case .segment(let segment) in plan.forward { count += segment.operations.count }
    let code = allocate(count * MemoryLayout<MicroInstruction<Scalar>>.stride / MemoryLayout<Scalar>.size + 16)
    guard let bytes = Storage.bytes(end, of: MemoryLayout<Scalar>.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(end) elements")
    }
    storage = try Storage(bytes: bytes)
    let memory = storage.start.assumingMemoryBound(to: Scalar.self)
    (self.sums, self.tape, self.input) = (memory + sums, memory + tape, memory + input)
    self.masks = zip(masks, plan.masks).map { offset, mask in
      (memory + offset).update(repeating: Scalar(mask.mean), count: mask.rows)
      return memory + offset
    }
    (self.temporary, self.scratch) = (memory + temporary, memory + scratch)
    (self.before, self.after) = (before.map { memory + $0 }, after.map { memory + $0 })
    operations = UnsafeMutableRawPointer(memory + code).bindMemory(
      to: MicroInstruction<Scalar>.self, capacity: max(1, count))
    var views: [MatrixView<Scalar>] = [], computed: [(index: Int, copy: MatrixView<Scalar>)] = []
    for (i, mat) in mats.enumerated() {
      if copies[i] < 0 {
        views.append(mat.operandRef.w(Scalar.self))
      } else {
        let copy = MatrixView(memory + copies[i], rows: mat.n, columns: mat.d, columnStride: mat.n)
        computed.append((i, copy))
        views.append(copy)
      }
    }
    (parameters, self.computed) = (views, computed)
    locate()
  }

  /// Computes the parameters that depend on others; called once before steps with the same weights.
  func prepare() throws(RecurrentError) {
    if computed.isEmpty { return }
    let graph = ProgramStep.graph
    let mats = try program.parameters(arguments, on: graph)
    try graph.evaluate()
    for (index, to) in computed { copy(mats[index].operandRef.w(Scalar.self), to: to) }
  }

  /// A graph that computes parameters under locks that the caller holds.
  private static var graph: Graph {
    let graph = Graph()
    (graph.holdsInputs, graph.keepsValues) = (true, false)
    return graph
  }

  /// Locates the element-wise operations.
  private func locate() {
    var count = 0
    for instruction in plan.forward {
      starts.append(count)
      guard case .segment(let segment) = instruction else { continue }
      for operation in segment.operations {
        (operations + count).initialize(
          to: MicroInstruction(
            operation.operation, function: operation.function, parameter: Scalar(operation.parameter),
            rows: operation.rows, to: operand(operation.result)
          ) { operand(operation.operands[$0]) })
        count += 1
      }
    }
  }

  private func operand(_ place: Place) -> MicroOperand<Scalar> {
    let p = pointer(place), stride = stride(place.region)
    return place.region == .scratch
      ? MicroOperand(scratch: p, stride: stride) : MicroOperand(p, step: 0, stride: stride)
  }

  /// Elements from the column of a sequence to the next; 0 for what all sequences share.
  func stride(_ region: Region) -> Int {
    switch region {
    case .sums: plan.layout.sumRows
    case .tape: plan.layout.tapeRows
    case .before(let k), .after(let k): plan.states[k]
    case .input: plan.inputs
    case .parameter, .mask: 0
    case .forwardTemporary: plan.layout.forwardTemporaryRows
    default: plan.layout.scratchRows
    }
  }

  /// The rows of the first sequence.
  func pointer(_ place: Place) -> UnsafeMutablePointer<Scalar> {
    switch place.region {
    case .sums: sums + place.row
    case .tape: tape + place.row
    case .before(let k): before[k] + place.row
    case .after(let k): after[k] + place.row
    case .input: input + place.row
    case .parameter(let p): parameters[p].p + place.row
    case .mask(let m): masks[m] + place.row
    case .forwardTemporary: temporary + place.row
    // the forward pass has no other places
    default: scratch + place.row
    }
  }

  /// The sums of each stack of every token of a table, before the other products: [rows × V] for each stack that reads x.
  struct TokenProducts {
    fileprivate let storage: Storage
    /// The first element of each stack; nil for a stack that does not read x.
    fileprivate let offsets: [Int?]

    func column(_ s: Int, _ token: Int, rows: Int) -> UnsafePointer<Scalar>? {
      offsets[s].map { UnsafePointer(storage.start.assumingMemoryBound(to: Scalar.self) + $0 + token * rows) }
    }
  }

  /// Computes the products of the rows of a table, [V × inputs], one of which `run(token:)` then reads.
  ///
  /// - Parameter limit: the most elements.
  /// - Returns: nil for a step that reads x outside of products, and for more elements.
  func products(ofTable table: Mat, limit: Int) throws(RecurrentError) -> TokenProducts? {
    guard program.takesTable else { return nil }
    var offsets: [Int?] = [], count = 0
    for (stack, products) in zip(plan.stacks, plan.products) {
      let reads = products.contains { $0.isInput }
      offsets.append(reads ? count : nil)
      if reads {
        if stack.rows > (limit - count) / table.n { return nil }
        count += stack.rows * table.n
      }
    }
    let storage = try Storage(bytes: max(1, count) * MemoryLayout<Scalar>.stride)
    let start = storage.start.assumingMemoryBound(to: Scalar.self)
    for token in 0..<table.n {
      var row = Int32(token)
      gatherRows(
        table.operandRef.w(Scalar.self), rows: &row,
        to: MatrixView(input, rows: table.d, columns: 1, columnStride: table.d))
      for (s, stack) in plan.stacks.enumerated() {
        guard let offset = offsets[s] else { continue }
        let z = start + offset + token * stack.rows
        fillBiases(s, z)
        addProducts(s, z) { $0.isInput }
      }
    }
    return TokenProducts(storage: storage, offsets: offsets)
  }

  /// Runs the step of one sequence; the states become the next states.
  ///
  /// - Parameters:
  ///   - token: the row of x that is 1; with `products` the row of their table; nil for an x in `input`.
  ///   - products: those of a table.
  ///   - states: the addresses of the states.
  func run(
    token: Int? = nil, _ products: TokenProducts? = nil, _ states: (Int) -> UnsafeMutablePointer<Scalar>
  ) {
    for (k, rows) in plan.states.enumerated() { before[k].update(from: states(k), count: rows) }
    if let token, products == nil {
      input.update(repeating: 0, count: plan.inputs)
      input[token] = 1
    }
    for (i, instruction) in plan.forward.enumerated() {
      switch instruction {
      case .stack(let s):
        let z = pointer(plan.layout.stackPlaces[s])
        if let token, let column = products?.column(s, token, rows: plan.stacks[s].rows) {
          z.update(from: column, count: plan.stacks[s].rows)
          addProducts(s, z) { !$0.isInput }
        } else {
          fillBiases(s, z)
          addProducts(s, z, oneHot: token) { _ in true }
        }
      case .segment(let segment):
        Scalar.runMicroProgram(
          operations + starts[i], count: segment.operations.count, step: 0, columns: 0..<1, part: 1)
      case .transposed: break
      }
    }
    for (k, rows) in plan.states.enumerated() { states(k).update(from: after[k], count: rows) }
  }

  /// The biases of a stack.
  func fillBiases(_ s: Int, _ z: UnsafeMutablePointer<Scalar>) {
    z.update(repeating: 0, count: plan.stacks[s].rows)
    for bias in plan.biases[s] {
      accumulate(
        parameters[bias.parameter.parameter].rows(bias.parameter.row, bias.rows), times: 1,
        into: MatrixView(z + bias.row, rows: bias.rows, columns: 1, columnStride: bias.rows))
    }
  }

  /// Adds some products of a stack.
  ///
  /// - Parameter token: the row of a one-hot x that is 1.
  private func addProducts(
    _ s: Int, _ z: UnsafeMutablePointer<Scalar>, oneHot token: Int? = nil, where isAdded: (StackProduct) -> Bool
  ) {
    for product in plan.products[s] where isAdded(product) { add(product, s, z, oneHot: token) }
  }

  /// Adds a product of a stack for the first sequence, or for a one-hot x.
  @inline(__always)
  func add(_ product: StackProduct, _ s: Int, _ z: UnsafeMutablePointer<Scalar>, oneHot token: Int?) {
    if let whole = product.whole {
      multiply(whole, pointer(product.place), into: z, product.isInput ? token.map { $0 - product.place.row } : nil)
      return
    }
    var z = z
    for sum in plan.stacks[s].sums {
      let parts = plan.values.parts(of: sum)
      for (operand, column) in product.operands {
        let place = Place(region: product.place.region, row: product.place.row + column)
        multiply(parts[operand], pointer(place), into: z, product.isInput ? token.map { $0 - place.row } : nil)
      }
      z += plan.values[sum].rows
    }
  }

  /// z += W·v; of a one-hot v a column of W.
  private func multiply(
    _ part: WeightPart, _ v: UnsafePointer<Scalar>, into z: UnsafeMutablePointer<Scalar>, _ oneHot: Int?
  ) {
    let W = parameters[part.parameter].rows(part.row, part.rows).columns(part.column, part.columns)
    guard let oneHot else { return gemv(W, v, into: z) }
    if oneHot < 0 || oneHot >= part.columns { return }
    accumulate(
      W.columns(oneHot, 1), times: 1, into: MatrixView(z, rows: part.rows, columns: 1, columnStride: part.rows))
  }
}
