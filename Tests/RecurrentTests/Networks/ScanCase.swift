// A network and a batch of sequences, computed by the array interface and by the equations.

import Kernels
import Testing

@testable import Recurrent

/// T time steps of B sequences through a network, in float64.
struct ScanCase {
  let model: Network, T: Int, B: Int
  /// Vectors, [I × T·B], or tokens.
  let x: Mat, tokens: [Int64]?
  /// The initial state, every layer's h and then c; and the valid time steps.
  let state: [Double], lengths: [Int64]?

  init(
    _ cell: Cell, inputs: Int, hidden: [Int], outputs: Int?, T: Int, B: Int, embedding: Int? = nil,
    lengths: Bool = false, oneHot: Bool = false, tied: Bool = false,
    seed: UInt64
  ) throws {
    let dice = Dice(seed)
    model = try Network(
      Network.Settings(
        cell, inputSize: inputs, embedding: embedding, hiddenSizes: hidden, outputSize: outputs,
        tied: tied, dtype: .float64), random: dice.random)
    try model.parameters.flat.fillUniform(-0.7, 0.7, dice.random)
    (self.T, self.B) = (T, B)
    let hasVectors = embedding == nil && !oneHot
    x = try Mat(hasVectors ? inputs : 1, T * B, .float64)
    try x.fillUniform(-1, 1, dice.random)
    tokens = hasVectors ? nil : (0..<T * B).map { _ in Int64(dice.integer(0...inputs - 1)) }
    state = (0..<model.stateCount(batchSize: B)).map { _ in dice.random.uniform(-0.5, 0.5) }
    self.lengths = lengths ? (0..<B).map { _ in Int64(dice.integer(0...T)) } : nil
  }

  /// The outputs and the final state.
  struct Result: Equatable {
    var y: [Double], end: [Double]
  }

  /// The gradients of the parameters, the input and the initial state.
  struct Gradients {
    var parameters: [Double], x: [Double], start: [Double]
  }

  func with<R>(_ body: (Network.Inputs, Span<Int64>?) throws -> R) throws -> R {
    if let tokens { return try body(.tokens(tokens.span), lengths?.span) }
    return try body(.values(Elements(x.wPointer(), count: x.count, .float64)), lengths?.span)
  }

  /// Runs the array interface forward.
  func run(from start: [Double]? = nil, training: Bool = false) throws -> Result {
    var y = [Double](repeating: .nan, count: T * B * model.topSize)
    var end = [Double](repeating: .nan, count: state.count)
    let start = start ?? state
    try with { input, lengths in
      try model.forward(
        input, T: T, B: B, state: .float64(start.span), lengths: lengths, y: .float64(y.mutableSpan),
        finalState: .float64(end.mutableSpan), training: training)
    }
    return Result(y: y, end: end)
  }

  /// Backpropagates through `run`.
  func back(dy: [Double], dEnd: [Double]) throws -> Gradients {
    try model.parameters.flat.zeroGradient()
    var dx = [Double](repeating: 0, count: tokens == nil ? x.count : 0), dStart = state
    if tokens == nil {
      try model.backward(
        dy: .float64(dy.span), dState: .float64(dEnd.span), dx: .float64(dx.mutableSpan),
        dStart: .float64(dStart.mutableSpan))
    } else {
      try model.backward(
        dy: .float64(dy.span), dState: .float64(dEnd.span), dStart: .float64(dStart.mutableSpan))
    }
    return Gradients(parameters: try model.parameters.flat.gradientRows(), x: dx, start: dStart)
  }

  /// Computes the same by the equations, each sequence separately, with the graph's gradients.
  func twin(dy: [Double], dEnd: [Double]) throws -> (Result, Gradients) {
    try model.parameters.flat.zeroGradient()
    var result = Result(y: [Double](repeating: 0, count: T * B * model.topSize), end: state)
    var gradients = Gradients(
      parameters: [], x: [Double](repeating: 0, count: tokens == nil ? x.count : 0), start: state)
    let vectors = try columns(x.rows(), x.n, T * B)
    for b in 0..<B {
      let graph = Graph(), top = model.topSize
      // this sequence's regions of a state: H elements per layer, h and then c
      var places: [(at: Int, n: Int)] = []
      var at = 0
      for s in model.cell.states.indices {
        for layer in model.layers {
          let rows = layer.states[s]
          places.append((at + b * rows, rows))
          at += rows * B
        }
      }
      let start = try places.map { try Mat($0.n, 1, .float64, rows: Array(state[$0.at..<$0.at + $0.n])) }
      let layers = model.hiddenSizes.count
      var equations = try Equations(
        model, graph, columns: 1,
        Network.State(model.cell.states.indices.map { Array(start[$0 * layers..<($0 + 1) * layers]) }))
      var inputs: [Mat] = []
      for t in 0..<Int(lengths?[b] ?? Int64(T)) {
        let column = t * B + b
        let input =
          try tokens.map { try equations.input(Int($0[column])) }
          ?? Mat(x.n, 1, .float64, rows: vectors[column])
        inputs.append(input)
        let y = try equations.step(input), place = column * top..<(column + 1) * top
        result.y.replaceSubrange(place, with: try y.rows())
        try y.set(gradientRows: zip(y.gradientRows(), dy[place]).map { $0 + $1 })
      }
      for (m, place) in zip(equations.states.joined(), places) {
        let range = place.at..<place.at + place.n
        result.end.replaceSubrange(range, with: try m.rows())
        // added: without a decoder the last output is also the final state
        try m.set(gradientRows: zip(m.gradientRows(), dEnd[range]).map { $0 + $1 })
      }
      try graph.backward()
      for (m, place) in zip(start, places) {
        gradients.start.replaceSubrange(place.at..<place.at + place.n, with: try m.gradientRows())
      }
      if tokens == nil {
        for (t, m) in inputs.enumerated() {
          let from = (t * B + b) * x.n
          gradients.x.replaceSubrange(from..<from + x.n, with: try m.gradientRows())
        }
      }
    }
    gradients.parameters = try model.parameters.flat.gradientRows()
    return (result, gradients)
  }

  /// Random gradients for outputs and final state.
  func outputGradients(_ seed: UInt64) -> (dy: [Double], dEnd: [Double]) {
    let random = Random(seed: seed)
    return (
      (0..<T * B * model.topSize).map { _ in random.uniform(-1, 1) }, state.map { _ in random.uniform(-1, 1) }
    )
  }

  private func columns(_ rows: [Double], _ n: Int, _ d: Int) -> [[Double]] {
    (0..<d).map { j in (0..<n).map { rows[$0 * d + j] } }
  }
}
