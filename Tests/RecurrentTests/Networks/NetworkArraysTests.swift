// Networks over arrays in the caller's memory: training steps, losses and refused sequences.

import Foundation
import Testing

@testable import Recurrent

@Suite struct NetworkArraysTests {
  private func train(
    _ s: ScanCase, _ optimizer: Optimizer, classes: [Int64]? = nil, numbers: [Double]? = nil,
    rate: Double = 0.01,
    regc: Double = 1e-4, clip: Double = 5, end: UnsafeMutableRawPointer? = nil
  ) throws -> StepResult {
    try s.with { input, lengths in
      try s.state.withUnsafeBytes { state in
        try (classes ?? []).withUnsafeBufferPointer { c in
          try (numbers ?? []).withUnsafeBytes { n in
            try s.model.trainStep(
              input, classes == nil ? .values(#require(n.baseAddress)) : .classes(c), T: s.T, B: s.B,
              state: state.baseAddress, lengths: lengths, finalState: end, optimizer: optimizer, learningRate: rate,
              weightDecay: regc, clip: clip)
          }
        }
      }
    }
  }

  /// One call of `trainStep` equals forward, loss, backward and the optimizer's step.
  @Test(arguments: Cell.allCases, [false, true]) func aTrainStepIsItsParts(_ cell: Cell, _ lengths: Bool)
    throws
  {
    let s = try ScanCase(
      cell, inputs: 5, hidden: [7], outputs: 5, T: 4, B: 3, embedding: 3, lengths: lengths, seed: 2)
    let twin = try ScanCase(
      cell, inputs: 5, hidden: [7], outputs: 5, T: 4, B: 3, embedding: 3, lengths: lengths, seed: 2)
    let dice = Dice(9)
    let classes = (0..<12).map { _ in Int64(dice.integer(-1...4)) },
      aims = (0..<60).map { _ in dice.random.uniform(-1, 1) }
    for (optimizers, useClasses) in [
      ((try Optimizer.recurrentJS(), try Optimizer.recurrentJS()), true),
      ((try Optimizer.recurrentJS(), try Optimizer.recurrentJS()), false),
    ] {
      for _ in 0..<3 {
        var end = s.state
        let step = try end.withUnsafeMutableBytes {
          try train(
            s, optimizers.0, classes: useClasses ? classes : nil, numbers: useClasses ? nil : aims,
            end: $0.baseAddress)
        }
        let run = try twin.run()
        #expect(end == run.end)
        // the loss and its gradient by hand
        var loss = 0.0, dy = [Double](repeating: 0, count: 60)
        let valid = (0..<12).filter { j in
          Int64(j / 3) < (s.lengths?[j % 3] ?? 4) && (!useClasses || classes[j] >= 0)
        }
        let n = Double(useClasses ? valid.count : valid.count * 5)
        for j in valid {
          let y = Array(run.y[j * 5..<j * 5 + 5]), total = y.reduce(0) { $0 + exp($1) }
          for i in 0..<5 {
            if useClasses {
              dy[j * 5 + i] = (exp(y[i]) / total - (Int(classes[j]) == i ? 1 : 0)) / n
              if Int(classes[j]) == i { loss -= log(exp(y[i]) / total) / n }
            } else {
              dy[j * 5 + i] = 2 * (y[i] - aims[j * 5 + i]) / n
              loss += (y[i] - aims[j * 5 + i]) * (y[i] - aims[j * 5 + i]) / n
            }
          }
        }
        #expect(relative(step.loss, loss) < 1e-12)
        _ = try twin.back(dy: dy, dEnd: [Double](repeating: 0, count: end.count))
        let statistics = try optimizers.1.step(twin.model.parameters, learningRate: 0.01, weightDecay: 1e-4, clip: 5)
        #expect(relative(step.gradientNorm, statistics.gradientNorm) < 1e-10)
        #expect(
          relativeDistance(try s.model.parameters.flat.rows(), try twin.model.parameters.flat.rows()) < 1e-9)
        #expect(try s.model.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
        try twin.model.parameters.flat.set(rows: s.model.parameters.flat.rows())
      }
    }
  }

