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
}
