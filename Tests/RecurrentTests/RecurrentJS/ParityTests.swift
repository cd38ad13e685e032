// RecurrentJS's figures: operations, training runs, saved models.

import Foundation
import Recurrent
import Testing

@Suite struct ParityTests {
  @Test func operations() throws {
    var worst = 0.0
    for file in try Fixture.list("ops") {
      let name = try file.string("op"), out = try file.object("out")
      let inputs = try file.objects("inputs").map { try mat($0) }
      let graph = Graph()
      let y: Mat
      switch name {
      case "mul": y = try graph.mul(inputs[0], inputs[1])
      case "add": y = try graph.add(inputs[0], inputs[1])
      case "eltmul": y = try graph.eltmul(inputs[0], inputs[1])
      case "tanh": y = try graph.tanh(inputs[0])
      case "sigmoid": y = try graph.sigmoid(inputs[0])
      case "relu": y = try graph.relu(inputs[0])
      case "rowPluck": y = try graph.rowPluck(inputs[0], file.integer("index"))
      case "shared":
        y = try graph.add(graph.mul(inputs[0], inputs[0]), graph.eltmul(inputs[0], graph.tanh(inputs[0])))
      case "softmax": y = try softmax(inputs[0])
      default:
        Issue.record("unknown operation \(name)")
        continue
      }
      #expect(try y.n == out.integer("n") && y.d == out.integer("d"))
      let value = relativeDistance(try y.rows(), try out.numbers("w"))
      #expect(value < 1e-12, "\(name) \(y.shape)")
      worst = max(worst, value)
      if name == "softmax" {
        let p = try y.w(Double.self)
        #expect(try argmax(UnsafeBufferPointer(start: p.p, count: p.rows)) == file.integer("argmax"))
        // the same from a graph
        #expect(relativeDistance(try graph.softmax(inputs[0]).rows(), try out.numbers("w")) < 1e-12)
        continue
      }
      try y.set(gradientRows: out.numbers("dw"))
      try graph.backward()
      for (m, file) in zip(inputs, try file.objects("inputs")) {
        let gradient = relativeDistance(try m.gradientRows(), try file.numbers("dw"))
        #expect(gradient < 1e-12, "gradient of \(name) \(y.shape)")
        worst = max(worst, gradient)
      }
    }
    print("parity of operations: \(worst)")
  }

  private func mat(_ file: Fixture) throws -> Mat {
    try Mat(file.integer("n"), file.integer("d"), .float64, rows: file.numbers("w"))
  }

  @Test(arguments: ["train_lstm_7", "train_lstm_20x20", "train_rnn_9x6x5", "train_rnn_20x20"])
  func training(_ name: String) throws {
    let file = try Fixture(name), trace = try file.objects("trace")
    // the vocabulary is that of all sentences
    let settings = TextModel.Settings(
      .sentences, cell: try file.string("generator") == "lstm" ? .lstm : .rnnRelu,
      hiddenSizes: try file.numbers("hidden_sizes").map { Int($0) }, embedding: try file.integer("letter_size"),
      forgetBias: 0, dtype: .float64)
    let sm = try SentenceModel(trace.map { try $0.string("sentence") }, settings, random: Random(seed: 1))
    #expect(sm.model.tokenizer.characters.map { String($0) } == (try file.strings("vocab")))
    let initial = try file.object("initial")
    #expect(sm.parameters.names.sorted() == initial.names)
    for name in initial.names { try mat(sm, name).set(rows: initial.object(name).numbers("w")) }

    try gradient(of: trace[0].string("sentence"), sm)
    var gradient = 0.0
    for name in initial.names {
      gradient = max(
        gradient,
        relativeDistance(try mat(sm, name).gradientRows(), try file.object("first_gradient").numbers(name)))
    }
    #expect(gradient < 1e-10)
    try sm.parameters.flat.zeroGradient()

    var cost = 0.0
    for (at, golden) in trace.enumerated() {
      let tick = try sm.tick(
        golden.string("sentence"), learningRate: file.number("learning_rate"), regc: file.number("regc"),
        clipval: file.number("clipval"))
      cost = max(cost, try compare(tick, golden, at))
    }
    #expect(cost < 1e-8)

    let weights = try compare(sm, try file.object("final")) { sm.parameters[$0] }
    let caches = try compare(sm, try file.object("step_cache")) { sm.model.optimizer?.state("step_cache", of: $0) }
    #expect(weights < 1e-6)
    #expect(caches < 1e-6)
    print("parity of \(name): gradient \(gradient), cost \(cost), weights \(weights), caches \(caches)")
  }

