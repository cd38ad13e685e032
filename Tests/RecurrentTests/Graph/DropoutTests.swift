// Dropout between layers: masks, gradients, draws, and calls that never drop.

import Testing

@testable import Recurrent

@Suite struct DropoutTests {
  private static let rate = 0.4

  private func learner(_ cell: Cell, _ hidden: [Int], seed: UInt64 = 3) throws -> ScanCase {
    try ScanCase(cell, inputs: 5, hidden: hidden, outputs: 5, T: 4, B: 3, oneHot: true, seed: seed)
  }

  /// Returns the outputs of all layers over a case's tokens, with masks from `seed`.
  private func run(_ s: ScanCase, _ graph: Graph, seed: UInt64) throws -> Mat {
    var state = try s.model.initialState(graph, batchSize: s.B)
    let tokens = try graph.copyIndices(#require(s.tokens), count: s.T * s.B, below: 5, "token")
    let top = try s.model.advance(
      graph, .tokens(tokens), steps: s.T, &state,
      dropout: Dropout(rate: DropoutTests.rate, random: Random(seed: seed)))
    return try s.model.decode(graph, top)
  }

  /// Every layer but the top one passes its outputs times a mask, drawn layer by layer, column by column.
  @Test(arguments: Cell.regular) func masksAreBetweenTheLayers(_ cell: Cell) throws {
    let s = try learner(cell, [6, 4, 7]), graph = Graph(), random = Random(seed: 9)
    // each layer as a network
    var x: Mat?
    for (k, H) in s.model.hiddenSizes.enumerated() {
      let below = k == 0 ? 5 : s.model.hiddenSizes[k - 1]
      let one = try Network(
        Network.Settings(cell, inputSize: below, hiddenSizes: [H], outputSize: nil, dtype: .float64),
        random: Random(seed: 0))
      for (name, mat) in one.parameters.all {
        let theirs = try #require(s.model.parameters[String(name.dropLast()) + "\(k)"])
        try mat.set(rows: theirs.rows())
      }
      var state = try one.initialState(graph, batchSize: s.B)
      let tokens = try graph.copyIndices(#require(s.tokens), count: s.T * s.B, below: 5, "token")
      let y = try one.advance(graph, x.map { .vectors($0) } ?? .tokens(tokens), steps: s.T, &state)
      if k == 2 {
        x = y
        break
      }
      let words = (0..<(y.count + 1) / 2).map { _ in random.next() }
      let mask = (0..<y.count).map { i in
        let u = Double(words[i / 2] >> UInt64(i % 2 * 32) & 0xFFFF_FFFF) * 0x1p-32
        return u < DropoutTests.rate ? 0 : 1 / (1 - DropoutTests.rate)
      }
      let rows = (0..<y.count).map { mask[$0 % y.d * y.n + $0 / y.d] }
      #expect(rows.contains(0) && rows.contains { $0 > 1 })
      x = try graph.eltmul(y, Mat(y.n, y.d, .float64, rows: rows))
    }
    let expected = try s.model.decode(graph, #require(x)), ours = try run(s, graph, seed: 9)
    #expect(try relativeDistance(ours.rows(), expected.rows()) < 1e-13)
  }

  @Test(arguments: Cell.tested) func centralDifferencesWithAFixedMask(_ cell: Cell) throws {
    // for ReLU a seed at which no unit is near its kink
    let s = try learner(cell, [6, 4, 3], seed: cell == .rnnRelu ? 11 : 3)
    let error = try gradientError([s.model.parameters.flat]) { graph in try run(s, graph, seed: 2) }
    #expect(error < GradientTests.bound, "\(cell): \(error)")
  }

  private func train(_ s: ScanCase, _ optimizer: Optimizer) throws -> StepResult {
    let classes = [Int64](repeating: 1, count: s.T * s.B)
    return try s.with { input, lengths in
      try s.model.trainStep(
        input, .classes(classes.span), T: s.T, B: s.B, lengths: lengths, optimizer: optimizer, learningRate: 0.01,
        clip: 5)
    }
  }

  /// The bits depend on the seed and not on the number of threads.
  @Test func trainingStepsDrawFromTheGenerator() throws {
    let before = ThreadPool.count
    defer { try? ThreadPool.set(before) }
    func weights(_ seed: UInt64?, _ threads: Int, rate: Double = 0.4) throws -> [Double] {
      try ThreadPool.set(threads)
      let s = try ScanCase(.lstm, inputs: 5, hidden: [130, 40], outputs: 5, T: 3, B: 16, oneHot: true, seed: 3)
      s.model.dropout = try seed.map { try Dropout(rate: rate, random: Random(seed: $0)) }
      let optimizer = try Optimizer.recurrentJS()
      for _ in 0..<2 { _ = try train(s, optimizer) }
      return try s.model.parameters.flat.rows()
    }
    let one = try weights(1, 1)
    #expect(try weights(1, 1) == one && weights(1, 3) == one)
    #expect(try weights(2, 1) != one && weights(nil, 1) != one)
    #expect(try weights(1, 1, rate: 0) == weights(nil, 1))
  }

  /// A training step, and the same by a loss of the caller's own: forward in training, backward, the optimizer's step.
  @Test(arguments: Cell.tested, [0, 0.4]) func aLossOfTheCallersOwn(_ cell: Cell, _ rate: Double) throws {
    let cases = try (0..<2).map { _ in try learner(cell, [6, 4, 7]) }
    for s in cases { s.model.dropout = try Dropout(rate: rate, random: Random(seed: 5)) }
    let (whole, parts) = (cases[0], cases[1]), aims = (0..<60).map { Double($0) / 60 }
    let optimizers = try [Optimizer.recurrentJS(), Optimizer.recurrentJS()]
    for _ in 0..<3 {
      let step = try whole.with { input, lengths in
        try whole.model.trainStep(
          input, .values(.float64(aims.span)), T: 4, B: 3, state: .float64(whole.state.span), lengths: lengths,
          optimizer: optimizers[0], learningRate: 0.01)
      }
      let y = try parts.run(training: true).y
      let loss = zip(y, aims).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) / 60 }
      #expect(relative(step.loss, loss) < 1e-14)
      _ = try parts.back(
        dy: zip(y, aims).map { 2 * ($0 - $1) / 60 }, dEnd: [Double](repeating: 0, count: parts.state.count))
      let own = try optimizers[1].step(parts.model.parameters, learningRate: 0.01)
      #expect(relative(step.gradientNorm, own.gradientNorm) < 1e-12)
      #expect(
        relativeDistance(try whole.model.parameters.flat.rows(), try parts.model.parameters.flat.rows()) < 1e-12)
      #expect(whole.model.dropout?.random.state == parts.model.dropout?.random.state)
      try parts.model.parameters.flat.set(rows: whole.model.parameters.flat.rows())
    }
  }

