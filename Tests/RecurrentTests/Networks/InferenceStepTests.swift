// A time step without a graph against the sequence functions.

import Kernels
import Testing

@testable import Recurrent

@Suite struct InferenceStepTests {
  @Test(arguments: Cell.tested, DType.allCases) func stepsAreSequences(_ cell: Cell, _ dtype: DType) throws {
    for embedding in [nil, 3] as [Int?] {
      for hidden in [[1], [9, 4], [17, 33]] {
        let m = try Network(
          Network.Settings(cell, inputSize: 6, embedding: embedding, hiddenSizes: hidden, outputSize: 5, dtype: dtype),
          random: Random(seed: 1))
        try m.parameters.flat.fillUniform(-0.7, 0.7, Random(seed: 2))
        // bytes for either type
        var state = [Double](repeating: 0, count: m.stateCount(batchSize: 1)), twin = state
        var x = [Double](repeating: 0, count: 6), y = [Double](repeating: 0, count: 5), z = y
        let random = Random(seed: 3)
        for t in 0..<4 as Range<Int64> {
          for i in 0..<6 where dtype == .float64 { x[i] = random.uniform(-1, 1) }
          try x.withUnsafeBytes { x in
            let x = try #require(x.baseAddress), width = state.count
            try state.withUnsafeMutableBytes { state in
              try y.withUnsafeMutableBytes { y in
                try m.inferenceStep(
                  token: embedding == nil ? nil : Int(t), x: Elements(x, count: 6, dtype),
                  state: MutableElements(#require(state.baseAddress), count: width, dtype),
                  y: MutableElements(#require(y.baseAddress), count: 5, dtype))
              }
            }
            try twin.withUnsafeMutableBytes { twin in
              try z.withUnsafeMutableBytes { z in
                let twin = try #require(twin.baseAddress), z = try #require(z.baseAddress), tokens = [t]
                try m.forward(
                  embedding == nil ? .values(Elements(x, count: 6, dtype)) : .tokens(tokens.span), T: 1, B: 1,
                  state: Elements(twin, count: width, dtype), y: MutableElements(z, count: 5, dtype),
                  finalState: MutableElements(twin, count: width, dtype))
              }
            }
          }
          let (a, b) = (elements(y + state, dtype), elements(z + twin, dtype))
          #expect(relativeDistance(a, b) < (dtype == .float64 ? 1e-13 : 1e-5), "\(cell) \(hidden) step \(t)")
        }
      }
    }
  }

  private func elements(_ bytes: [Double], _ dtype: DType) -> [Double] {
    dtype == .float64 ? bytes : bytes.withUnsafeBytes { $0.bindMemory(to: Float.self).map { Double($0) } }
  }

  /// Tokens of one-hot columns, and of an embedding that is the decoder's matrix too.
  @Test(arguments: Cell.regular, DType.allCases) func stepsOfTokens(_ cell: Cell, _ dtype: DType) throws {
    for (embedding, tied) in [(nil, false), (4, true)] as [(Int?, Bool)] {
      let m = try Network(
        Network.Settings(
          cell, inputSize: 6, embedding: embedding, hiddenSizes: [9, 4], outputSize: 6, tied: tied, dtype: dtype),
        random: Random(seed: 1))
      try m.parameters.flat.fillUniform(-0.7, 0.7, Random(seed: 2))
      var state = [Double](repeating: 0, count: m.stateCount(batchSize: 1)), twin = state
      var y = [Double](repeating: 0, count: 6), z = y
      for token: Int64 in [5, 0, 3, 3] {
        let width = state.count
        try state.withUnsafeMutableBytes { state in
          try y.withUnsafeMutableBytes { y in
            try m.inferenceStep(
              token: Int(token), state: MutableElements(#require(state.baseAddress), count: width, dtype),
              y: MutableElements(#require(y.baseAddress), count: 6, dtype))
          }
        }
        try twin.withUnsafeMutableBytes { twin in
          try z.withUnsafeMutableBytes { z in
            let twin = try #require(twin.baseAddress), z = try #require(z.baseAddress)
            try m.forward(
              .tokens([token].span), T: 1, B: 1, state: Elements(twin, count: width, dtype),
              y: MutableElements(z, count: 6, dtype), finalState: MutableElements(twin, count: width, dtype))
          }
        }
        let (a, b) = (elements(y + state, dtype), elements(z + twin, dtype))
        #expect(relativeDistance(a, b) < (dtype == .float64 ? 1e-13 : 1e-5), "\(cell) token \(token)")
      }
    }
  }

  @Test func stepsRefused() throws {
    let m = try Network(Network.Settings(.lstm, inputSize: 6, embedding: 3, hiddenSizes: [5]), random: Random(seed: 1))
    let bare = try Network(Network.Settings(.lstm, inputSize: 6, hiddenSizes: [5]), random: Random(seed: 1))
    var state = [Float](repeating: 0.5, count: 10)
    func step(_ network: Network, _ token: Int?) throws {
      try network.inferenceStep(token: token, state: .float32(state.mutableSpan))
    }
    for network in [m, bare] {
      for token in [-1, 6, .max, .min] { refused(.badIndex, "token", "\(token)") { try step(network, token) } }
    }
    refused(.nullArgument, "token") { try step(m, nil) }
    refused(.nullArgument, "input is missing") { try step(bare, nil) }
    #expect(state.allSatisfy { $0 == 0.5 })
  }
}
