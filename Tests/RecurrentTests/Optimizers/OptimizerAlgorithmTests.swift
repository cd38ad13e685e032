// Rules, clipping, settings as text, and what a solver remembers.

import Testing

@testable import Recurrent

@Suite struct OptimizerAlgorithmTests {
  /// Every rule, and every branch in it.
  static let rules: [Optimizer.Rule] = [
    .recurrentJS(decayRate: 0.9, smoothEps: 1e-4), .sgd(), .sgd(momentum: 0.9, dampening: 0.25, weightDecay: 0.1),
    .sgd(momentum: 0.9, nesterov: true), .adagrad(lrDecay: 0.1, weightDecay: 0.1, initialAccumulatorValue: 0.5),
    .rmsprop(), .rmsprop(weightDecay: 0.1, momentum: 0.5, biasCorrection: false),
    .rmsprop(alpha: 0.9, momentum: 0.5, centered: true), .rmsprop(centered: true), .adam(weightDecay: 0.1),
    .adam(beta1: 0.5, beta2: 0.75, amsgrad: true), .adamW(weightDecay: 0.25), .adamW(amsgrad: true),
  ]

  private func model(_ dtype: DType = .float64, seed: UInt64 = 1) throws -> Network {
    try Network(.lstm, inputSize: 3, hiddenSizes: [5, 2], outputSize: 4, dtype: dtype, random: Random(seed: seed))
  }

  private func fill(_ p: Parameters, _ random: Random) throws {
    try p.flat.set(gradientRows: (0..<p.flat.count).map { _ in random.gaussian(0, 4) })
  }