  @Test(arguments: ["lstm", "rnn"]) func saved(_ cell: String) throws {
    let name = "saved_\(cell)_20x20", expected = try Fixture(name + "_expected")
    let sm = try SentenceModel.loadRecurrentJS(Fixture.url(name).path)
    try check(sm, expected)

    // RecurrentJS's page writes typed arrays as objects
    let text = try String(contentsOf: Fixture.url(name), encoding: .utf8)
    let objects = text.replacing(/"w":\[([^\]]*)\]/) { match in
      "\"w\":{" + match.1.split(separator: ",").enumerated().map { "\"\($0)\":\($1)" }.joined(separator: ",")
        + "}"
    }
    #expect(objects != text)
    let folder = try TemporaryFolder(), file = folder.file("model.json")
    try objects.write(toFile: file, atomically: true, encoding: .utf8)
    try check(SentenceModel.loadRecurrentJS(file), expected)

    // a saved file is read back to the last bit, and training resumes
    let first = try SentenceModel.loadRecurrentJS(Fixture.url(name).path)
    try first.saveRecurrentJS(file, overwrite: true)
    let second = try SentenceModel.loadRecurrentJS(file)
    for name in first.parameters.names {
      #expect(try mat(first, name).rows() == mat(second, name).rows())
      #expect(
        try first.model.optimizer?.state("step_cache", of: name)?.rows()
          == second.model.optimizer?.state("step_cache", of: name)?.rows())
    }
    try check(second, expected)
    withExtendedLifetime(folder) {}
  }

  private func check(_ sm: SentenceModel, _ expected: Fixture) throws {
    #expect(try sm.predict(nil) == expected.string("argmax"))
    var cost = 0.0
    for golden in try expected.objects("costs") {
      let sentence = try golden.string("sentence"), ours = try sm.cost(sentence)
      cost = max(cost, relative(ours.cost, try golden.number("cost")))
      let ratio = try log(ours.perplexity) / log(golden.number("ppl"))
      #expect(relative(ratio, Double(sentence.count - 1) / Double(sentence.count + 1)) < 1e-8)
    }
    let resume = try expected.object("resume")
    for (at, golden) in try resume.objects("trace").enumerated() {
      let tick = try sm.tick(
        golden.string("sentence"), learningRate: resume.number("learning_rate"), regc: resume.number("regc"),
        clipval: resume.number("clipval"))
      #expect(
        try tick.result.ratioClipped == golden.number("ratio_clipped"), "tick \(at): \(tick.result.ratioClipped)")
      cost = max(cost, relative(tick.result.loss, try golden.number("cost")))
    }
    let weights = try compare(sm, try resume.object("final")) { sm.parameters[$0] }
    #expect(cost < 1e-8)
    #expect(weights < 1e-6)
    print("parity of a saved model: cost \(cost), weights \(weights)")
  }

  // MARK: Helpers

  /// Adds one sentence's gradients by graph operations.
  private func gradient(of sentence: String, _ sm: SentenceModel) throws {
    let letters = try sm.model.tokenizer.encode(sentence).map { Int($0) }, graph = Graph()
    var state: Network.State?
    var losses: [Mat] = []
    for (input, target) in zip([0] + letters, letters + [0]) {
      let (scores, next) = try sm.network.forward(graph, graph.rowPluck(mat(sm, "Wil"), input), state)
      state = next
      losses.append(try graph.crossEntropy(scores, [target]))
    }
    try graph.backward(from: graph.sum(graph.concatColumns(losses)))
  }

  /// The relative error of the cost; perplexity and the clipped fraction are checked here.
  private func compare(_ tick: (result: StepResult, perplexity: Double), _ golden: Fixture, _ at: Int) throws -> Double
  {
    #expect(
      try tick.result.ratioClipped == golden.number("ratio_clipped"), "tick \(at): \(tick.result.ratioClipped)")
    let n = try golden.string("sentence").unicodeScalars.count
    #expect(relative(exp(tick.result.loss / Double(n - 1)), try golden.number("ppl")) < 1e-8, "tick \(at)")
    #expect(relative(exp(tick.result.loss / Double(n + 1)), tick.perplexity) < 1e-14, "tick \(at)")
    return relative(tick.result.loss, try golden.number("cost"))
  }

  /// The worst relative distance of named Mats from a file's matrices.
  private func compare(_ sm: SentenceModel, _ golden: Fixture, _ pick: (String) throws -> Mat?) throws
    -> Double
  {
    #expect(golden.names == sm.parameters.names.sorted())
    return try golden.names.reduce(0) {
      max($0, relativeDistance(try #require(try pick($1)).rows(), try golden.object($1).numbers("w")))
    }
  }

  private func mat(_ sm: SentenceModel, _ name: String) throws -> Mat { try #require(sm.parameters[name]) }
}

/// |a − b| relative to b.
func relative(_ a: Double, _ b: Double) -> Double { a == b ? 0 : abs(a - b) / abs(b) }
