// Optimizers: RecurrentJS's equations, state by name, clipping, and refused steps.

import Recurrent
import Testing

@Suite struct OptimizerTests {
  private func mat(_ w: [Double], _ dw: [Double], _ dtype: DType = .float64) throws -> Mat {
    let m = try Mat(w.count, 1, dtype, rows: w)
    try m.set(gradientRows: dw)
    return m
  }

  @Test func stepsByTheFormula() throws {
    let optimizer = try Optimizer.recurrentJS(decayRate: 0.9, smoothEps: 1e-4)
    let m = try mat([1, -2, 3], [0.5, -7, 0])
    var w = [1.0, -2, 3], s = [0.0, 0, 0]
    for g in [[0.5, -7, 0], [-1, 0.25, 6]] {
      try m.set(gradientRows: g)
      let step = try optimizer.step([("m", m)], learningRate: 0.1, weightDecay: 0.01, clip: 5)
      for i in 0..<3 {
        s[i] = 0.9 * s[i] + (1 - 0.9) * g[i] * g[i]
        w[i] = w[i] - 0.1 * min(max(g[i], -5), 5) / (s[i] + 1e-4).squareRoot() - 0.01 * w[i]
      }
      #expect(relativeDistance(try m.rows(), w) < 1e-15)
      #expect(relativeDistance(try #require(optimizer.state("step_cache", of: "m")).rows(), s) < 1e-15)
      #expect(try m.gradientRows() == [0, 0, 0])
      #expect(step.ratioClipped == 1.0 / 3)
      #expect(relative(step.gradientNorm, norm(g)) < 1e-15)
    }
  }

  /// A step that would make a weight infinite changes nothing, not even the number of steps.
  @Test func stepsThatOverflowAreRefused() throws {
    for name in Optimizer.algorithmNames {
      for (dtype, largest) in [
        (DType.float32, Double(Float.greatestFiniteMagnitude)), (.float64, .greatestFiniteMagnitude),
      ] {
        let optimizer = try Optimizer(settings: "{\"name\": \"\(name)\"}")
        let a = try mat([1, 2], [0.5, 0.5], dtype), b = try mat([1, largest], [0.5, 0.5], dtype)
        func overflow(_ step: Int) throws {
          let before = try (a.rows(), a.gradientRows(), b.rows(), b.gradientRows())
          let states = try optimizer.stateNames.map { try optimizer.state($0, of: "b")?.rows() }
          refused(.notFinite, "b is not finite after step \(step); expected finite elements, got -inf at [1, 0]") {
            try optimizer.step([("a", a), ("b", b)], learningRate: 0.1, weightDecay: 4, clip: 5)
          }
          #expect(try before == (a.rows(), a.gradientRows(), b.rows(), b.gradientRows()))
          #expect(try states == optimizer.stateNames.map { try optimizer.state($0, of: "b")?.rows() })
          #expect(optimizer.steps(of: "b") == step - 1)
        }
        try overflow(1)
        #expect(optimizer.names.isEmpty)
        _ = try optimizer.step([("a", a), ("b", b)], learningRate: 0.1)
        for m in [a, b] { try m.set(gradientRows: [0.5, 0.5]) }
        try overflow(2)
      }
    }
  }

  /// Weights of either type are computed with the settings.
  @Test func settingsBeyondFloat32AreRefused() throws {
    for name in Optimizer.algorithmNames {
      refused(.badValue, "learning_rate is out of range; expected a number of float32, got 1e+300") {
        try Optimizer(settings: "{\"name\": \"\(name)\", \"learning_rate\": 1e300}")
      }
    }
    for (name, setting) in [("sgd", "momentum"), ("adagrad", "initial_accumulator_value"), ("rmsprop", "eps")] {
      refused(.badValue, "\(setting) is out of range; expected a number of float32, got 1e+300") {
        try Optimizer(settings: "{\"name\": \"\(name)\", \"\(setting)\": 1e300}")
      }
    }
    let optimizer = try Optimizer.recurrentJS(), m = try mat([1], [1])
    refused(.badValue, "learning_rate is out of range") { try optimizer.set(learningRate: 1e300) }
    refused(.badValue, "learning_rate is out of range") { try optimizer.step([("m", m)], learningRate: 1e300) }
    refused(.badValue, "weight_decay is out of range") { try optimizer.step([("m", m)], weightDecay: 1e300) }
    #expect(try m.rows() == [1] && m.gradientRows() == [1])
  }

  @Test func clippedElementsAreCounted() throws {
    let optimizer = try Optimizer.recurrentJS(), a = try mat([0, 0], [5, -5]), b = try mat([0, 0], [5.1, -5.1])
    // an element equal to the threshold is not clipped
    #expect(try optimizer.step([("a", a), ("b", b)], learningRate: 1, weightDecay: 0, clip: 5).ratioClipped == 0.5)
    let nothing = try optimizer.step([], learningRate: 1, weightDecay: 0, clip: 5)
    #expect(nothing.ratioClipped == 0 && nothing.gradientNorm == 0)
    try a.set(gradientRows: [1, 1])
    #expect(try optimizer.step([("a", a)], learningRate: 0, weightDecay: 0, clip: 5).ratioClipped == 0)
  }

