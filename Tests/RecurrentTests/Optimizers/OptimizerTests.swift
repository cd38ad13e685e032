// The solver: its formula, its caches, and steps that are refused whole.

import Recurrent
import Testing

@Suite struct OptimizerTests {
  private func mat(_ w: [Double], _ dw: [Double], _ dtype: DType = .float64) throws -> Mat {
    let m = try Mat(w.count, 1, dtype, rows: w)
    try m.set(gradientRows: dw)
    return m
  }

  @Test func stepsByTheFormula() throws {
    let solver = try Optimizer.recurrentJS(decayRate: 0.9, smoothEps: 1e-4)
    let m = try mat([1, -2, 3], [0.5, -7, 0])
    var w = [1.0, -2, 3], s = [0.0, 0, 0]
    for g in [[0.5, -7, 0], [-1, 0.25, 6]] {
      try m.set(gradientRows: g)
      let step = try solver.step([("m", m)], learningRate: 0.1, weightDecay: 0.01, clip: 5)
      for i in 0..<3 {
        s[i] = 0.9 * s[i] + (1 - 0.9) * g[i] * g[i]
        w[i] = w[i] - 0.1 * min(max(g[i], -5), 5) / (s[i] + 1e-4).squareRoot() - 0.01 * w[i]
      }
      #expect(relativeDistance(try m.rows(), w) < 1e-15)
      #expect(relativeDistance(try #require(solver.state("step_cache", of: "m")).rows(), s) < 1e-15)
      #expect(try m.gradientRows() == [0, 0, 0])
      #expect(step.ratioClipped == 1.0 / 3)
      #expect(relative(step.gradientNorm, norm(g)) < 1e-15)
    }
  }

  @Test func clippingCountsWhatIsBeyondTheBound() throws {
    let solver = try Optimizer.recurrentJS(), a = try mat([0, 0], [5, -5]), b = try mat([0, 0], [5.1, -5.1])
    // at the bound is not beyond it
    #expect(try solver.step([("a", a), ("b", b)], learningRate: 1, weightDecay: 0, clip: 5).ratioClipped == 0.5)
    let nothing = try solver.step([], learningRate: 1, weightDecay: 0, clip: 5)
    #expect(nothing.ratioClipped == 0 && nothing.gradientNorm == 0)
    try a.set(gradientRows: [1, 1])
    #expect(try solver.step([("a", a)], learningRate: 0, weightDecay: 0, clip: 5).ratioClipped == 0)
  }

  @Test func cachesKeepByName() throws {
    let solver = try Optimizer.recurrentJS(), a = try mat([0], [1]), b = try mat([0], [2])
    #expect(solver.state("step_cache", of: "x") == nil)
    _ = try solver.step([("x", a), ("y", b)], learningRate: 1, weightDecay: 0, clip: 5)
    #expect(solver.names == ["x", "y"])
    let x = try #require(solver.state("step_cache", of: "x")), before = try x.rows()[0]
    // another Mat by the same name goes on with its cache
    try b.set(gradientRows: [3])
    _ = try solver.step([("x", b)], learningRate: 1, weightDecay: 0, clip: 5)
    #expect(try relative(x.rows()[0], 0.999 * before + (1 - 0.999) * 9) < 1e-14)
    #expect(try x.rows() == #require(solver.state("step_cache", of: "x")).rows())
    #expect(solver.names == ["x", "y"])
    refused(.badShape, "x has the wrong shape", "expected 1 x 1, got 2 x 1") {
      try solver.step([("x", mat([1, 2], [0, 0]))], learningRate: 1, weightDecay: 0, clip: 5)
    }
    refused(.badType, "x has the wrong type", "expected float64, got float32") {
      try solver.step([("x", mat([1], [0], .float32))], learningRate: 1, weightDecay: 0, clip: 5)
    }
    refused(.badValue, "duplicate", "'x'") {
      try solver.step([("x", a), ("x", b)], learningRate: 1, weightDecay: 0, clip: 5)
    }
  }

