// The state of an optimizer, copied out and restored.

import Testing

@testable import Recurrent

@Suite struct OptimizerStateTests {
  private func model(_ dtype: DType = .float64, seed: UInt64 = 1) throws -> Network {
    try Network(
      Network.Settings(.lstm, inputSize: 3, hiddenSizes: [5, 2], outputSize: 4, dtype: dtype),
      random: Random(seed: seed))
  }

  private func fill(_ p: Parameters, _ random: Random) throws {
    try p.flat.set(gradientRows: (0..<p.flat.count).map { _ in random.gaussian(0, 4) })
  }

  /// An optimizer made from settings and state continues with the same bits.
  @Test(arguments: OptimizerAlgorithmTests.all, DType.allCases) func stateContinues(
    _ algorithm: (name: String, settings: String), _ dtype: DType
  ) throws {
    for byNames in [false, true] {
      let m = try model(dtype), optimizer = try Optimizer(algorithm.name, algorithm.settings), random = Random(seed: 3)
      for _ in 0..<5 {
        try fill(m.parameters, random)
        if byNames {
          _ = try optimizer.step(m.parameters.all, learningRate: 0.1)
          try fill(m.parameters, random)
          _ = try optimizer.step(Array(m.parameters.all.suffix(2)), learningRate: 0.1)
        } else {
          _ = try optimizer.step(m.parameters, learningRate: 0.1)
        }
      }
      let state = try optimizer.state(of: m.parameters)
      #expect(state.tensors.map { $0.name } == optimizer.stateNames)
      #expect(state.steps == m.parameters.names.map { byNames && ["Whd", "bd"].contains($0) ? 10 : 5 })
      let twin = try Optimizer(settings: optimizer.settings), copy = try model(dtype, seed: 9)
      try copy.parameters.flat.set(m.parameters.flat)
      try twin.restore(state, of: copy.parameters)
      for k in 0..<3 {
        for (m, optimizer) in [(m, optimizer), (copy, twin)] {
          try fill(m.parameters, Random(seed: UInt64(10 + k)))
          _ = try optimizer.step(m.parameters, learningRate: 0.1)
        }
      }
      #expect(try m.parameters.flat.rows() == copy.parameters.flat.rows())
      // the copy does not follow later steps
      #expect(state.steps.max() == (byNames ? 10 : 5))
      if let (name, flat) = state.tensors.first {
        #expect(try flat.rows() != twin.state(of: copy.parameters).tensors.first?.flat.rows(), "\(name)")
      }
    }
  }