  /// With a summed loss, T = n + 1 and B = 1, a training step is RecurrentJS's tick bit for bit.
  @Test(arguments: Cell.allCases, DType.allCases) func aSumIsRecurrentJSsTick(_ cell: Cell, _ dtype: DType) throws {
    let words = ["the quick brown fox", "jumps", "over the lazy dog", "a"]
    let settings = TextModel.Settings(
      .sentences, cell: cell, hiddenSizes: [20, 9], embedding: 5, forgetBias: 0, dtype: dtype)
    let sentences = try SentenceModel(words, settings, random: Random(seed: 3))
    let size = sentences.model.tokenizer.count
    let network = try Network(
      Network.Settings(
        cell, inputSize: size, embedding: 5, hiddenSizes: [20, 9], outputSize: size, dtype: dtype),
      random: Random(seed: 3))
    let optimizer = try Optimizer.recurrentJS()
    #expect(try network.parameters.flat.rows() == sentences.parameters.flat.rows())
    for (i, word) in (words + words + words).enumerated() {
      let letters = try sentences.model.tokenizer.encode(word)
      let (loss, result) = try ([0] + letters).withUnsafeBufferPointer { tokens in
        try (letters + [0]).withUnsafeBufferPointer { targets in
          (
            try network.loss(.tokens(tokens), .classes(targets), T: tokens.count, B: 1, reduction: .sum),
            try network.trainStep(
              .tokens(tokens), .classes(targets), T: tokens.count, B: 1, optimizer: optimizer, learningRate: 0.01,
              weightDecay: 1e-6, clip: 5, reduction: .sum)
          )
        }
      }
      let tick = try sentences.tick(word, learningRate: 0.01, regc: 1e-6, clipval: 5)
      #expect(result.loss == tick.result.loss && loss == result.loss, "\(i)")
      #expect(
        result.gradientNorm == tick.result.gradientNorm && result.ratioClipped == tick.result.ratioClipped, "\(i)")
      #expect(try network.parameters.flat.rows() == sentences.parameters.flat.rows(), "\(i)")
    }
  }

  /// A sum is the mean times the number of terms, of classes and of values, with and without padding.
  @Test(arguments: [false, true]) func sums(_ lengths: Bool) throws {
    let s = try ScanCase(.gru, inputs: 5, hidden: [4], outputs: 5, T: 3, B: 2, embedding: 3, lengths: lengths, seed: 1)
    let classes: [Int64] = [0, 1, 2, -1, 4, 0], values = (0..<30).map { Double($0) / 30 }
    let valid = (0..<6).filter { $0 / 2 < s.lengths?[$0 % 2] ?? 3 }
    func loss(_ targets: Network.Targets, _ reduction: Reduction) throws -> Double {
      try s.with { input, lengths in
        try s.model.loss(input, targets, T: 3, B: 2, lengths: lengths, reduction: reduction)
      }
    }
    try classes.withUnsafeBufferPointer {
      let count = Double(valid.filter { classes[$0] >= 0 }.count)
      let (sum, mean) = (try loss(.classes($0), .sum), try loss(.classes($0), .mean))
      #expect(relative(sum, count * mean) < 1e-14)
    }
    try values.withUnsafeBytes {
      let targets = Network.Targets.values(try #require($0.baseAddress))
      let (sum, mean) = (try loss(targets, .sum), try loss(targets, .mean))
      #expect(relative(sum, Double(valid.count * 5) * mean) < 1e-14)
    }
  }

  /// A step without a learning rate uses the optimizer's.
  @Test func theOptimizersLearningRate() throws {
    let models = try (0..<2).map { _ in
      try ScanCase(.lstm, inputs: 5, hidden: [4], outputs: 5, T: 2, B: 2, embedding: 3, seed: 1)
    }
    let classes: [Int64] = [0, 1, 2, 3]
    for (s, learningRate) in zip(models, [nil, 0.25]) {
      let optimizer = try Optimizer("adam", learningRate == nil ? #""learning_rate": 0.25"# : "")
      _ = try s.with { input, _ in
        try classes.withUnsafeBufferPointer {
          try s.model.trainStep(
            input, .classes($0), T: 2, B: 2, optimizer: optimizer, learningRate: learningRate)
        }
      }
    }
    #expect(try models[0].model.parameters.flat.rows() == models[1].model.parameters.flat.rows())
  }

  @Test func refusedStepsChangeNothing() throws {
    let s = try ScanCase(.lstm, inputs: 5, hidden: [4], outputs: 5, T: 2, B: 2, embedding: 3, seed: 1)
    let optimizer = try Optimizer.recurrentJS(), w = try s.model.parameters.flat.rows(), good: [Int64] = [0, 1, 2, -1]
    for x in [Double.nan, .infinity, -1] {
      refused(.badValue, "\(x)") { try train(s, optimizer, classes: good, rate: x) }
      refused(.badValue, "\(x)") { try train(s, optimizer, classes: good, regc: x) }
    }
    for x in [Double.nan, -1, 0] { refused(.badValue, "\(x)") { try train(s, optimizer, classes: good, clip: x) } }
    for bad: Int64 in [5, -2, .max, .min] {
      refused(.badIndex, "targets[1, 0]", "\(bad)", "-1 to 4") { try train(s, optimizer, classes: [0, 1, bad, 0]) }
    }
    refused(.badShape, "expected 4, got 3") { try train(s, optimizer, classes: [0, 1, 2]) }
    refused(.badValue, "targets is empty") { try train(s, optimizer, classes: [-1, -1, -1, -1]) }
    try #require(s.model.parameters["bd"]).set(rows: [0, .nan, 0, 0, 0])
    refused(.notFinite, "bd is not finite", "got nan at [1, 0]") { try train(s, optimizer, classes: good) }
    try #require(s.model.parameters["bd"]).set(rows: [0, 0, 0, 0, 0])
    let same = try #require(s.model.parameters["bd"])
    try same.set(rows: Array(w.suffix(5)))
    #expect(try s.model.parameters.flat.rows() == w)
    #expect(try s.model.parameters.flat.gradientRows().allSatisfy { $0 == 0 })
    #expect(optimizer.names == [])
  }

  /// Beyond the lengths every number gives the bits of zeros, and is never named.
  @Test(arguments: Cell.allCases, [Double.nan, .infinity, 1e300]) func paddingMayBeAnything(
    _ cell: Cell, _ value: Double
  ) throws {
    let lengths: [Int64] = [3, 0, 2]
    func results(_ value: Double) throws -> [[Double]] {
      let network = try Network(
        Network.Settings(cell, inputSize: 2, hiddenSizes: [4, 3], outputSize: 2, dtype: .float64),
        random: Random(seed: 1))
      let random = Random(seed: 2)
      func numbers() -> [Double] {
        (0..<3 * 3 * 2).map { i in
          let number = random.uniform(-1, 1), step = Int64(i / 6)
          return step < lengths[i / 2 % 3] ? number : value
        }
      }
      let x = numbers(), targets = numbers(), dy = numbers()
      var y = [Double](repeating: 7, count: 18), dx = y,
        final = [Double](
          repeating: 7, count: network.stateCount(batchSize: 3))
      let loss = try lengths.withUnsafeBufferPointer { lengths in
        try x.withUnsafeBytes { x in
          let input = Network.Inputs.values(try #require(x.baseAddress))
          try y.withUnsafeMutableBytes { y in
            try final.withUnsafeMutableBytes { final in
              try network.forward(
                input, T: 3, B: 3, state: nil, lengths: lengths, y: #require(y.baseAddress),
                finalState: final.baseAddress)
            }
          }
          try dy.withUnsafeBytes { dy in
            try dx.withUnsafeMutableBytes { dx in
              try network.backward(dy: #require(dy.baseAddress), dState: nil, dx: dx.baseAddress, dStart: nil)
            }
          }
          return try targets.withUnsafeBytes { targets in
            try network.loss(input, .values(#require(targets.baseAddress)), T: 3, B: 3, lengths: lengths)
          }
        }
      }
      return [y, dx, final, try network.parameters.flat.gradientRows(), [loss]]
    }
    #expect(try results(value) == results(0))
  }

  /// A step counts its own gradients only, whatever an earlier backward has left.
  @Test func staleGradientsDoNotCount() throws {
    let cases = try (0..<2).map { _ in try ScanCase(.gru, inputs: 3, hidden: [4], outputs: 2, T: 2, B: 2, seed: 1) }
    try cases[1].model.parameters.flat.set(
      gradientRows: [Double](repeating: .nan, count: cases[1].model.parameters.flat.count))
    let results = try cases.map { try train($0, Optimizer.recurrentJS(), classes: [0, 1, 1, 0]) }
    #expect(results[0].loss == results[1].loss && results[0].gradientNorm == results[1].gradientNorm)
    #expect(try cases[0].model.parameters.flat.rows() == cases[1].model.parameters.flat.rows())
  }

  @Test func sequencesRefused() throws {
    let s = try ScanCase(.gru, inputs: 3, hidden: [4], outputs: 2, T: 2, B: 2, seed: 1)
    let t = try ScanCase(.gru, inputs: 3, hidden: [4], outputs: 2, T: 2, B: 2, embedding: 2, seed: 1)
    var y = [Double](repeating: 7, count: 8)
    func forward(_ m: Network, _ input: Network.Inputs, _ T: Int, _ B: Int, _ lengths: [Int64]? = nil) throws {
      try y.withUnsafeMutableBytes { y in
        try (lengths ?? []).withUnsafeBufferPointer { l in
          try m.forward(
            input, T: T, B: B, state: nil, lengths: lengths == nil ? nil : l, y: #require(y.baseAddress),
            finalState: nil)
        }
      }
    }
    let numbers = Network.Inputs.values(try s.x.wPointer())
    for (T, B) in [
      (0, 1), (1, 0), (-1, 2), (.min, 1), (Int.max, Int.max), (Int.max, 1), (1 << 31, 1), (1 << 20, 1 << 11),
    ] {
      refused(.badShape, "got \(T) and \(B)") { try forward(s.model, numbers, T, B) }
    }
    refused(.badValue, "expected tokens") { try forward(t.model, numbers, 2, 2) }
    for bad: Int64 in [-1, 3, .max, .min] {
      for m in [s.model, t.model] {
        refused(.badIndex, "tokens[0, 1]", "\(bad)", "0 to 2") {
          try [0, bad, 1, 2].withUnsafeBufferPointer { try forward(m, .tokens($0), 2, 2) }
        }
      }
      if bad != 3 {
        refused(.badIndex, "lengths[1]", "\(bad)") { try forward(s.model, numbers, 2, 2, [0, bad]) }
      }
    }
    refused(.badIndex, "lengths[0]", "got 3") { try forward(s.model, numbers, 2, 2, [3, 1]) }
    refused(.badShape, "lengths has the wrong length; expected 2, got 1") { try forward(s.model, numbers, 2, 2, [1]) }
    #expect(y == [Double](repeating: 7, count: 8))
    // backward requires a forward, and runs once
    refused(.invalidated, "forward") { try s.back(dy: y, dEnd: s.state) }
    _ = try s.run()
    _ = try s.back(dy: y, dEnd: s.state)
    refused(.invalidated, "per forward") { try s.back(dy: y, dEnd: s.state) }
  }

  /// The gradients are those of the weights of the forward pass, whatever is written before backward.
  @Test(arguments: Cell.allCases, 0..<6) func weightsWrittenBeforeBackward(_ cell: Cell, _ form: Int) throws {
    // vectors; a table of fewer or more tokens than columns; one-hot tokens, fewer or more
    let embedding = form == 2 || form == 3 ? 3 : nil, inputSize = form % 2 == 0 ? 4 : 40, B = form == 1 ? 13 : 2, T = 3
    let settings = Network.Settings(
      cell, inputSize: inputSize, embedding: embedding, hiddenSizes: [5, 3], outputSize: 4, dtype: .float64)
    let x = (0..<T * B * inputSize).map { Double($0 % 7) / 4 - 0.75 }
    let tokens = (0..<T * B).map { Int64($0 * 5 % inputSize) }
    let dy = (0..<T * B * 4).map { Double($0 % 5) - 1.5 }
    func gradients(_ write: (Network) throws -> Void) throws -> [Double] {
      let network = try Network(settings, random: Random(seed: 3))
      var y = [Double](repeating: 0, count: dy.count)
      try x.withUnsafeBytes { x in
        try tokens.withUnsafeBufferPointer { tokens in
          guard let x = x.baseAddress else { return }
          let input = form < 2 ? Network.Inputs.values(x) : .tokens(tokens)
          try y.withUnsafeMutableBytes { y in
            guard let y = y.baseAddress else { return }
            try network.forward(input, T: T, B: B, state: nil, lengths: nil, y: y, finalState: nil)
          }
        }
      }
      try write(network)
      try dy.withUnsafeBytes { dy in
        guard let dy = dy.baseAddress else { return }
        try network.backward(dy: dy, dState: nil, dx: nil, dStart: nil)
      }
      return try network.parameters.flat.gradientRows()
    }
    let expected = try gradients { _ in }
    #expect(expected.contains { $0 != 0 })
    #expect(
      try gradients { network in
        let w = try network.parameters.flat.w(Double.self)
        for i in 0..<w.rows { w.p[i] = .nan }
      } == expected)
    #expect(
      try gradients { network in
        let optimizer = try Optimizer(settings: #"{"name": "sgd"}"#), flat = network.parameters.flat
        try flat.set(gradientRows: [Double](repeating: 1, count: flat.count))
        _ = try optimizer.step(network.parameters, learningRate: 1)
      } == expected)
    #expect(
      try gradients { network in
        for (_, mat) in network.parameters.all { try mat.fill(0) }
      } == expected)
  }

  /// The array interface computes what recorded time steps compute.
  @Test func arraysMatchRecordedSteps() throws {
    for cell in Cell.allCases {
      let s = try ScanCase(cell, inputs: 3, hidden: [5, 2], outputs: 4, T: 3, B: 2, seed: 3)
      let g = Graph()
      var state = try s.model.zeroState(g, batchSize: 2)
      var at = 0
      for m in state.h + state.c {
        try m.set(rows: (0..<m.count).map { s.state[at + $0 % 2 * m.n + $0 / 2] })
        at += m.count
      }
      let y = try s.run().y
      for t in 0..<3 {
        let (o, next) = try s.model.forward(g, g.sliceColumns(s.x, t * 2, 2), state)
        state = next
        let rows = try o.rows()
        #expect(
          relativeDistance((0..<8).map { rows[$0 % 4 * 2 + $0 / 4] }, Array(y[t * 8..<t * 8 + 8])) < 1e-14)
      }
    }
  }
}