  /// A model's slab at once gives the bits that its Mats give one by one.
  @Test(arguments: Cell.allCases) func aModelStepsAsItsParts(_ cell: Cell) throws {
    let models = try (0..<2).map { _ in
      try Network(Network.Settings(cell, inputSize: 3, hiddenSizes: [5, 2], outputSize: 4), random: Random(seed: 1))
    }
    let solvers = [try Optimizer.recurrentJS(), try Optimizer.recurrentJS()], random = Random(seed: 2)
    for _ in 0..<3 {
      let g = (0..<models[0].parameters.flat.count).map { _ in random.gaussian(0, 4) }
      for m in models { try m.parameters.flat.set(gradientRows: g) }
      let a = try solvers[0].step(models[0].parameters, learningRate: 0.1, weightDecay: 1e-3, clip: 5)
      let b = try solvers[1].step(models[1].parameters.all, learningRate: 0.1, weightDecay: 1e-3, clip: 5)
      #expect(a.ratioClipped == b.ratioClipped && a.ratioClipped > 0)
      #expect(relative(a.gradientNorm, b.gradientNorm) < 1e-12)
    }
    #expect(try models[0].parameters.flat.rows() == models[1].parameters.flat.rows())
    #expect(solvers[0].names == solvers[1].names)
    for name in solvers[0].names {
      #expect(try solvers[0].state("step_cache", of: name)?.rows() == solvers[1].state("step_cache", of: name)?.rows())
    }
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity], DType.allCases)
  func aGradientThatIsNotFiniteIsRefusedByName(_ bad: Double, _ dtype: DType) throws {
    let solver = try Optimizer.recurrentJS(), a = try mat([1, 2], [3, 4], dtype),
      b = try mat([5, 6, 7], [1, 1, 1], dtype)
    _ = try solver.step([("first", a), ("second", b)], learningRate: 0.1, weightDecay: 0.1, clip: 1)
    try a.set(gradientRows: [3, 4])
    try b.set(gradientRows: [8, 9, bad])
    let cache = try #require(solver.state("step_cache", of: "second"))
    func state() throws -> [[Double]] { try [a.rows(), b.rows(), a.gradientRows(), cache.rows()] }
    let before = try state()
    refused(.notFinite, "second", "\(bad)", "[2, 0]") {
      try solver.step([("first", a), ("second", b)], learningRate: 0.1, weightDecay: 0.1, clip: 1)
    }
    #expect(try state() == before)
    #expect(try b.gradientRows().prefix(2) == [8, 9])

    // a new name leaves no cache behind
    refused(.notFinite, "third") { try solver.step([("third", b)], learningRate: 0.1, weightDecay: 0, clip: 1) }
    #expect(solver.state("step_cache", of: "third") == nil && solver.names == ["first", "second"])

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
    let m = try mat([1, 1], [1e300, -1e300]), solver = try Optimizer.recurrentJS()
    let step = try solver.step([("m", m)], learningRate: 0.1, weightDecay: 0, clip: 5)
    #expect(step.gradientNorm == .infinity)
    #expect(step.ratioClipped == 1)
    #expect(try m.rows().allSatisfy { $0.isFinite })
  }

  @Test func theLearningRateCanBeSet() throws {
    let solver = try Optimizer("sgd", #""learning_rate": 8"#), m = try mat([1], [1])
    try solver.set(learningRate: 0.25)
    #expect(solver.learningRate == 0.25 && solver.settings.contains(#""learning_rate":0.25"#))
    _ = try solver.step([("m", m)])
    #expect(try m.rows() == [0.75])
    for bad in [Double.nan, .infinity, -.infinity, -1] {
      refused(.badValue, "learning_rate", "\(bad)") { try solver.set(learningRate: bad) }
    }
    #expect(solver.learningRate == 0.25)
    try solver.set(learningRate: 0)
    #expect(solver.learningRate == 0)
  }

  @Test func settingsRefused() throws {
    for bad in [Double.nan, .infinity, -1] {
      refused(.badValue, "decay_rate", "\(bad)") { try Optimizer.recurrentJS(decayRate: bad) }
      refused(.badValue, "smooth_eps", "\(bad)") { try Optimizer.recurrentJS(smoothEps: bad) }
    }
    refused(.badValue, "decay_rate") { try Optimizer.recurrentJS(decayRate: 1) }
    refused(.badValue, "smooth_eps") { try Optimizer.recurrentJS(smoothEps: 0) }
    let solver = try Optimizer.recurrentJS(), m = try mat([1], [1])
    let model = try Network(
      Network.Settings(.rnnRelu, inputSize: 1, hiddenSizes: [1], outputSize: 1), random: Random(seed: 1))
    for bad in [Double.nan, .infinity, -.infinity, -1] {
      refused(.badValue, "learning_rate", "\(bad)") {
        try solver.step([("m", m)], learningRate: bad, weightDecay: 0, clip: 1)
      }
      refused(.badValue, "weight_decay", "\(bad)") {
        try solver.step([("m", m)], learningRate: 1, weightDecay: bad, clip: 1)
      }
      refused(.badValue) { try solver.step(model.parameters, learningRate: bad, weightDecay: 0, clip: 1) }
      refused(.badValue) { try solver.step(model.parameters, learningRate: 1, weightDecay: bad, clip: 1) }
    }
    // infinity is no clipping
    for bad in [Double.nan, -Double.infinity, -1, 0] {
      refused(.badValue, "clip", "\(bad)") { try solver.step([("m", m)], learningRate: 1, weightDecay: 0, clip: bad) }
      refused(.badValue) { try solver.step(model.parameters, learningRate: 1, weightDecay: 0, clip: bad) }
    }
    #expect(try m.rows() == [1] && m.gradientRows() == [1])
    #expect(solver.names == [])
    // an ε that float32 takes for 0 would divide by 0
    let fine = try Optimizer.recurrentJS(smoothEps: 1e-60)
    refused(.badValue, "smooth_eps", "float32") {
      try fine.step(model.parameters, learningRate: 1, weightDecay: 0, clip: 1)
    }
    _ = try fine.step([("m", m)], learningRate: 1, weightDecay: 0, clip: 1)
  }
}
