// One time step of a program for several sequences at once: one packed product for each, instead of one for each sequence.
//
// Every sum begins and continues as for one sequence, over ascending k, and every element-wise operation treats each
// element by itself: the states have the same bits as those of the sequence alone.

import Kernels

/// The packed weights of a step. Any number of threads reads them.
final class PackedWeights<Scalar: Real> {
  /// What the sums of each stack begin with.
  let biases: [UnsafeMutablePointer<Scalar>]
  /// The panels of each stack and product.
  let panels: [[UnsafeMutablePointer<Scalar>]]
  private let storage: Storage

  /// From a step that is prepared.
  init(_ step: ProgramStep<Scalar>) throws(RecurrentError) {
    let stacks = step.plan.stacks, products = step.plan.products
    var end = 0
    func allocate(_ count: Int) -> Int {
      // 16 elements: regions start at multiples of 64 bytes
      defer { end += (count + 15) & ~15 }
      return end
    }
    let biases = stacks.map { allocate($0.rows) }
    let panels = zip(stacks, products).map { stack, products in
      products.map { allocate(packedCount(.contiguous(stack.rows, Scalar.self), k: $0.columns, Scalar.self)) }
    }
    // weights of several parts, one product at a time
    let gathered = allocate(
      zip(stacks, products).reduce(0) { most, each in
        max(most, each.1.reduce(0) { max($0, $1.whole == nil ? $1.columns * each.0.rows : 0) })
      })
    guard let bytes = Storage.bytes(end, of: MemoryLayout<Scalar>.size) else {
      throw RecurrentError(.noMemory, "out of memory: could not allocate \(end) elements")
    }
    storage = try Storage(bytes: bytes)
    let memory = storage.start.assumingMemoryBound(to: Scalar.self)
    self.biases = biases.map { memory + $0 }
    self.panels = panels.map { $0.map { memory + $0 } }
    for s in stacks.indices {
      step.fillBiases(s, self.biases[s])
      let layout = PanelLayout.contiguous(stacks[s].rows, Scalar.self)
      for (q, product) in products[s].enumerated() {
        pack(
          step.weights(of: product, s, in: memory + gathered), layout, panels: 0..<layout.panels, to: self.panels[s][q])
      }
    }
  }
}

extension ProgramStep {
  /// The weights of a product as one matrix: a view of a parameter, or gathered in `memory`.
  fileprivate func weights(
    of product: StackProduct, _ s: Int, in memory: UnsafeMutablePointer<Scalar>
  ) -> MatrixView<Scalar> {
    func view(_ part: WeightPart) -> MatrixView<Scalar> {
      parameters[part.parameter].rows(part.row, part.rows).columns(part.column, part.columns)
    }
    if let whole = product.whole { return view(whole) }
    let all = MatrixView(
      memory, rows: plan.stacks[s].rows, columns: product.columns, columnStride: plan.stacks[s].rows)
    var row = 0
    for sum in plan.stacks[s].sums {
      let parts = plan.values.parts(of: sum)
      for (operand, column) in product.operands {
        let part = parts[operand]
        copy(view(part), to: all.rows(row, part.rows).columns(column, part.columns))
      }
      row += plan.values[sum].rows
    }
    return all
  }

  /// Runs the step of the first `count` sequences, whose states are in `before`; these become the next states.
  ///
  /// - Parameters:
  ///   - tokens: of each sequence the row of x that is 1; with `products` the row of their table; nil for an x in `input`.
  ///   - products: those of a table.
  func run(
    _ count: Int, _ weights: PackedWeights<Scalar>, tokens: UnsafePointer<Int32>?, _ products: TokenProducts?
  ) {
    if let tokens, products == nil {
      input.update(repeating: 0, count: plan.inputs * count)
      for j in 0..<count { input[j * plan.inputs + Int(tokens[j])] = 1 }
    }
    let part = plan.columnsOfPart(columns, Scalar.self)
    for (i, instruction) in plan.forward.enumerated() {
      switch instruction {
      case .stack(let s): multiply(s, count, weights, tokens, products)
      case .segment(let segment):
        Scalar.runMicroProgram(
          operations + starts[i], count: segment.operations.count, step: 0, columns: 0..<count, part: part)
      case .transposed: break
      }
    }
    for (k, rows) in plan.states.enumerated() { before[k].update(from: after[k], count: rows * count) }
  }

  /// The sums of a stack.
  private func multiply(
    _ s: Int, _ count: Int, _ weights: PackedWeights<Scalar>, _ tokens: UnsafePointer<Int32>?,
    _ products: TokenProducts?
  ) {
    let place = plan.layout.stackPlaces[s], rows = plan.stacks[s].rows
    let z = pointer(place), stride = stride(place.region), layout = PanelLayout.contiguous(rows, Scalar.self)
    var hasInput = false
    for j in 0..<count {
      var start = UnsafePointer(weights.biases[s])
      if let tokens, let column = products?.column(s, Int(tokens[j]), rows: rows) { (start, hasInput) = (column, true) }
      (z + j * stride).update(from: start, count: rows)
    }
    for (q, product) in plan.products[s].enumerated() {
      if let tokens, product.isInput {
        if !hasInput {
          for j in 0..<count { add(product, s, z + j * stride, oneHot: Int(tokens[j])) }
        }
        continue
      }
      Scalar.gemmPacked(
        layout, panels: 0..<layout.panels, .matrix(z, columnStride: stride),
        Operand(
          weights.panels[s][q], k: product.columns, pointer(product.place),
          columnStride: self.stride(product.place.region)),
        columns: count, to: z, columnStride: stride)
    }
  }
}
