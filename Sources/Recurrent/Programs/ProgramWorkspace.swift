// The scratch memory of a program's node.

import Kernels

/// Rows of a stack, and where their packed transposed weights lie.
struct TransposedPiece {
  let term: TransposedTerm
  let row: Int, rows: Int
  let offset: Int
}

/// The regions of a program node's scratch, as offsets in elements.
struct ProgramRegions {
  private(set) var sums = 0, tape = 0, gradientTape = 0
  /// The gradients of parameters in element-wise operations: a column for each sequence, or for each node of a forest.
  private(set) var parameterGradients = 0
  /// The states but the first, whose values are the result: [H × (T + 1)·B]. Of a forest those of the children, and
  /// those of the nodes: [H × T].
  private(set) var states: [Int] = [], statesAfter: [Int] = []
  /// The gradients carried from step to step, in two buffers that alternate. Of a forest those after a level, and those
  /// of its children.
  private(set) var carries: [(Int, Int)] = []
  private(set) var outputGradient = 0
  /// The gradients of the states that the step attends to, [H × T·B]; of the others nothing.
  private(set) var pastGradients: [Int] = []
  /// With resets: the states before each step, [H × T·B], and for each sequence the gradients of those that it begins with.
  private(set) var before: [Int] = [], startGradients: [Int] = []
  private(set) var forwardTemporary = 0, backwardTemporary = 0
  /// Scratch of the element-wise operations, for each thread.
  private(set) var scratch = 0, scratchSize = 0
  /// Weights that are gathered, and their gradients: for each stack and product.
  private(set) var weights: [[Int]] = []
  /// The bias of each stack.
  private(set) var biases: [Int] = []
  /// Packed weights of the forward pass, for each stack and product, and of the backward pass, for each instruction.
  private(set) var packs: [[Int]] = []
  private(set) var transposedPacks: [[TransposedPiece]] = []
  /// Packed transposed weights of the input.
  private(set) var inputPacks: [(stack: Int, product: Int, offset: Int)] = []
  /// x with zeros in the padding; or the transposed table, [I × V].
  private(set) var input = 0
  /// The gradient of a forest's x.
  private(set) var inputGradient = 0
  /// The products of every token, and their gradients: [rows × V] for each stack. The gradient of the transposed table.
  private(set) var tokenProducts: [Int] = [], tokenGradients: [Int] = [], tableGradient = 0
  /// Scratch of the weights' gradients, for each thread.
  private(set) var outer = 0, outerSize = 0
  /// Instructions with addresses, for each thread.
  private(set) var code = 0, codeSize = 0
  private(set) var count = 0
  /// Whether a size does not fit an Int.
  private(set) var overflows = false

  init(_ scan: ProgramScan, _ plan: StepPlan, _ dtype: DType) {
    switch dtype {
    case .float32: allocate(scan, plan, Float.self)
    case .float64: allocate(scan, plan, Double.self)
    }
  }

  private mutating func allocate<T: Real>(_ scan: ProgramScan, _ plan: StepPlan, _: T.Type) {
    let columns = size(scan.T, scan.B), width = scan.width, isForest = scan.levels != nil
    sums = allocate(plan.layout.sumRows, columns)
    tape = allocate(plan.layout.tapeRows, columns)
    gradientTape = allocate(scan.hasHistory ? plan.layout.gradientRows : 0, columns)
    parameterGradients = allocate(
      scan.hasHistory ? plan.layout.parameterGradientRows : 0, isForest ? columns : scan.B)
    for (k, rows) in plan.before.enumerated() {
      states.append(isForest ? allocate(rows, columns) : allocate(k == 0 ? 0 : rows, columns + scan.B))
      let carry = scan.hasHistory ? rows : 0
      carries.append((allocate(k < plan.states.count ? carry : 0, width), allocate(carry, width)))
    }
    if isForest {
      statesAfter = plan.states.map { allocate($0, columns) }
    }
    if scan.resets != nil {
      before = plan.states.map { allocate($0, columns) }
      startGradients = plan.states.map { allocate(scan.hasHistory ? $0 : 0, scan.B) }
    }
    for (k, rows) in plan.states.enumerated() {
      pastGradients.append(allocate(scan.hasHistory && plan.attended.contains(k) ? rows : 0, columns))
    }
    outputGradient = allocate(isForest || scan.resets != nil ? plan.states[0] : 0, 1)
    forwardTemporary = allocate(plan.layout.forwardTemporaryRows, width)
    backwardTemporary = allocate(scan.hasHistory ? plan.layout.backwardTemporaryRows : 0, width)
    scratchSize = rounded(size(plan.layout.scratchRows, plan.columnsOfPart(width, T.self)))
    scratch = allocate(scratchSize, scan.threads)
    for (stack, products) in zip(plan.stacks, plan.products) where !scan.isStep {
      biases.append(allocate(stack.rows, 1))
      weights.append(products.map { allocate($0.whole == nil ? stack.rows : 0, $0.columns) })
      packs.append(products.map { allocate(packedCount(.contiguous(stack.rows, T.self), k: $0.columns, T.self), 1) })
      if scan.hasHistory {
        let widest = products.map(\.columns).sorted(by: >).prefix(2).reduce(0, +)
        let needed = rankKUpdateScratch(rows: stack.rows, columns: widest, T.self)
        outerSize = max(outerSize, rounded(needed))
      }
    }
    if scan.hasHistory && !scan.isStep {
      allocateTransposedPacks(scan, plan, T.self)
      outer = allocate(outerSize, scan.threads)
    }
    let hasTable = scan.hasTable
    input = allocate(
      hasTable || scan.copiesInput ? plan.inputs : 0, hasTable ? scan.V : columns)
    inputGradient = allocate(isForest && scan.hasHistory ? plan.inputs : 0, columns)
    for (stack, products) in zip(plan.stacks, plan.products) {
      let rows = products.contains { $0.isInput } ? stack.rows : 0
      tokenProducts.append(allocate(scan.looksUp ? rows : 0, scan.V))
      tokenGradients.append(allocate(hasTable && scan.hasHistory ? rows : 0, scan.V))
    }
    tableGradient = allocate(hasTable && scan.hasHistory ? plan.inputs : 0, scan.V)
    codeSize = rounded(LocatedCode<T>.elements(plan, versions: scan.isStep ? 1 : 2))
    code = allocate(codeSize, scan.threads)
  }

