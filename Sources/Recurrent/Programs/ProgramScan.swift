// A program over a whole sequence as one graph node: its settings and its memory.

import Kernels

/// The settings of a program's node besides its operands: x, the states, the parameters.
struct ProgramScan {
  /// The graph keeps the program until its reset.
  let program: Unmanaged<Program>
  /// Time steps and batch size.
  let T: Int, B: Int
  /// x as T·B tokens: rows of operand 0, a table; or, one-hot, columns of the weights. nil for vectors.
  let tokens: UnsafeMutablePointer<Int32>?
  /// The number of different tokens; 0 for vectors.
  let V: Int
  /// Whether a token is a one-hot column.
  let isOneHot: Bool
  /// Valid time steps of each sequence; nil for T.
  let lengths: UnsafeMutablePointer<Int32>?
  /// Whether the input's gradient is needed.
  let wantsInput: Bool
  /// Whether a backward pass may follow.
  let hasHistory: Bool
  let threads: Int

  /// Whether the products of every token are computed once, and each step's sums begin with those of its tokens.
  var looksUp: Bool { tokens != nil && V <= T * B }
  /// Whether the tokens select rows of a table.
  var hasTable: Bool { tokens != nil && !isOneHot }

  var plan: StepPlan { program._withUnsafeGuaranteedRef { $0.plan } }

  /// Whether the input's product is computed for all steps at once, before the first: below 12 columns a step's product
  /// is bound by reading the weights.
  func isInputPrecomputed(_ products: [StackProduct]) -> Bool {
    products.contains { $0.isInput } && (tokens != nil || B < 12 || products.allSatisfy { $0.isInput })
  }

  /// Whether a step's sums begin with looked-up products, by way of the first product that is not the input's.
  func looksUp(_ products: [StackProduct]) -> Bool {
    looksUp && products.contains { $0.isInput } && !products.allSatisfy { $0.isInput }
  }
}

extension ProgramScan: GraphOperation {
  var name: String { "scan" }

  func forward<T: Real>(_ args: Operands<T>) { ProgramRun(self, args).forward() }

  func backward<T: Real>(_ args: Operands<T>) { ProgramRun(self, args).backward() }

  // every operand is read, x and the states by the weights' gradients
  var backwardReads: BackwardReads { .all }
}

/// The regions of the node's scratch, as offsets in elements.
struct ProgramWorkspace {
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

  init<T: Real>(_ scan: ProgramScan, _ plan: StepPlan, _: T.Type) {
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

extension StepPlan {
  /// Whether x occurs in products of all its rows only: then one-hot tokens select columns of weights.
  var takesOneHotTokens: Bool {
    takesTable && products.joined().allSatisfy { !$0.isInput || ($0.place.row == 0 && $0.columns == inputs) }
  }

  /// Whether x occurs in products only: then those of the rows of a table suffice.
  var takesTable: Bool {
    let uses = values.uses(from: next.flatMap { $0.map(\.value) } + gradients.results)
    return (0..<values.count).allSatisfy { i in
      uses[i] == 0 || !values[i].operation.isElementwise
        || !values[i].operands.contains { if case .input = values[$0].operation { true } else { false } }
    }
  }

  /// The columns that element-wise operations compute at a time: what they touch stays in the first-level cache.
  func columnsOfPart<T: Real>(_ B: Int, _: T.Type) -> Int {
    let rows = max(1, maxSegmentRows)
    return max(1, min(B, 20_000 / (rows * MemoryLayout<T>.size)))
  }

  /// Elements of the packed transposed weights.
  func transposedPackCount<T: Real>(_: T.Type) -> Int {
    var count = 0
    for case .transposed(let value, let terms, _, _) in backward {
      for term in terms {
        count += packedCount(
          .contiguous(values[value].rows, T.self), k: stacks[term.stack].rows, T.self)
      }
    }
    for (stack, products) in zip(stacks, products) {
      for product in products where product.isInput {
        count += packedCount(.contiguous(product.columns, T.self), k: stack.rows, T.self)
      }
    }
    return count
  }
}