  @Test func stateIsKeptByName() throws {
    let optimizer = try Optimizer.recurrentJS(), a = try mat([0], [1]), b = try mat([0], [2])
    #expect(optimizer.state("step_cache", of: "x") == nil)
    _ = try optimizer.step([("x", a), ("y", b)], learningRate: 1, weightDecay: 0, clip: 5)
    #expect(optimizer.names == ["x", "y"])
    let x = try #require(optimizer.state("step_cache", of: "x")), before = try x.rows()[0]
    try a.set(gradientRows: [3])
    _ = try optimizer.step([("x", a)], learningRate: 1, weightDecay: 0, clip: 5)
    #expect(try relative(x.rows()[0], 0.999 * before + (1 - 0.999) * 9) < 1e-14)
    #expect(try x.rows() == #require(optimizer.state("step_cache", of: "x")).rows())
    #expect(optimizer.names == ["x", "y"])
    // the state of a parameter says nothing of another one, whatever its name
    for other in [b, try a.copy()] {
      refused(.badValue, "x is another Mat than in earlier steps; expected an optimizer for each model") {
        try optimizer.step([("x", other)], learningRate: 1, weightDecay: 0, clip: 5)
      }
    }
    refused(.badShape, "x has the wrong shape", "expected 1 x 1, got 2 x 1") {
      try optimizer.step([("x", mat([1, 2], [0, 0]))], learningRate: 1, weightDecay: 0, clip: 5)
    }
    refused(.badType, "x has the wrong type", "expected float64, got float32") {
      try optimizer.step([("x", mat([1], [0], .float32))], learningRate: 1, weightDecay: 0, clip: 5)
    }
    refused(.badValue, "duplicate", "'x'") {
      try optimizer.step([("x", a), ("x", a)], learningRate: 1, weightDecay: 0, clip: 5)
    }
  }

  @Test(arguments: ["recurrentjs", "sgd", "adam"]) func oneOptimizerForEachNetwork(_ name: String) throws {
    let networks = try (1...2).map {
      try Network(
        Network.Settings(.lstm, inputSize: 3, hiddenSizes: [2], outputSize: 1), random: Random(seed: UInt64($0)))
    }
    let optimizer = try Optimizer(settings: "{\"name\": \"\(name)\"}")
    _ = try optimizer.step(networks[0].parameters)
    let before = try networks[1].parameters.flat.rows()
    let words = "expected an optimizer for each model, got a second model"
    refused(.badValue, words) { try optimizer.step(networks[1].parameters) }
    refused(.badValue, words) { try optimizer.step(networks[1].parameters.all) }
    refused(.badValue, words) { try optimizer.state(of: networks[1].parameters) }
    let state = try optimizer.state(of: networks[0].parameters)
    refused(.badValue, words) { try optimizer.restore(state, of: networks[1].parameters) }
    #expect(try networks[1].parameters.flat.rows() == before && optimizer.steps(of: "bd") == 1)
    _ = try optimizer.step(networks[0].parameters.all)
    #expect(optimizer.steps(of: "bd") == 2)
  }

