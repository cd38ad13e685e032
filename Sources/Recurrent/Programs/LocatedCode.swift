// Instructions with addresses, as the loop over time steps runs them.

import Kernels

/// Rows of one time step: column j of time step t begins at `p[t·step + j·stride]`.
struct Located<T: Real> {
  let p: UnsafeMutablePointer<T>
  let step: Int, stride: Int

  var operand: MicroOperand<T> { MicroOperand(p, step: step, stride: stride) }
}

/// The longest sum of two products that are computed together: beyond 640 elements two panels no longer fit the
/// first-level cache.
let longestFusedSum = 640

/// A packed product of a time step: result = initial + first + second.
struct LocatedProduct<T: Real> {
  enum Initial { case zero, column, matrix, gather }

  let layout: PanelLayout
  /// The panels of this thread.
  let panels: Range<Int>
  let result: Located<T>
  let initial: Initial, initialPlace: Located<T>
  /// The tokens of all time steps, for `.gather`.
  let tokens: UnsafeMutablePointer<Int32>?
  /// Packed weights, their columns, and what they multiply. k is 0 for no second product.
  let first: UnsafeMutablePointer<T>, k: Int, operand: Located<T>
  let second: UnsafeMutablePointer<T>, k2: Int, operand2: Located<T>
  /// Whether a single column's sums have the order of several columns'.
  let keepsOrder: Bool

  @inline(__always) func run(_ t: Int, columns: Int) {
    let start = initialPlace.p + t &* initialPlace.step
    let value: InitialValue<T> =
      switch initial {
      case .zero: .zero
      case .column: .broadcastColumn(start)
      case .matrix: .matrix(start, columnStride: initialPlace.stride)
      case .gather:
        tokens.map { .gather(start, columnStride: initialPlace.stride, indices: $0 + t &* columns) } ?? .zero
      }
    let one = Operand(first, k: k, operand.p + t &* operand.step, columnStride: operand.stride)
    let two = Operand(second, k: k2, operand2.p + t &* operand2.step, columnStride: operand2.stride)
    let y = result.p + t &* result.step
    if keepsOrder && columns == 1 && k2 > 0 {
      // together they would be summed separately
      T.gemmPacked(layout, panels: panels, value, one, columns: 1, to: y, columnStride: result.stride)
      T.gemmPacked(
        layout, panels: panels, .matrix(y, columnStride: result.stride), two, columns: 1, to: y,
        columnStride: result.stride)
      return
    }
    T.gemmPacked(
      layout, panels: panels, value, one, two, columns: columns, to: y, columnStride: result.stride)
  }
}

/// One instruction: products, or element-wise operations and the memory that they use, by index.
struct LocatedInstruction {
  let isSegment: Bool
  let first: Int
  var count: Int
  var firstRange = 0, ranges = 0
}

/// The number of instructions of a pass, of its products, of its element-wise operations and of their ranges of memory.
struct PassLength {
  var instructions = 0, products = 0, operations = 0, ranges = 0

  /// Room for either of two passes.
  func union(_ other: PassLength) -> PassLength {
    PassLength(
      instructions: max(instructions, other.instructions), products: max(products, other.products),
      operations: max(operations, other.operations), ranges: max(ranges, other.ranges))
  }
}

extension PassLength {
  /// - Parameter products: those of each stack.
  init(_ pass: [PlannedInstruction], _ products: [[StackProduct]]) {
    instructions = pass.count
    for instruction in pass {
      switch instruction {
      case .stack(let s): self.products += products[s].count
      // the long sum of a single column is two
      case .transposed(_, let terms, _, _): self.products += 2 * terms.count
      case .segment(let segment):
        operations += segment.operations.count
        ranges += segment.ranges.count
      }
    }
  }
}

/// The instructions of one pass for one thread, in memory of the node.
struct LocatedCode<T: Real> {
  private let instructions: UnsafeMutablePointer<LocatedInstruction>
  private let products: UnsafeMutablePointer<LocatedProduct<T>>
  private let operations: UnsafeMutablePointer<MicroInstruction<T>>
  private let ranges: UnsafeMutablePointer<MicroRange<T>>
  private var instructionCount = 0, productCount = 0, operationCount = 0, rangeCount = 0

