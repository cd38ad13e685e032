// A program over a single time step of a few sequences: weights are read once, packing them would cost more.

import Kernels

extension ProgramRun {
  /// The forward pass of a single step.
  func forwardStep() {
    for k in plan.states.indices { copy(initial(k), to: state(k, after: -1)) }
    for instruction in plan.forward {
      switch instruction {
      case .stack(let s): multiply(s)
      case .segment(let segment): run(segment)
      case .transposed: break
      }
    }
    for k in plan.states.indices { copy(state(k, after: 0), to: final(k)) }
  }

  /// The backward pass of a single step.
  func backwardStep() {
    clear(parameterGradients, 0..<B)
    for k in plan.attended { clear(pastGradient(k), 0..<B) }
    for k in plan.states.indices {
      copy(dFinal(k), to: carry(k, 0))
      if k == 0 { accumulate(dy(0), times: 1, into: carry(k, 0)) }
    }
    for instruction in plan.backward {
      switch instruction {
      case .stack: break
      case .segment(let segment): run(segment)
      case .transposed(let value, let terms, let result, let initial):
        let rows = plan.values[value].rows, dx = allSteps(result, rows: rows)
        if let initial {
          let from = allSteps(initial, rows: rows)
          if from.p != dx.p { copy(from, to: dx) }
        } else {
          fill(dx, with: 0)
        }
        for term in terms { multiplyTransposed(term, into: dx) }
      }
    }
    for k in plan.states.indices { accumulate(carry(k, 1), times: 1, into: dInitial(k)) }
    for s in plan.stacks.indices { addWeightGradients(s) }
    for gradient in plan.gradients.parameters { addColumns(columns(of: gradient), to: dParameter(of: gradient)) }
    if scan.wantsInput {
      for piece in plan.gradients.inputs {
        guard let place = plan.layout.places[piece.value] else { continue }
        let count = plan.values[piece.value].rows
        accumulate(allSteps(place, rows: count), times: 1, into: dx.rows(piece.row, count))
      }
    }
  }

  private func run(_ segment: PlannedSegment) {
    var code = code(0)
    append(segment, to: &code, 0)
    code.run(0, columns: B, mine: 0..<B, part: part, Team.alone)
  }

  /// The sums of a stack: biases, then Σ W·v.
  private func multiply(_ s: Int) {
    let z = z(s)
    fill(z, with: 0)
    for bias in plan.biases[s] {
      let b = parameter(bias.parameter.parameter).rows(bias.parameter.row, bias.rows)
      let columns = MatrixView(b.p, rows: b.rows, columns: B, columnStride: 0)
      accumulate(columns, times: 1, into: z.rows(bias.row, bias.rows))
    }
    for (q, product) in plan.products[s].enumerated() {
      let v = allSteps(product.place, rows: product.columns)
      forEachWeight(s, q) { part, row, column in
        gemm(view(part), v.rows(column, part.columns), to: z.rows(row, part.rows), accumulate: true)
      }
    }
  }

  /// dx += Wᵀ·dz for the rows of a stack that read a value.
  private func multiplyTransposed(_ term: TransposedTerm, into dx: MatrixView<Scalar>) {
    let dz = dz(term.stack)
    var row = 0
    for sum in plan.stacks[term.stack].sums {
      let part = plan.values.parts(of: sum)[term.operand]
      gemmBackwardInput(view(part), dy: dz.rows(row, part.rows), dx: dx)
      row += part.rows
    }
  }

  /// Adds dz·vᵀ and dz to the gradients of a stack's weights and biases, and Wᵀ·dz to that of x.
  private func addWeightGradients(_ s: Int) {
    let dz = dz(s)
    for bias in plan.biases[s] {
      addColumns(
        dz.rows(bias.row, bias.rows), to: dParameter(bias.parameter.parameter).rows(bias.parameter.row, bias.rows))
    }
    for (q, product) in plan.products[s].enumerated() {
      let v = allSteps(product.place, rows: product.columns)
      forEachWeight(s, q) { part, row, column in
        let dz = dz.rows(row, part.rows)
        gemmBackwardWeights(dy: dz, v.rows(column, part.columns), dw: gradientView(part))
        if product.isInput && scan.wantsInput {
          gemmBackwardInput(view(part), dy: dz, dx: dx.rows(product.place.row + column, part.columns))
        }
      }
    }
  }

  /// Calls `body` with the weights of a product, or with each part of them, and where these lie.
  private func forEachWeight(_ s: Int, _ q: Int, _ body: (_ part: WeightPart, _ row: Int, _ column: Int) -> Void) {
    if let whole = plan.products[s][q].whole { body(whole, 0, 0) } else { forEachPart(s, q, body) }
  }

  /// to += Σ columns of m.
  private func addColumns(_ m: MatrixView<Scalar>, to: MatrixView<Scalar>) {
    accumulate(m, times: 1, into: MatrixView(to.p, rows: to.rows, columns: m.columns, columnStride: 0))
  }
}
