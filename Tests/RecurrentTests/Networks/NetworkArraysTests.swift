// Networks over arrays in the caller's memory: training steps, losses and refused sequences.

import Foundation
import Testing

@testable import Recurrent

@Suite struct NetworkArraysTests {
  private func train(
    _ s: ScanCase, _ optimizer: Optimizer, classes: [Int64]? = nil, numbers: [Double]? = nil,
    rate: Double = 0.01,
    regc: Double = 1e-4, clip: Double = 5
  ) throws -> (result: StepResult, end: [Double]) {
    var end = s.state
    let (classes, numbers) = (classes ?? [], numbers ?? [])
    let result = try s.with { input, lengths in
      try s.model.trainStep(
        input, numbers.isEmpty ? .classes(classes.span) : .values(.float64(numbers.span)), T: s.T, B: s.B,
        state: .float64(s.state.span), lengths: lengths, finalState: .float64(end.mutableSpan), optimizer: optimizer,
        learningRate: rate, weightDecay: regc, clip: clip)
    }
    return (result, end)
  }

  /// One call of `trainStep` equals forward, loss, backward and the optimizer's step.
  @Test(arguments: Cell.tested, [false, true]) func aTrainStepIsItsParts(_ cell: Cell, _ lengths: Bool)
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
        let (step, end) = try train(
          s, optimizers.0, classes: useClasses ? classes : nil, numbers: useClasses ? nil : aims)
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
  @Test(arguments: Cell.tested, DType.allCases) func aSumIsRecurrentJSsTick(_ cell: Cell, _ dtype: DType) throws {
    let words = ["the quick brown fox", "jumps", "over the lazy dog", "a"]
    let settings = TextModel.Settings(
      .sentences, cell: cell, hiddenSizes: [20, 9], embedding: 5, forgetBias: 0, dtype: dtype)
    let sentences = try SentenceModel(words, settings, random: Random(seed: 3))
    let size = sentences.model.tokenizer.count
    let network = try Network(
      Network.Settings(
        cell, inputSize: size, embedding: 5, hiddenSizes: [20, 9], outputSize: size, forgetBias: 0, dtype: dtype),
      random: Random(seed: 3))
    let optimizer = try Optimizer.recurrentJS()
    #expect(try network.parameters.flat.rows() == sentences.parameters.flat.rows())
    for (i, word) in (words + words + words).enumerated() {
      let letters = try sentences.model.tokenizer.encode(word)
      let tokens = [0] + letters, targets = letters + [0], T = tokens.count
      let loss = try network.loss(.tokens(tokens.span), .classes(targets.span), T: T, B: 1, reduction: .sum)
      let result = try network.trainStep(
        .tokens(tokens.span), .classes(targets.span), T: T, B: 1, optimizer: optimizer, learningRate: 0.01,
        weightDecay: 1e-6, clip: 5, reduction: .sum)
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
    let count = Double(valid.filter { classes[$0] >= 0 }.count)
    var (sum, mean) = (try loss(.classes(classes.span), .sum), try loss(.classes(classes.span), .mean))
    #expect(relative(sum, count * mean) < 1e-14)
    sum = try loss(.values(.float64(values.span)), .sum)
    mean = try loss(.values(.float64(values.span)), .mean)
    #expect(relative(sum, Double(valid.count * 5) * mean) < 1e-14)
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
        try s.model.trainStep(
          input, .classes(classes.span), T: 2, B: 2, optimizer: optimizer, learningRate: learningRate)
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
  @Test(arguments: Cell.tested, [Double.nan, .infinity, 1e300]) func paddingMayBeAnything(
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
      try network.forward(
        .values(.float64(x.span)), T: 3, B: 3, lengths: lengths.span, y: .float64(y.mutableSpan),
        finalState: .float64(final.mutableSpan))
      try network.backward(dy: .float64(dy.span), dx: .float64(dx.mutableSpan))
      let loss = try network.loss(
        .values(.float64(x.span)), .values(.float64(targets.span)), T: 3, B: 3, lengths: lengths.span)
      return [y, dx, final, try network.parameters.flat.gradientRows(), [loss]]
    }
    #expect(try results(value) == results(0))
  }

  /// A step counts its own gradients only, whatever an earlier backward has left.
  @Test func staleGradientsDoNotCount() throws {
    let cases = try (0..<2).map { _ in try ScanCase(.gru, inputs: 3, hidden: [4], outputs: 2, T: 2, B: 2, seed: 1) }
    try cases[1].model.parameters.flat.set(
      gradientRows: [Double](repeating: .nan, count: cases[1].model.parameters.flat.count))
    let results = try cases.map { try train($0, Optimizer.recurrentJS(), classes: [0, 1, 1, 0]).result }
    #expect(results[0].loss == results[1].loss && results[0].gradientNorm == results[1].gradientNorm)
    #expect(try cases[0].model.parameters.flat.rows() == cases[1].model.parameters.flat.rows())
  }

  @Test func sequencesRefused() throws {
    let s = try ScanCase(.gru, inputs: 3, hidden: [4], outputs: 2, T: 2, B: 2, seed: 1)
    let t = try ScanCase(.gru, inputs: 3, hidden: [4], outputs: 2, T: 2, B: 2, embedding: 2, seed: 1)
    var y = [Double](repeating: 7, count: 8)
    func forward(_ m: Network, _ input: Network.Inputs, _ T: Int, _ B: Int, _ lengths: [Int64]? = nil) throws {
      try m.forward(input, T: T, B: B, lengths: lengths?.span, y: .float64(y.mutableSpan))
    }
    let numbers = (0..<12).map { Double($0) }
    for (T, B) in [
      (0, 1), (1, 0), (-1, 2), (.min, 1), (Int.max, Int.max), (Int.max, 1), (1 << 31, 1), (1 << 20, 1 << 11),
    ] {
      refused(.badShape, "got \(T) and \(B)") { try forward(s.model, .values(.float64(numbers.span)), T, B) }
    }
    refused(.badValue, "expected tokens") { try forward(t.model, .values(.float64(numbers.span)), 2, 2) }
    for bad: Int64 in [-1, 3, .max, .min] {
      for m in [s.model, t.model] {
        refused(.badIndex, "tokens[0, 1]", "\(bad)", "0 to 2") {
          try forward(m, .tokens([0, bad, 1, 2].span), 2, 2)
        }
      }
      if bad != 3 {
        refused(.badIndex, "lengths[1]", "\(bad)") {
          try forward(s.model, .values(.float64(numbers.span)), 2, 2, [0, bad])
        }
      }
    }
    refused(.badIndex, "lengths[0]", "got 3") { try forward(s.model, .values(.float64(numbers.span)), 2, 2, [3, 1]) }
    refused(.badShape, "lengths has the wrong length; expected 2, got 1") {
      try forward(s.model, .values(.float64(numbers.span)), 2, 2, [1])
    }
    #expect(y == [Double](repeating: 7, count: 8))
    // backward requires a forward, and runs once
    refused(.invalidated, "forward") { try s.back(dy: y, dEnd: s.state) }
    _ = try s.run()
    _ = try s.back(dy: y, dEnd: s.state)
    refused(.invalidated, "per forward") { try s.back(dy: y, dEnd: s.state) }
  }

  /// Arrays of every function that are too short, too long or of the other type are refused by name; nothing changes.
  @Test(arguments: DType.allCases) func arraysOfTheWrongLengthOrType(_ dtype: DType) throws {
    let network = try Network(
      Network.Settings(.lstm, inputSize: 3, hiddenSizes: [2], outputSize: 3, dtype: dtype), random: Random(seed: 1))
    let weights = try network.parameters.flat.rows(), other: DType = dtype == .float32 ? .float64 : .float32
    // T = 2, B = 2
    let counts = [
      "x": 12, "targets": 12, "state": 8, "final_state": 8, "y": 12, "dy": 12, "dfinal": 8, "dx": 12, "dstate": 8,
      "values": 8, "tokens": 4, "lengths": 2,
    ]
    /// Calls `body` with arrays of the documented lengths, except that of `name`, of `count` elements of `type`.
    func arrays(_ name: String, _ count: Int, _ type: DType, _ body: (Arrays) throws -> Void) throws {
      let arrays = Arrays(counts, dtype)
      arrays.replace(name, count, type)
      defer { #expect(arrays.areUnchanged) }
      try body(arrays)
    }
    func check(_ names: [String], _ body: (Arrays) throws -> Void) throws {
      for name in names {
        let right = try #require(counts[name])
        for count in [0, right - 1, right + 1] {
          refused(.badShape, "\(name) has the wrong length; expected \(right), got \(count)") {
            try arrays(name, count, dtype, body)
          }
        }
        if name == "tokens" || name == "lengths" { continue }
        refused(.badType, "\(name) has the wrong type; expected \(dtype), got \(other)") {
          try arrays(name, right, other, body)
        }
      }
    }
    try check(["x", "state", "lengths", "y", "final_state"]) {
      try network.forward(
        .values($0.read("x")), T: 2, B: 2, state: $0.read("state"), lengths: $0.indices("lengths"),
        y: $0.write("y"), finalState: $0.write("final_state"))
    }
    let optimizer = try Optimizer.recurrentJS()
    try check(["x", "targets", "state", "lengths", "final_state"]) {
      _ = try network.trainStep(
        .values($0.read("x")), .values($0.read("targets")), T: 2, B: 2, state: $0.read("state"),
        lengths: $0.indices("lengths"), finalState: $0.write("final_state"), optimizer: optimizer)
    }
    try check(["x", "targets", "state", "lengths", "final_state"]) {
      _ = try network.loss(
        .values($0.read("x")), .values($0.read("targets")), T: 2, B: 2, state: $0.read("state"),
        lengths: $0.indices("lengths"), finalState: $0.write("final_state"))
    }
    try check(["tokens"]) { try network.forward(.tokens($0.indices("tokens")), T: 2, B: 2, y: $0.write("y")) }
    // a forward pass, then refused calls that leave it as it is
    let good = Arrays(counts, dtype)
    try network.forward(.values(good.read("x")), T: 2, B: 2, y: good.write("y"))
    try check(["values"]) { try network.activation("h0", to: $0.write("values")) }
    try check(["dy", "dfinal", "dx", "dstate"]) {
      try network.backward(
        dy: $0.read("dy"), dState: $0.read("dfinal"), dx: $0.write("dx"), dStart: $0.write("dstate"))
    }
    try network.backward(dy: good.read("dy"))
    // gradients of tokens do not exist
    try network.forward(.tokens([0, 1, 2, 0].span), T: 2, B: 2, y: good.write("y"))
    refused(.badValue, "dx is given for tokens") { try network.backward(dy: good.read("dy"), dx: good.write("dx")) }
    try network.backward(dy: good.read("dy"))
    #expect(try network.parameters.flat.rows() == weights && optimizer.names == [])

    // one sequence: a time step, a search, a generator and an evaluation
    for (count, type) in [(0, dtype), (3, dtype), (5, dtype), (4, other)] {
      let state = Arrays(["state": 4], dtype)
      state.replace("state", count, type)
      func check(_ body: () throws -> Void) {
        let words = type == dtype ? "length; expected 4, got \(count)" : "type; expected \(dtype), got \(other)"
        refused(type == dtype ? .badShape : .badType, "state has the wrong \(words)") { try body() }
      }
      check { try network.inferenceStep(token: 0, state: state.write("state")) }
      check { _ = try network.beamSearch(prompt: [0], count: 2, beams: 2, state: state.read("state")) }
      check { _ = try Generator(network, prompt: [0], state: state.read("state"), Sampler(), random: nil) }
      let generator = try Generator(network, prompt: [0], Sampler(), random: nil)
      check { try generator.copyState(to: state.write("state")) }
      let model = try TextModel(
        TextModel.Settings(.bytes, hiddenSizes: [2], embedding: nil, dtype: dtype), random: Random(seed: 1))
      var step = 0, nats = 0.0
      check {
        try [0, 1, 2].withUnsafeBufferPointer {
          _ = try model.evaluate($0, batchSize: 1, maxSteps: 1, state: state.write("state"), step: &step, nats: &nats)
        }
      }
      #expect(state.areUnchanged && step == 0 && nats == 0)
    }
    for (name, count) in [("x", 2), ("x", 4), ("y", 2), ("y", 4)] {
      let step = Arrays(["x": 3, "y": 3, "state": 4], dtype)
      step.replace(name, count, dtype)
      refused(.badShape, "\(name) has the wrong length; expected 3, got \(count)") {
        try network.inferenceStep(token: nil, x: step.read("x"), state: step.write("state"), y: step.write("y"))
      }
      #expect(step.areUnchanged)
    }
  }

  /// The gradients are those of the weights of the forward pass, whatever is written before backward.
  @Test(arguments: Cell.tested, 0..<6) func weightsWrittenBeforeBackward(_ cell: Cell, _ form: Int) throws {
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
      let input = form < 2 ? Network.Inputs.values(.float64(x.span)) : .tokens(tokens.span)
      try network.forward(input, T: T, B: B, y: .float64(y.mutableSpan))
      try write(network)
      try network.backward(dy: .float64(dy.span))
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
    for cell in Cell.tested {
      let s = try ScanCase(cell, inputs: 3, hidden: [5, 2], outputs: 4, T: 3, B: 2, seed: 3)
      let g = Graph()
      var state = try s.model.initialState(g, batchSize: 2)
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

/// Arrays by name, zeros with a margin on both sides.
private final class Arrays {
  private static let margin = 64
  private var arrays: [String: (count: Int, dtype: DType, memory: UnsafeMutableRawBufferPointer)] = [:]

  init(_ counts: [String: Int], _ dtype: DType) {
    for (name, count) in counts { replace(name, count, dtype) }
  }

  deinit { for array in arrays.values { array.memory.deallocate() } }

  func replace(_ name: String, _ count: Int, _ dtype: DType) {
    arrays[name]?.memory.deallocate()
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count * 8 + 2 * Arrays.margin, alignment: 8)
    memory.initializeMemory(as: UInt8.self, repeating: 0)
    arrays[name] = (count, dtype, memory)
  }

  /// Whether every byte is as it was.
  var areUnchanged: Bool { arrays.values.allSatisfy { $0.memory.allSatisfy { $0 == 0 } } }

  private func array(_ name: String) throws -> (start: UnsafeMutableRawPointer, count: Int, dtype: DType) {
    let array = try #require(arrays[name]), start = try #require(array.memory.baseAddress)
    return (start + Arrays.margin, array.count, array.dtype)
  }

  @_lifetime(immortal)
  func read(_ name: String) throws -> Elements {
    let array = try array(name)
    return Elements(array.start, count: array.count, array.dtype)
  }

  @_lifetime(immortal)
  func write(_ name: String) throws -> MutableElements {
    let array = try array(name)
    return MutableElements(array.start, count: array.count, array.dtype)
  }

  @_lifetime(immortal)
  func indices(_ name: String) throws -> Span<Int64> {
    let array = try array(name), start = array.start.assumingMemoryBound(to: Int64.self)
    return _overrideLifetime(Span(_unsafeStart: start, count: array.count), borrowing: ())
  }
}