  /// The memory that the instructions of a plan need, in elements: for each version those of the longer pass.
  static func elements(_ plan: StepPlan, versions: Int = 2) -> Int {
    versions * bytes(plan.longestPass) / MemoryLayout<T>.size + 64
  }

  private static func bytes(_ pass: PassLength) -> Int {
    rounded(pass.instructions * MemoryLayout<LocatedInstruction>.stride)
      + rounded(pass.products * MemoryLayout<LocatedProduct<T>>.stride)
      + rounded(pass.operations * MemoryLayout<MicroInstruction<T>>.stride)
      + rounded(pass.ranges * MemoryLayout<MicroRange<T>>.stride)
  }

  private static func rounded(_ bytes: Int) -> Int { (bytes + 63) & ~63 }

  /// Empty code in memory of the node.
  ///
  /// - Parameter version: 0 or 1, for two that exist at a time.
  init(_ plan: StepPlan, in memory: UnsafeMutablePointer<T>, version: Int) {
    let capacity = plan.longestPass
    var p = UnsafeMutableRawPointer(memory) + version * LocatedCode.bytes(capacity)
    instructions = p.bindMemory(to: LocatedInstruction.self, capacity: capacity.instructions)
    p += LocatedCode.rounded(capacity.instructions * MemoryLayout<LocatedInstruction>.stride)
    products = p.bindMemory(to: LocatedProduct<T>.self, capacity: capacity.products)
    p += LocatedCode.rounded(capacity.products * MemoryLayout<LocatedProduct<T>>.stride)
    operations = p.bindMemory(to: MicroInstruction<T>.self, capacity: capacity.operations)
    p += LocatedCode.rounded(capacity.operations * MemoryLayout<MicroInstruction<T>>.stride)
    ranges = p.bindMemory(to: MicroRange<T>.self, capacity: capacity.ranges)
  }

  /// Adds a product. The threads wait for each other after each instruction.
  mutating func append(_ product: LocatedProduct<T>) {
    (products + productCount).initialize(to: product)
    appendInstruction(LocatedInstruction(isSegment: false, first: productCount, count: 1))
    productCount += 1
  }

  /// Adds one more product to the last instruction, which the same threads compute for the same rows.
  mutating func extend(with product: LocatedProduct<T>) {
    (products + productCount).initialize(to: product)
    productCount += 1
    instructions[instructionCount - 1].count += 1
  }

  /// Adds an empty segment.
  mutating func beginSegment() {
    appendInstruction(
      LocatedInstruction(isSegment: true, first: operationCount, count: 0, firstRange: rangeCount))
  }

  /// Adds an operation to the last segment.
  mutating func append(_ operation: MicroInstruction<T>) {
    (operations + operationCount).initialize(to: operation)
    operationCount += 1
    instructions[instructionCount - 1].count += 1
  }

  /// Adds memory that the last segment uses.
  mutating func append(_ range: MicroRange<T>) {
    (ranges + rangeCount).initialize(to: range)
    rangeCount += 1
    instructions[instructionCount - 1].ranges += 1
  }

  private mutating func appendInstruction(_ instruction: LocatedInstruction) {
    (instructions + instructionCount).initialize(to: instruction)
    instructionCount += 1
  }

  /// Runs the instructions of time step t.
  ///
  /// - Parameters:
  ///   - columns: all columns, for products, whose rows the threads share.
  ///   - mine: the columns of this thread, for element-wise operations.
  ///   - part: the columns that element-wise operations compute at a time.
  @inline(__always) func run(_ t: Int, columns: Int, mine: Range<Int>, part: Int, _ team: Team) {
    var i = 0
    while i < instructionCount {
      let instruction = instructions[i]
      if instruction.isSegment {
        T.runMicroProgram(
          operations + instruction.first, count: instruction.count, step: t, columns: mine, part: part,
          prefetching: UnsafeBufferPointer(start: ranges + instruction.firstRange, count: instruction.ranges))
      } else {
        var p = 0
        while p < instruction.count {
          products[instruction.first &+ p].run(t, columns: columns)
          p &+= 1
        }
      }
      team.barrier()
      i &+= 1
    }
  }
}