  @Test func stateBeforeTheFirstStep() throws {
    let m = try model(), optimizer = try Optimizer("adagrad", #""initial_accumulator_value": 0.5"#)
    let state = try optimizer.state(of: m.parameters)
    #expect(state.steps.allSatisfy { $0 == 0 } && state.steps.count == m.parameters.names.count)
    #expect(try state.tensors[0].flat.rows().allSatisfy { $0 == 0.5 })
    #expect(optimizer.names == [])
    // an optimizer with state of some names restores all of them
    let half = try Optimizer("adagrad")
    _ = try half.step([("bd", try #require(m.parameters["bd"]))])
    try half.restore(state, of: m.parameters)
    #expect(try half.state("sum", of: "Wix0")?.rows().allSatisfy { $0 == 0.5 } == true)
    #expect(half.steps(of: "bd") == 0 && Set(half.names) == Set(m.parameters.names))
  }

  @Test func stateRefused() throws {
    let m = try model(), other = try model(.float32), optimizer = try Optimizer("adam")
    let small = try Network(
      Network.Settings(.rnnRelu, inputSize: 1, hiddenSizes: [1], outputSize: 1, dtype: .float64),
      random: Random(seed: 1))
    let good = try optimizer.state(of: m.parameters)
    func refuse(_ kind: RecurrentError.Kind, _ words: String, _ change: (inout Optimizer.State) throws -> Void) throws {
      var state = good
      try change(&state)
      refused(kind, words) { try optimizer.restore(state, of: m.parameters) }
      #expect(optimizer.names == [])
    }
    try refuse(.badValue, "expected exp_avg, exp_avg_sq, got exp_avg") { $0.tensors.removeLast() }
    try refuse(.badValue, "got sum") { $0.tensors[0].name = "sum" }
    try refuse(.badShape, "exp_avg has the wrong shape") { $0.tensors[0].flat = small.parameters.flat }
    try refuse(.badType, "got float32") { $0.tensors[1].flat = other.parameters.flat }
    try refuse(.badShape, "steps has the wrong length") { $0.steps.removeLast() }
    try refuse(.badValue, "steps of Wih0 is out of range") { $0.steps[1] = -1 }
    try refuse(.badValue, "steps") { $0.steps[1] = .max }
    _ = try optimizer.step(small.parameters)
    let clash = try Network(
      Network.Settings(.rnnRelu, inputSize: 1, hiddenSizes: [2], outputSize: 1, dtype: .float64),
      random: Random(seed: 1))
    refused(.badShape, "Wxh0 has the wrong shape") { try optimizer.state(of: clash.parameters) }
    refused(.badShape, "Wxh0 has the wrong shape") { try optimizer.restore(good, of: clash.parameters) }
  }

  // MARK: State by name

  /// An optimizer that loads the state of another continues with the same bits, with Mats of its own.
  @Test(arguments: OptimizerAlgorithmTests.all, DType.allCases) func namedStatesContinue(
    _ algorithm: (name: String, settings: String), _ dtype: DType
  ) throws {
    for byNames in [false, true] {
      let m = try model(dtype), separator = algorithm.settings.isEmpty ? "" : ", "
      let settings = algorithm.settings + separator + #""clipping": "global_norm""#
      let optimizer = try Optimizer(algorithm.name, settings), random = Random(seed: 3)
      func step(_ m: Network, _ optimizer: Optimizer) throws -> StepResult {
        byNames
          ? try optimizer.step(m.parameters.all, learningRate: 0.1, clip: 1)
          : try optimizer.step(m.parameters, learningRate: 0.1, clip: 1)
      }
      for _ in 0..<4 {
        try fill(m.parameters, random)
        _ = try step(m, optimizer)
      }
      try optimizer.set(learningRate: 0.25)
      let twin = try Optimizer(algorithm.name, settings), copy = try model(dtype, seed: 9)
      // what it did before does not count
      try fill(copy.parameters, random)
      _ = try step(copy, twin)
      try copy.parameters.flat.set(m.parameters.flat)
      try twin.load(optimizer.namedStates, settings: optimizer.settings)
      #expect(twin.settings == optimizer.settings && twin.names == optimizer.names)
      for k in 0..<3 {
        var results: [StepResult] = []
        for (m, optimizer) in [(m, optimizer), (copy, twin)] {
          try fill(m.parameters, Random(seed: UInt64(10 + k)))
          results.append(try step(m, optimizer))
        }
        #expect(results[0] == results[1])
      }
      #expect(try m.parameters.flat.rows() == copy.parameters.flat.rows())
      #expect(twin.steps(of: "bd") == 7)
      for (name, mat) in m.parameters.all {
        for stateName in optimizer.stateNames {
          #expect(try optimizer.state(stateName, of: name)?.rows() == twin.state(stateName, of: name)?.rows())
        }
        #expect(mat.dtype == dtype)
      }
      // the state belongs to the network of the first step
      if !byNames {
        refused(.badValue, "is another Mat than in earlier steps") { try twin.step(m.parameters.all) }
      }
    }
  }

  /// A step that is refused leaves a loaded state as it was, ready for any network.
  @Test func aRefusedStepKeepsALoadedState() throws {
    let m = try model(), optimizer = try Optimizer("adam"), twin = try Optimizer("adam")
    try fill(m.parameters, Random(seed: 1))
    _ = try optimizer.step(m.parameters)
    try twin.load(Array(optimizer.namedStates.prefix(3)), settings: optimizer.settings)
    let before = try twin.namedStates.map { (state) throws in try state.tensors.map { try $0.rows() } }
    let other = try model(seed: 2), wild = try #require(other.parameters["bd"])
    for byNames in [false, true] {
      // a weight that no step can keep finite
      try wild.set(rows: [Double](repeating: .greatestFiniteMagnitude, count: 4))
      try fill(other.parameters, Random(seed: 1))
      refused(.notFinite, "bd is not finite") {
        byNames
          ? try twin.step(other.parameters.all, learningRate: 1e38, weightDecay: 1e38)
          : try twin.step(other.parameters, learningRate: 1e38, weightDecay: 1e38)
      }
      #expect(twin.names == Array(optimizer.names.prefix(3)))
      #expect(try twin.namedStates.map { (state) throws in try state.tensors.map { try $0.rows() } } == before)
    }
    // another network still fits, another shape does not
    let wider = try Network(
      Network.Settings(.lstm, inputSize: 4, hiddenSizes: [5, 2], outputSize: 4, dtype: .float64),
      random: Random(seed: 1))
    refused(.badShape, "Wix0 has the wrong shape for its optimizer state; expected 5 x 3, got 5 x 4") {
      try twin.step(wider.parameters)
    }
    refused(.badType, "Wix0 has the wrong type for its optimizer state") { try twin.step(model(.float32).parameters) }
    try fill(m.parameters, Random(seed: 1))
    _ = try twin.step(m.parameters)
    #expect(twin.steps(of: "Wix0") == 2 && twin.steps(of: "bd") == 1)
  }

  @Test func namedStatesRefused() throws {
    let m = try model(), optimizer = try Optimizer("adam"), twin = try Optimizer("adam")
    try fill(m.parameters, Random(seed: 1))
    _ = try optimizer.step(m.parameters)
    let good = optimizer.namedStates, settings = optimizer.settings
    func refuse(
      _ kind: RecurrentError.Kind, _ words: String, settings other: String? = nil,
      _ change: (inout [Optimizer.NamedState]) throws -> Void = { _ in }
    ) throws {
      var states = good
      try change(&states)
      refused(kind, words) { try twin.load(states, settings: other ?? settings) }
      #expect(twin.names == [] && twin.learningRate == 0.001)
    }
    let faster = settings.replacing("0.001", with: "0.5")
    try refuse(.badValue, "names has a duplicate; expected distinct names, got 'Wix0' twice", settings: faster) {
      $0[1].name = "Wix0"
    }
    try refuse(.badValue, "steps of Wih0 is out of range") { $0[1].steps = -1 }
    try refuse(.badValue, "steps of Wih0 is out of range") { $0[1].steps = .max }
    try refuse(.badShape, "state of Wih0 has the wrong length; expected 2 tensors, got 1") {
      $0[1].tensors.removeLast()
    }
    try refuse(.badShape, "exp_avg_sq of Wih0 has the wrong shape; expected 5 x 5, that of exp_avg, got 2 x 2") {
      $0[1].tensors[1] = try Mat(2, 2, .float64)
    }
    try refuse(.badType, "exp_avg_sq of Wih0 has the wrong type; expected float64") {
      $0[1].tensors[1] = try Mat(5, 5, .float32)
    }
    try refuse(.notFinite, "exp_avg of bd is not finite; expected finite elements, got nan at [1, 0]") {
      $0[$0.count - 1].tensors[0] = try Mat(4, 1, .float64, rows: [0, .nan, 0, 0])
    }
    try refuse(.badValue, "exp_avg_sq of bd is negative") {
      $0[$0.count - 1].tensors[1] = try Mat(4, 1, .float64, rows: [0, -1, 0, 0])
    }
    try refuse(.badValue, "eps of the settings is wrong", settings: #"{"name": "adam", "eps": 0.5}"#)
    try refuse(.badValue, "name of the settings is wrong", settings: #"{"name": "sgd"}"#)
    try refuse(
      .badValue, "clipping of the settings is wrong", settings: #"{"name": "adam", "clipping": "global_norm"}"#)
    try refuse(.badValue, "JSON", settings: "{")
    try twin.load(good, settings: faster)
    #expect(twin.learningRate == 0.5 && twin.names == optimizer.names)
    try twin.load([], settings: settings)
    #expect(twin.names == [] && twin.learningRate == 0.001)
  }
}