  private mutating func allocateTransposedPacks<T: Real>(_ scan: ProgramScan, _ plan: StepPlan, _: T.Type) {
    func allocate(rows: Int, k: Int) -> Int {
      self.allocate(packedCount(.contiguous(rows, T.self), k: k, T.self), 1)
    }
    for case .transposed(let value, let terms, _, _) in plan.backward {
      let rows = plan.values[value].rows
      var pieces: [TransposedPiece] = []
      for term in terms {
        let k = plan.stacks[term.stack].rows
        // the long sum of a single column is two sums, which do not wait for each other
        let first = scan.width == 1 && scan.levels == nil && terms.count == 1 ? (k + 1) / 2 : k
        pieces.append(TransposedPiece(term: term, row: 0, rows: first, offset: allocate(rows: rows, k: first)))
        if first < k {
          let offset = allocate(rows: rows, k: k - first)
          pieces.append(TransposedPiece(term: term, row: first, rows: k - first, offset: offset))
        }
      }
      transposedPacks.append(pieces)
    }
    for (s, products) in plan.products.enumerated() {
      for q in products.indices where products[q].isInput && scan.wantsInput {
        inputPacks.append((s, q, allocate(rows: products[q].columns, k: plan.stacks[s].rows)))
      }
    }
  }

  private mutating func size(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    if overflow || product > Int.max / 16 {
      overflows = true
      return 0
    }
    return product
  }

  /// 16 elements: regions start at multiples of 64 bytes.
  private func rounded(_ count: Int) -> Int { (count + 15) & ~15 }

  private mutating func allocate(_ rows: Int, _ columns: Int) -> Int {
    let start = count, (end, overflow) = count.addingReportingOverflow(rounded(size(rows, columns)))
    if overflow || end > Int.max / 16 { overflows = true } else { count = end }
    return start
  }
}

/// The regions of a program node's scratch; the passes of a node, and the nodes of a training loop, share them.
final class ProgramWorkspace: Sendable {
  /// What the regions depend on, besides the program and its type.
  struct Key: Equatable {
    let T: Int, B: Int, V: Int, threads: Int, width: Int
    let isForest: Bool, hasTable: Bool, hasTokens: Bool, hasLengths: Bool, hasResets: Bool, wantsInput: Bool
    let hasHistory: Bool

    init(_ scan: ProgramScan) {
      (T, B, V, threads) = (scan.T, scan.B, scan.V, scan.threads)
      (width, isForest) = (scan.width, scan.levels != nil)
      (hasTable, hasTokens) = (scan.hasTable, scan.tokens != nil)
      (hasLengths, hasResets) = (scan.lengths != nil, scan.resets != nil)
      (wantsInput, hasHistory) = (scan.wantsInput, scan.hasHistory)
    }
  }

  /// The workspace of the last node of a layer, or of a program's last forest.
  final class Cache: @unchecked Sendable {
    private let lock = Lock()
    private var last: ProgramWorkspace?

    func workspace(_ scan: ProgramScan, _ program: Program) -> ProgramWorkspace {
      let isFree = (try? lock.acquire()) != nil
      defer { if isFree { lock.release() } }
      guard isFree else { return ProgramWorkspace(scan, program.plan, program.dtype) }
      if let last, last.key == Key(scan) { return last }
      let workspace = ProgramWorkspace(scan, program.plan, program.dtype)
      last = workspace
      return workspace
    }
  }

  let key: Key
  let regions: ProgramRegions

  init(_ scan: ProgramScan, _ plan: StepPlan, _ dtype: DType) {
    key = Key(scan)
    regions = ProgramRegions(scan, plan, dtype)
  }
}