  /// Rate 0 is no dropout, bit for bit; other rates change the outputs and draw.
  @Test func rateZeroIsNoDropout() throws {
    let s = try learner(.lstm, [6, 4]), y = try s.run(), random = Random(seed: 1), start = random.state
    #expect(try s.run(training: true) == y)
    s.model.dropout = try Dropout(rate: 0, random: random)
    #expect(try s.run(training: true) == y && random.state == start)
    s.model.dropout = try Dropout(rate: 0.5, random: random)
    #expect(try s.run(training: true) != y && random.state != start)
    #expect(try s.run() == y)
  }

  /// Backward uses the masks of forward.
  @Test(arguments: Cell.tested) func forwardByCentralDifferences(_ cell: Cell) throws {
    let s = try learner(cell, [6, 4], seed: cell == .rnnRelu ? 11 : 3), random = Random(seed: 2), start = random.state
    s.model.dropout = try Dropout(rate: DropoutTests.rate, random: random)
    let (dy, dEnd) = s.outputGradients(4), flat = s.model.parameters.flat
    func loss() throws -> Double {
      random.state = start
      let run = try s.run(training: true)
      return zip(run.y + run.end, dy + dEnd).reduce(0) { $0 + $1.0 * $1.1 }
    }
    _ = try loss()
    let gradients = try s.back(dy: dy, dEnd: dEnd).parameters, weights = try flat.rows()
    let numeric = try weights.indices.map { i in
      var moved = weights
      moved[i] += 1e-6
      try flat.set(rows: moved)
      let above = try loss()
      moved[i] -= 2e-6
      try flat.set(rows: moved)
      return (above - (try loss())) / 2e-6
    }
    #expect(relativeDistance(numeric, gradients) < 1e-7)
  }

  @Test func onlyTrainingDrops() throws {
    let s = try learner(.gru, [6, 4]), y = try s.run(), random = Random(seed: 1), start = random.state
    s.model.dropout = try Dropout(rate: 0.9, random: random)
    #expect(try s.run() == y)
    #expect(random.state == start)
    _ = try train(s, Optimizer.recurrentJS())
    // half a word for each of 6 units, 4 time steps, 3 sequences
    let twin = Random(seed: 1)
    for _ in 0..<36 { _ = twin.next() }
    #expect(random.state == twin.state)
  }

  @Test func failuresRestoreTheGenerator() throws {
    let s = try learner(.lstm, [6, 4]), random = Random(seed: 1), start = random.state
    s.model.dropout = try Dropout(rate: 0.5, random: random)
    try #require(s.model.parameters["bd"]).set(rows: [0, .nan, 0, 0, 0])
    refused(.notFinite, "bd is not finite") { try train(s, Optimizer.recurrentJS()) }
    #expect(random.state == start)
    // a forward pass that is refused, before the draws and at the input
    var y = [Double](repeating: 7, count: 60), short = [Double](repeating: 7, count: 59)
    refused(.badShape, "y has the wrong length; expected 60, got 59") {
      try s.model.forward(.tokens(s.tokens!.span), T: 4, B: 3, y: .float64(short.mutableSpan), training: true)
    }
    refused(.badIndex, "tokens[0, 0]") {
      try s.model.forward(
        .tokens([Int64](repeating: 5, count: 12).span), T: 4, B: 3, y: .float64(y.mutableSpan), training: true)
    }
    #expect(random.state == start && y == [Double](repeating: 7, count: 60) && short.count == 59)
    for bad in [1, -0.1, Double.nan, .infinity] {
      refused(.badValue, "dropout", "\(bad)") { try Dropout(rate: bad, random: random) }
    }
  }
}