  /// The first steps of one weight, by hand.
  @Test func firstSteps() throws {
    func steps(_ rule: Optimizer.Rule, _ gradients: [Double], regc: Double = 0) throws -> [Double] {
      let m = try Mat(1, 1, .float64, rows: [1]), solver = try Optimizer(rule)
      return try gradients.map { g in
        try m.set(gradientRows: [g])
        _ = try solver.step([("m", m)], stepSize: 0.5, regc: regc)
        return try m.rows()[0]
      }
    }
    func near(_ a: [Double], _ b: [Double]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-6 } }
    #expect(try near(steps(.sgd(), [2, -2]), [0, 1]))
    #expect(try near(steps(.sgd(weightDecay: 1), [2, 2]), [-0.5, -1.25]))
    #expect(try near(steps(.sgd(momentum: 0.5), [2, 2]), [0, -1.5]))
    // dampening does not touch the first step
    #expect(try near(steps(.sgd(momentum: 0.5, dampening: 0.5), [2, 2]), [0, -1]))
    #expect(try near(steps(.sgd(momentum: 0.5, nesterov: true), [2, 2]), [-0.5, -2.25]))
    #expect(try near(steps(.adagrad(), [3, 4]), [0.5, 0.5 - 0.5 * 4 / 5]))
    #expect(try near(steps(.adagrad(lrDecay: 1, initialAccumulatorValue: 16), [3, 0]), [1 - 0.5 * 3 / 5, 0.7]))
    // put right, the first step is the learning rate; PyTorch's is 10 times that
    #expect(try near(steps(.rmsprop(), [3]), [0.5]))
    #expect(try near(steps(.rmsprop(biasCorrection: false), [3]), [-4]))
    #expect(try near(steps(.rmsprop(alpha: 0.75, centered: true), [3]), [1 - 0.5 / 0.75.squareRoot()]))
    #expect(try near(steps(.adam(), [3, 3]), [0.5, 0]))
    #expect(try near(steps(.adam(weightDecay: 1), [0]), [0.5]))
    #expect(try near(steps(.adamW(weightDecay: 1), [0]), [0.5]))
    #expect(try near(steps(.adamW(weightDecay: 0.5), [3]), [0.75 - 0.5]))
    // besides, of any rule: a share of the weight, not scaled by the learning rate
    #expect(try near(steps(.adam(), [3], regc: 0.25), [0.25]))
    #expect(try near(steps(.recurrentJS(decayRate: 0), [3], regc: 0.25), [0.25]))
  }

  /// AMSGrad does not forget a large gradient.
  @Test func amsgradKeepsTheLargest() throws {
    let solver = try Optimizer(.adam(beta2: 0.5, amsgrad: true)), m = try Mat(1, 1, .float64)
    for g in [4.0, 0, 0] {
      try m.set(gradientRows: [g])
      _ = try solver.step([("m", m)])
    }
    #expect(try solver.slot("exp_avg_sq", of: "m")?.rows() == [2])
    #expect(try solver.slot("max_exp_avg_sq", of: "m")?.rows() == [8])
  }

  /// The variance of equal gradients is 0 but for rounding: no root of a negative number.
  @Test(arguments: DType.allCases) func centeredStaysANumber(_ dtype: DType) throws {
    let solver = try Optimizer(.rmsprop(alpha: 0.5, centered: true)), m = try Mat(1, 1, dtype)
    for _ in 0..<2000 {
      try m.set(gradientRows: [0.1])
      _ = try solver.step([("m", m)], stepSize: 1e-12)
    }
    #expect(try m.rows()[0].isFinite)
  }

  /// A slab in one pass gives the bits that its Mats give one by one, also after some went ahead.
  @Test(arguments: rules, Optimizer.Clipping.allCases) func aModelStepsAsItsParts(
    _ rule: Optimizer.Rule, _ clipping: Optimizer.Clipping
  ) throws {
    let models = [try model(), try model()], random = Random(seed: 2)
    let solvers = try models.map { _ in try Optimizer(rule, clipping: clipping) }
    for k in 0..<4 {
      let g = (0..<models[0].parameters.flat.count).map { _ in random.gaussian(0, 4) }
      for m in models { try m.parameters.flat.set(gradientRows: g) }
      let parts = models[1].parameters.all
      if k == 2 {
        for m in models {
          let some = Array(m.parameters.all.prefix(3))
          _ = try solvers[m === models[0] ? 0 : 1].step(some, stepSize: 0.1, regc: 1e-3, clipval: 5)
        }
      }
      let a = try solvers[0].step(models[0].parameters, stepSize: 0.1, regc: 1e-3, clipval: 5)
      let b = try solvers[1].step(parts, stepSize: 0.1, regc: 1e-3, clipval: 5)
      #expect(a.ratioClipped == b.ratioClipped && a.ratioClipped > 0)
    }
    let w = try models.map { try $0.parameters.flat.rows() }
    // the norm of everything is summed in another order
    #expect(clipping == .globalNorm ? relativeDistance(w[0], w[1]) < 1e-12 : w[0] == w[1])
    #expect(solvers.map { $0.steps(of: "Wix0") } == [5, 5] && solvers.map { $0.steps(of: "bd") } == [4, 4])
  }

  @Test(arguments: DType.allCases) func clippingByNorm(_ dtype: DType) throws {
    func step(_ clipping: Optimizer.Clipping, _ c: Double) throws -> (w: [Double], Optimizer.Statistics) {
      let a = try Mat(2, 1, dtype), b = try Mat(1, 1, dtype), solver = try Optimizer(.sgd(), clipping: clipping)
      try a.set(gradientRows: [3, -4])
      try b.set(gradientRows: [12])
      let done = try solver.step([("a", a), ("b", b)], stepSize: 1, clipval: c)
      #expect(try a.gradientRows() == [0, 0] && b.gradientRows() == [0])
      return (try a.rows() + b.rows(), done)
    }
    func near(_ a: [Double], _ b: [Double]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 2e-6 } }
    for (clipping, c, w, ratio) in [
      (Optimizer.Clipping.value, 3.5, [-3, 3.5, -3.5], 2.0 / 3), (.value, .infinity, [-3, 4, -12], 0),
      (.tensorNorm, 6, [-3, 4, -6], 1.0 / 3), (.tensorNorm, 2.5, [-1.5, 2, -2.5], 1),
      (.tensorNorm, .infinity, [-3, 4, -12], 0), (.globalNorm, 6.5, [-1.5, 2, -6], 1),
      (.globalNorm, 14, [-3, 4, -12], 0), (.globalNorm, .infinity, [-3, 4, -12], 0),
    ] {
      let (found, done) = try step(clipping, c)
      #expect(near(found, w), "\(clipping) \(c): \(found)")
      #expect(done.ratioClipped == ratio && abs(done.gradientNorm - 13) < 1e-12)
    }
  }

  // MARK: Settings

  @Test(arguments: rules, Optimizer.Clipping.allCases) func settingsComeBack(
    _ rule: Optimizer.Rule, _ clipping: Optimizer.Clipping
  ) throws {
    let solver = try Optimizer(rule, learningRate: 0.1 + 0.2, clipping: clipping)
    let twin = try Optimizer(settings: solver.settings)
    #expect(twin.rule == rule && twin.learningRate == 0.1 + 0.2 && twin.clipping == clipping)
    #expect(twin.settings == solver.settings)
  }

  @Test func settingsThatAreAbsentAreDefaults() throws {
    for (name, rule, rate) in [
      ("recurrentjs", Optimizer.Rule.recurrentJS(), 0.01), ("sgd", .sgd(), 0.001), ("adagrad", .adagrad(), 0.01),
      ("rmsprop", .rmsprop(), 0.01), ("adam", .adam(), 0.001), ("adamw", .adamW(), 0.001),
    ] {
      let solver = try Optimizer(settings: #"{"rule": "\#(name)"}"#)
      #expect(solver.rule == rule && solver.learningRate == rate && solver.clipping == .value)
    }
  }

  @Test func settingsRefused() throws {
    for (text, words) in [
      (#""adam""#, "a string"), ("{}", "\"rule\""), (#"{"rule": 3}"#, "\"rule\""), (#"{"rule": "Adam"}"#, "'Adam'"),
      (#"{"rule": "adam", "momentum": 1}"#, "adam has no setting 'momentum'; it has lr, betas"),
      (#"{"rule": "adam", "eps": "1"}"#, "eps is a string; expected a number"),
      (#"{"rule": "adam", "amsgrad": 1}"#, "amsgrad is a number; expected a boolean"),
      (#"{"rule": "adam", "betas": [0.9]}"#, "betas is not two numbers"),
      (#"{"rule": "adam", "betas": [0.9, "x"]}"#, "betas is not two numbers"),
      (#"{"rule": "adam", "betas": 0.9}"#, "betas is a number; expected an array"),
      (#"{"rule": "adam", "clipping": "norm"}"#, "clipping is 'norm'; expected one of value, tensor_norm, global_norm"),
      (#"{"rule": "adam", "lr": -1}"#, "lr is -1.0"),
    ] {
      refused(.badValue, words) { try Optimizer(settings: text) }
    }
    refused(.badFormat, "byte 8") { try Optimizer(settings: #"{"rule":}"#) }
    refused(.badFormat, "twice") { try Optimizer(settings: #"{"rule":"adam","lr":1,"lr":1}"#) }
    for bad in [Double.nan, .infinity, -.infinity, -1] {
      for (rule, name) in [
        (Optimizer.Rule.recurrentJS(decayRate: bad), "decay_rate"), (.recurrentJS(smoothEps: bad), "smooth_eps"),
        (.sgd(momentum: bad), "momentum"), (.sgd(dampening: bad), "dampening"),
        (.sgd(weightDecay: bad), "weight_decay"),
        (.adagrad(lrDecay: bad), "lr_decay"), (.adagrad(weightDecay: bad), "weight_decay"),
        (.adagrad(initialAccumulatorValue: bad), "initial_accumulator_value"), (.adagrad(eps: bad), "eps"),
        (.rmsprop(alpha: bad), "alpha"), (.rmsprop(eps: bad), "eps"), (.rmsprop(weightDecay: bad), "weight_decay"),
        (.rmsprop(momentum: bad), "momentum"), (.adam(beta1: bad), "betas[0]"), (.adam(beta2: bad), "betas[1]"),
        (.adam(eps: bad), "eps"), (.adam(weightDecay: bad), "weight_decay"), (.adamW(beta1: bad), "betas[0]"),
        (.adamW(weightDecay: bad), "weight_decay"),
      ] {
        refused(.badValue, "\(name) is \(bad)") { try Optimizer(rule) }
      }
      refused(.badValue, "lr is \(bad)") { try Optimizer(.adam(), learningRate: bad) }
    }
    refused(.badValue, "dampening is 1.5") { try Optimizer(.sgd(momentum: 1, dampening: 1.5)) }
    refused(.badValue, "nesterov") { try Optimizer(.sgd(nesterov: true)) }
    refused(.badValue, "nesterov", "0.5") { try Optimizer(.sgd(momentum: 0.9, dampening: 0.5, nesterov: true)) }
    for rule in [Optimizer.Rule.rmsprop(alpha: 1), .adam(beta1: 1), .adamW(beta2: 1)] {
      refused(.badValue, "below 1") { try Optimizer(rule) }
    }
    // an ε that float32 takes for 0 would divide by 0
    let fine = try Optimizer(.adam(eps: 1e-60)), m = try Mat(1, 1)
    refused(.badValue, "eps is 1e-60", "float32") { try fine.step([("m", m)]) }
    #expect(fine.names == [])
  }

  // MARK: Memory

  /// A solver made from settings and state goes on to the same bits.
  @Test(arguments: rules, DType.allCases) func stateGoesOn(_ rule: Optimizer.Rule, _ dtype: DType) throws {
    for byNames in [false, true] {
      let m = try model(dtype), solver = try Optimizer(rule), random = Random(seed: 3)
      for _ in 0..<5 {
        try fill(m.parameters, random)
        if byNames {
          _ = try solver.step(m.parameters.all, stepSize: 0.1)
          try fill(m.parameters, random)
          _ = try solver.step(Array(m.parameters.all.suffix(2)), stepSize: 0.1)
        } else {
          _ = try solver.step(m.parameters, stepSize: 0.1)
        }
      }
      let state = try solver.state(of: m.parameters)
      #expect(state.slots.map { $0.name } == rule.slots)
      #expect(state.steps == m.parameters.names.map { byNames && ["Whd", "bd"].contains($0) ? 10 : 5 })
      let twin = try Optimizer(settings: solver.settings), copy = try model(dtype, seed: 9)
      try copy.parameters.flat.set(m.parameters.flat)
      try twin.restore(state, of: copy.parameters)
      for k in 0..<3 {
        for (m, solver) in [(m, solver), (copy, twin)] {
          try fill(m.parameters, Random(seed: UInt64(10 + k)))
          _ = try solver.step(m.parameters, stepSize: 0.1)
        }
      }
      #expect(try m.parameters.flat.rows() == copy.parameters.flat.rows())
      // what was taken out is nobody's: it has not gone on
      #expect(state.steps.max() == (byNames ? 10 : 5))
      if let (name, flat) = state.slots.first {
        #expect(try flat.rows() != twin.state(of: copy.parameters).slots.first?.flat.rows(), "\(name)")
      }
    }
  }

  @Test func stateOfWhatWasNeverStepped() throws {
    let m = try model(), solver = try Optimizer(.adagrad(initialAccumulatorValue: 0.5))
    let state = try solver.state(of: m.parameters)
    #expect(state.steps.allSatisfy { $0 == 0 } && state.steps.count == m.parameters.names.count)
    #expect(try state.slots[0].flat.rows().allSatisfy { $0 == 0.5 })
    #expect(solver.names == [])
    // a solver that knows some of the names goes on with all of them
    let half = try Optimizer(.adagrad())
    _ = try half.step([("bd", try Mat(4, 1, .float64))])
    try half.restore(state, of: m.parameters)
    #expect(try half.slot("sum", of: "Wix0")?.rows().allSatisfy { $0 == 0.5 } == true)
    #expect(half.steps(of: "bd") == 0 && Set(half.names) == Set(m.parameters.names))
  }

  @Test func stateRefused() throws {
    let m = try model(), other = try model(.float32), solver = try Optimizer(.adam())
    let small = try Network(.rnn, inputSize: 1, hiddenSizes: [1], outputSize: 1, dtype: .float64, random: Random(seed: 1))
    let good = try solver.state(of: m.parameters)
    func refuse(_ kind: RecurrentError.Kind, _ words: String, _ change: (inout Optimizer.State) throws -> Void) throws {
      var state = good
      try change(&state)
      refused(kind, words) { try solver.restore(state, of: m.parameters) }
      #expect(solver.names == [])
    }
    try refuse(.badValue, "exp_avg, exp_avg_sq; found exp_avg") { $0.slots.removeLast() }
    try refuse(.badValue, "found sum") { $0.slots[0].name = "sum" }
    try refuse(.badShape, "exp_avg is") { $0.slots[0].flat = small.parameters.flat }
    try refuse(.badType, "exp_avg_sq is float32") { $0.slots[1].flat = other.parameters.flat }
    try refuse(.badShape, "counts of steps") { $0.steps.removeLast() }
    try refuse(.badValue, "Wih0 has made -1 steps") { $0.steps[1] = -1 }
    try refuse(.badValue, "steps") { $0.steps[1] = .max }
    _ = try solver.step(small.parameters)
    let clash = try Network(.rnn, inputSize: 1, hiddenSizes: [2], outputSize: 1, dtype: .float64, random: Random(seed: 1))
    refused(.badShape, "Wxh0 is 2 x 1") { try solver.state(of: clash.parameters) }
    refused(.badShape, "Wxh0 is 2 x 1") { try solver.restore(good, of: clash.parameters) }
  }
}
