// The options of the layers: single steps beside whole sequences, and refusals.

import Testing

@testable import Recurrent

@Suite struct NetworkOptionsTests {
  /// A graph's steps, steps without a graph and a whole sequence begin with the learned states and add the inputs.
  @Test(arguments: Cell.regular, [nil, 6] as [Int?])
  func stepsAreSequences(_ cell: Cell, _ embedding: Int?) throws {
    let network = try Network(
      Network.Settings(
        cell, inputSize: 6, embedding: embedding, hiddenSizes: [5, 5, 5], outputSize: 6,
        options: Network.Options(learnedInitialState: true, residual: true), dtype: .float64), random: Random(seed: 1))
    try network.parameters.flat.fillUniform(-0.7, 0.7, Random(seed: 2))
    let tokens: [Int64] = [1, 4, 0, 2], T = 4, count = network.stateCount(batchSize: 1)
    var y = [Double](repeating: 0, count: 6 * T), end = [Double](repeating: 0, count: count)
    try network.forward(
      .tokens(tokens.span), T: T, B: 1, y: .float64(y.mutableSpan), finalState: .float64(end.mutableSpan))
    var dy = [Double](repeating: 0, count: 6 * T), dStart = [Double](repeating: 0, count: count)
    for i in dy.indices { dy[i] = Double(i % 5) - 2 }
    try network.backward(dy: .float64(dy.span), dStart: .float64(dStart.mutableSpan))
    let gradient = try network.parameters.flat.gradientRows()

    var state = [Double](repeating: 0, count: count), scores = [Double](repeating: 0, count: 6)
    try network.copyInitialState(to: .float64(state.mutableSpan))
    #expect(state[0..<5].elementsEqual(try #require(network.parameters["hs0"]).rows()))
    for (t, token) in tokens.enumerated() {
      try network.inferenceStep(
        token: Int(token), state: .float64(state.mutableSpan), y: .float64(scores.mutableSpan))
      #expect(relativeDistance(scores, Array(y[6 * t..<6 * t + 6])) < 1e-13)
    }
    #expect(relativeDistance(state, end) < 1e-13)

    try network.parameters.flat.zeroGradient()
    let graph = Graph()
    var next: Network.State?, outputs: [Mat] = []
    for token in tokens {
      let x: Mat
      if let Wil = network.parameters["Wil"] {
        x = try graph.rowPluck(Wil, [Int(token)])
      } else {
        x = try Mat(6, 1, .float64, rows: (0..<6).map { $0 == token ? 1 : 0 })
      }
      let (o, after) = try network.forward(graph, x, next)
      (next, outputs) = (after, outputs + [o])
    }
    #expect(relativeDistance(try outputs.flatMap { try $0.rows() }, y) < 1e-13)
    let all = try graph.concatRows(outputs)
    try graph.backward(from: graph.dot(all, Mat(6 * T, 1, .float64, rows: dy)))
    #expect(relativeDistance(try network.parameters.flat.gradientRows(), gradient) < 1e-12)
  }

  @Test func refusals() throws {
    let random = Random(seed: 1)
    refused(.badShape, "hidden_sizes[1] is wrong for a residual connection; expected layers of one width, 3, got 2") {
      try Network(
        Network.Settings(.gru, inputSize: 3, hiddenSizes: [3, 2], options: Network.Options(residual: true)),
        random: random)
    }
    let both = Network.Options(bidirectional: true)
    refused(.badValue, "bidirectional is impossible for a text model") {
      try TextModel(TextModel.Settings(hiddenSizes: [3], options: both), texts: ["ab"], random: random)
    }
    #expect(random.state == Random(seed: 1).state)
    let network = try Network(
      Network.Settings(.lstm, inputSize: 3, hiddenSizes: [3], outputSize: 3, options: both), random: random)
    let words = "network is bidirectional; expected one direction for"
    let graph = Graph()
    refused(.badValue, words, "single time steps, got two") { try network.forward(graph, Mat(3, 1)) }
    var state = [Float](repeating: 0, count: network.stateCount(batchSize: 1))
    #expect(state.count == 12)
    refused(.badValue, words, "single time steps") {
      try network.inferenceStep(token: 1, state: .float32(state.mutableSpan))
    }
    refused(.badValue, words, "generation") { try network.beamSearch(prompt: [1], count: 2, beams: 1) }
    refused(.badValue, words, "generation") {
      try Generator(network, prompt: [1], Sampler(temperature: 0), random: nil)
    }
    refused(.badShape, "batch_size is out of range; expected at least 1, got 0") {
      try network.copyInitialState(batchSize: 0, to: .float32(state.mutableSpan))
    }
    refused(.badShape, "state has the wrong length; expected 24, got 12") {
      try network.copyInitialState(batchSize: 2, to: .float32(state.mutableSpan))
    }
  }

  /// RecurrentJS's files have no place for the options.
  @Test func recurrentJSRefuses() throws {
    var settings = SentenceModel.settings
    settings.options.residual = true
    let model = try SentenceModel(["ab"], settings, random: Random(seed: 1))
    refused(.badValue, "options of the layers have no form in RecurrentJS's files; expected none, got residual") {
      try model.recurrentJS()
    }
  }
}
