// The scratch memory of a program's node.

import Kernels

/// The regions of a program node's scratch, as offsets in elements.
///
/// A class, so that the passes of a node, and the nodes of a training loop, share it.
final class ProgramWorkspace {
  /// What the regions depend on, besides the program and its type.
  struct Key: Equatable {
    let T: Int, B: Int, V: Int, threads: Int
    let hasTable: Bool, hasTokens: Bool, hasLengths: Bool, hasHistory: Bool

    init(_ scan: ProgramScan) {
      (T, B, V, threads) = (scan.T, scan.B, scan.V, scan.threads)
      (hasTable, hasTokens) = (scan.hasTable, scan.tokens != nil)
      (hasLengths, hasHistory) = (scan.lengths != nil, scan.hasHistory)
    }
  }

  /// The workspace of the last node of a layer.
  final class Cache {
    private var last: ProgramWorkspace?

    func workspace(_ scan: ProgramScan, _ program: Program) -> ProgramWorkspace {
      if let last, last.key == Key(scan) { return last }
      let workspace = ProgramWorkspace(scan, program.plan, program.dtype)
      last = workspace
      return workspace
    }
  }

  let key: Key
  private(set) var tape = 0, gradientTape = 0
  /// The states but the first, whose values are the result: [H × (T + 1)·B].
  private(set) var states: [Int] = []
  /// The gradients carried from step to step, in two buffers that alternate.
  private(set) var carries: [(Int, Int)] = []
  private(set) var forwardTemporary = 0, backwardTemporary = 0
  /// Scratch of the element-wise operations, for each thread.
  private(set) var scratch = 0, scratchSize = 0
  /// Weights that are gathered, and their gradients: for each stack and product.
  private(set) var weights: [[Int]] = []
  /// The bias of each stack.
  private(set) var biases: [Int] = []
  /// Packed weights of the forward pass, for each stack and product, and of the backward pass, for each instruction.
  private(set) var packs: [[Int]] = []
  private(set) var transposedPacks = 0
  /// x with zeros in the padding; or the transposed table, [I × V].
  private(set) var input = 0
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
    key = Key(scan)
    switch dtype {
    case .float32: allocate(scan, plan, Float.self)
    case .float64: allocate(scan, plan, Double.self)
    }
  }

  private func allocate<T: Real>(_ scan: ProgramScan, _ plan: StepPlan, _: T.Type) {
    let columns = size(scan.T, scan.B), B = scan.B
    tape = allocate(plan.layout.tapeRows, columns)
    gradientTape = allocate(scan.hasHistory ? plan.layout.gradientRows : 0, columns)
    for (k, rows) in plan.states.enumerated() {
      states.append(allocate(k == 0 ? 0 : rows, columns + B))
      let carry = scan.hasHistory ? rows : 0
      carries.append((allocate(carry, B), allocate(carry, B)))
    }
    forwardTemporary = allocate(plan.layout.forwardTemporaryRows, B)
    backwardTemporary = allocate(scan.hasHistory ? plan.layout.backwardTemporaryRows : 0, B)
    scratchSize = rounded(size(plan.layout.scratchRows, plan.columnsOfPart(B, T.self)))
    scratch = allocate(scratchSize, scan.threads)
    for (stack, products) in zip(plan.stacks, plan.products) {
      biases.append(allocate(stack.rows, 1))
      weights.append(products.map { allocate($0.whole == nil ? stack.rows : 0, $0.columns) })
      packs.append(products.map { allocate(packedCount(.contiguous(stack.rows, T.self), k: $0.columns, T.self), 1) })
      if scan.hasHistory {
        let widest = products.map(\.columns).sorted(by: >).prefix(2).reduce(0, +)
        let needed = rankKUpdateScratch(rows: stack.rows, columns: widest, T.self)
        outerSize = max(outerSize, rounded(needed))
      }
    }
    if scan.hasHistory {
      transposedPacks = allocate(plan.transposedPackCount(T.self), 1)
      outer = allocate(outerSize, scan.threads)
    }
    let hasTable = scan.hasTable
    input = allocate(
      hasTable || (scan.tokens == nil && scan.lengths != nil) ? plan.inputs : 0, hasTable ? scan.V : columns)
    for (stack, products) in zip(plan.stacks, plan.products) {
      let rows = products.contains { $0.isInput } ? stack.rows : 0
      tokenProducts.append(allocate(scan.looksUp ? rows : 0, scan.V))
      tokenGradients.append(allocate(hasTable && scan.hasHistory ? rows : 0, scan.V))
    }
    tableGradient = allocate(hasTable && scan.hasHistory ? plan.inputs : 0, scan.V)
    codeSize = rounded(LocatedCode<T>.elements(plan))
    code = allocate(codeSize, scan.threads)
  }

  private func size(_ a: Int, _ b: Int) -> Int {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    if overflow || product > Int.max / 16 {
      overflows = true
      return 0
    }
    return product
  }

  /// 16 elements: regions start at multiples of 64 bytes.
  private func rounded(_ count: Int) -> Int { (count + 15) & ~15 }

  private func allocate(_ rows: Int, _ columns: Int) -> Int {
    let start = count, (end, overflow) = count.addingReportingOverflow(rounded(size(rows, columns)))
    if overflow || end > Int.max / 16 { overflows = true } else { count = end }
    return start
  }
}
