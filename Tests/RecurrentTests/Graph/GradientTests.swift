// Every operation, both cells and whole models against central differences.

import Recurrent
import Testing

@Suite struct GradientTests {
  /// The bound on the relative error in the L2 norm.
  static let bound = 1e-6

  @Test(arguments: Operation.all) func operations(_ operation: Operation) throws {
    var worst = 0.0
    for seed in 0..<100 as Range<UInt64> {
      let leaves = try operation.leaves(Dice(seed))
      let error = try gradientError(leaves) { try operation.build($0, leaves, seed) }
      #expect(error < Self.bound, "\(operation.name) of \(leaves.map { $0.shape }), case \(seed)")
      worst = max(worst, error)
    }
    print("gradient of \(operation.name): \(worst)")
  }

  @Test(arguments: Cell.tested) func models(_ cell: Cell) throws {
    var worst = 0.0, seed: UInt64 = 0, cases = 0
    while cases < 100 {
      seed += 1
      let dice = Dice(seed), columns = dice.size(3), ticks = dice.integer(1...4)
      let model = try Network(
        Network.Settings(
          cell, inputSize: dice.size(3), hiddenSizes: (0..<dice.integer(1...3)).map { _ in dice.size(3) },
          outputSize: dice.size(3), dtype: .float64), random: dice.random)
      // larger than initial weights, biases too: gradients well above the rounding error
      try model.parameters.flat.fillUniform(-1, 1, dice.random)
      let inputs = try (0..<ticks).map { _ in try dice.leaf(model.inputSize, columns) }
      if cell == .rnnRelu, try distanceFromKink(model, inputs) < 1e-3 { continue }
      cases += 1
      let error = try gradientError(inputs + [model.parameters.flat], elements: 40) { graph in
        var state: Network.State?
        var outputs: [Mat] = []
        for x in inputs {
          let (o, next) = try model.forward(graph, x, state)
          (state, outputs) = (next, outputs + [o])
        }
        return try graph.concatColumns(outputs)
      }
      #expect(error < Self.bound, "\(cell) \(model.hiddenSizes), \(ticks) ticks, case \(seed)")
      worst = max(worst, error)
    }
    print("gradient of \(cell) models: \(worst)")
  }

  /// The smallest magnitude of a pre-activation, from the names' own matrices.
  private func distanceFromKink(_ model: Network, _ inputs: [Mat]) throws -> Double {
    let graph = Graph(needsBackprop: false)
    var nearest = Double.infinity
    var h = try model.initialState(graph, batchSize: inputs[0].d).h
    for x in inputs {
      var input = x
      for k in h.indices {
        let Wx = try #require(model.parameters["Wxh\(k)"]), Wh = try #require(model.parameters["Whh\(k)"])
        let b = try #require(model.parameters["bhh\(k)"])
        let z = try graph.add(graph.add(graph.mul(Wx, input), graph.mul(Wh, h[k])), b)
        nearest = min(nearest, try z.rows().reduce(.infinity) { min($0, abs($1)) })
        h[k] = try graph.relu(z)
        input = h[k]
      }
    }
    return nearest
  }

  /// What flows into a view stays within it.
  @Test func gradientsStayInsideAView() throws {
    let base = try Mat(7, 5, .float64)
    try base.fillUniform(-1, 1, Random(seed: 1))
    let view = try base.view(row: 2, column: 1, n: 3, d: 3), graph = Graph()
    let y = try graph.sum(graph.tanh(graph.mul(view, view)))
    try graph.backward(from: y)
    let dw = try base.gradientRows()
    for i in 0..<7 {
      for j in 0..<5 { #expect((dw[i * 5 + j] != 0) == ((2..<5).contains(i) && (1..<4).contains(j))) }
    }
  }
}