  /// One pass over the flat buffer gives the bits of a pass per parameter.
  @Test(arguments: Cell.tested) func aModelStepsAsItsParts(_ cell: Cell) throws {
    let models = try (0..<2).map { _ in
      try Network(Network.Settings(cell, inputSize: 3, hiddenSizes: [5, 2], outputSize: 4), random: Random(seed: 1))
    }
    let optimizers = [try Optimizer.recurrentJS(), try Optimizer.recurrentJS()], random = Random(seed: 2)
    for _ in 0..<3 {
      let g = (0..<models[0].parameters.flat.count).map { _ in random.gaussian(0, 4) }
      for m in models { try m.parameters.flat.set(gradientRows: g) }
      let a = try optimizers[0].step(models[0].parameters, learningRate: 0.1, weightDecay: 1e-3, clip: 5)
      let b = try optimizers[1].step(models[1].parameters.all, learningRate: 0.1, weightDecay: 1e-3, clip: 5)
      #expect(a.ratioClipped == b.ratioClipped && a.ratioClipped > 0)
      #expect(relative(a.gradientNorm, b.gradientNorm) < 1e-12)
    }
    #expect(try models[0].parameters.flat.rows() == models[1].parameters.flat.rows())
    #expect(optimizers[0].names == optimizers[1].names)
    for name in optimizers[0].names {
      #expect(
        try optimizers[0].state("step_cache", of: name)?.rows() == optimizers[1].state("step_cache", of: name)?.rows())
    }
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity], DType.allCases)
  func nonFiniteGradientsAreNamed(_ bad: Double, _ dtype: DType) throws {
    let optimizer = try Optimizer.recurrentJS(), a = try mat([1, 2], [3, 4], dtype),
      b = try mat([5, 6, 7], [1, 1, 1], dtype)
    _ = try optimizer.step([("first", a), ("second", b)], learningRate: 0.1, weightDecay: 0.1, clip: 1)
    try a.set(gradientRows: [3, 4])
    try b.set(gradientRows: [8, 9, bad])
    let cache = try #require(optimizer.state("step_cache", of: "second"))
    func state() throws -> [[Double]] { try [a.rows(), b.rows(), a.gradientRows(), cache.rows()] }
    let before = try state()
    refused(.notFinite, "second", "\(bad)", "[2, 0]") {
      try optimizer.step([("first", a), ("second", b)], learningRate: 0.1, weightDecay: 0.1, clip: 1)
    }
    #expect(try state() == before)
    #expect(try b.gradientRows().prefix(2) == [8, 9])

    // a refused step allocates no state
    refused(.notFinite, "third") { try optimizer.step([("third", b)], learningRate: 0.1, weightDecay: 0, clip: 1) }
    #expect(optimizer.state("step_cache", of: "third") == nil && optimizer.names == ["first", "second"])

    let model = try Network(
      Network.Settings(.lstm, inputSize: 2, hiddenSizes: [3], outputSize: 2, dtype: dtype), random: Random(seed: 1))
    let w = try model.parameters.flat.rows(), fresh = try Optimizer.recurrentJS()
    let bf = try #require(model.parameters["bf0"])
    try bf.set(gradientRows: [0, bad, 0])
    refused(.notFinite, "bf0", "\(bad)", "[1, 0]") {
      try fresh.step(model.parameters, learningRate: 0.1, weightDecay: 0.1, clip: 1)
    }
    #expect(try model.parameters.flat.rows() == w)
    #expect(fresh.names == [])
    #expect(try bf.gradientRows()[0] == 0)
  }

  @Test func gradientsWhoseSquaresOverflowAreFinite() throws {
    let m = try mat([1, 1], [1e300, -1e300]), optimizer = try Optimizer.recurrentJS()
    let step = try optimizer.step([("m", m)], learningRate: 0.1, weightDecay: 0, clip: 5)
    #expect(step.gradientNorm == .infinity)
    #expect(step.ratioClipped == 1)
    #expect(try m.rows().allSatisfy { $0.isFinite })
  }

  @Test func theLearningRateCanBeSet() throws {
    let optimizer = try Optimizer("sgd", #""learning_rate": 8"#), m = try mat([1], [1])
    try optimizer.set(learningRate: 0.25)
    #expect(optimizer.learningRate == 0.25 && optimizer.settings.contains(#""learning_rate":0.25"#))
    _ = try optimizer.step([("m", m)])
    #expect(try m.rows() == [0.75])
    for bad in [Double.nan, .infinity, -.infinity, -1] {
      refused(.badValue, "learning_rate", "\(bad)") { try optimizer.set(learningRate: bad) }
    }
    #expect(optimizer.learningRate == 0.25)
    try optimizer.set(learningRate: 0)
    #expect(optimizer.learningRate == 0)
  }

  @Test func settingsRefused() throws {
    for bad in [Double.nan, .infinity, -1] {
      refused(.badValue, "decay_rate", "\(bad)") { try Optimizer.recurrentJS(decayRate: bad) }
      refused(.badValue, "smooth_eps", "\(bad)") { try Optimizer.recurrentJS(smoothEps: bad) }
    }
    refused(.badValue, "decay_rate") { try Optimizer.recurrentJS(decayRate: 1) }
    refused(.badValue, "smooth_eps") { try Optimizer.recurrentJS(smoothEps: 0) }
    let optimizer = try Optimizer.recurrentJS(), m = try mat([1], [1])
    let model = try Network(
      Network.Settings(.rnnRelu, inputSize: 1, hiddenSizes: [1], outputSize: 1), random: Random(seed: 1))
    for bad in [Double.nan, .infinity, -.infinity, -1] {
      refused(.badValue, "learning_rate", "\(bad)") {
        try optimizer.step([("m", m)], learningRate: bad, weightDecay: 0, clip: 1)
      }
      refused(.badValue, "weight_decay", "\(bad)") {
        try optimizer.step([("m", m)], learningRate: 1, weightDecay: bad, clip: 1)
      }
      refused(.badValue) { try optimizer.step(model.parameters, learningRate: bad, weightDecay: 0, clip: 1) }
      refused(.badValue) { try optimizer.step(model.parameters, learningRate: 1, weightDecay: bad, clip: 1) }
    }
    // an infinite threshold disables clipping
    for bad in [Double.nan, -Double.infinity, -1, 0] {
      refused(.badValue, "clip", "\(bad)") {
        try optimizer.step([("m", m)], learningRate: 1, weightDecay: 0, clip: bad)
      }
      refused(.badValue) { try optimizer.step(model.parameters, learningRate: 1, weightDecay: 0, clip: bad) }
    }
    #expect(try m.rows() == [1] && m.gradientRows() == [1])
    #expect(optimizer.names == [])
    // an ε that is 0 in float32 would divide by 0
    let fine = try Optimizer.recurrentJS(smoothEps: 1e-60)
    refused(.badValue, "smooth_eps", "float32") {
      try fine.step(model.parameters, learningRate: 1, weightDecay: 0, clip: 1)
    }
    _ = try fine.step([("m", m)], learningRate: 1, weightDecay: 0, clip: 1)
  }
}
