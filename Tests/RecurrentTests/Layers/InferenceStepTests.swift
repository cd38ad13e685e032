// A time step without a graph against the sequence functions.

import Kernels
import Testing

@testable import Recurrent

@Suite struct InferenceStepTests {
  @Test(arguments: Cell.allCases, DType.allCases) func stepsAreSequences(_ cell: Cell, _ dtype: DType) throws {
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
            try state.withUnsafeMutableBytes { state in
              try y.withUnsafeMutableBytes { y in
                try m.inferenceStep(
                  token: embedding == nil ? nil : Int(t), x: x.baseAddress,
                  state: #require(state.baseAddress), y: y.baseAddress)
              }
            }
            try twin.withUnsafeMutableBytes { twin in
              try z.withUnsafeMutableBytes { z in
                try [t].withUnsafeBufferPointer { tokens in
                  try m.forward(
                    embedding == nil ? .values(#require(x.baseAddress)) : .tokens(tokens), T: 1, B: 1,
                    state: twin.baseAddress, lengths: nil, y: #require(z.baseAddress),
                    finalState: twin.baseAddress)
                }
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
  @Test(arguments: Cell.allCases, DType.allCases) func stepsOfTokens(_ cell: Cell, _ dtype: DType) throws {
    for (embedding, tied) in [(nil, false), (4, true)] as [(Int?, Bool)] {
      let m = try Network(
        Network.Settings(
          cell, inputSize: 6, embedding: embedding, hiddenSizes: [9, 4], outputSize: 6, tied: tied, dtype: dtype),
        random: Random(seed: 1))
      try m.parameters.flat.fillUniform(-0.7, 0.7, Random(seed: 2))
      var state = [Double](repeating: 0, count: m.stateCount(batchSize: 1)), twin = state
      var y = [Double](repeating: 0, count: 6), z = y
      for token: Int64 in [5, 0, 3, 3] {
        try state.withUnsafeMutableBytes { state in
          try y.withUnsafeMutableBytes {
            try m.inferenceStep(token: Int(token), x: nil, state: #require(state.baseAddress), y: $0.baseAddress)
          }
        }
        try twin.withUnsafeMutableBytes { twin in
          try z.withUnsafeMutableBytes { z in
            try [token].withUnsafeBufferPointer {
              try m.forward(
                .tokens($0), T: 1, B: 1, state: twin.baseAddress, lengths: nil, y: #require(z.baseAddress),
                finalState: twin.baseAddress)
            }
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
    try state.withUnsafeMutableBytes { state in
      let state = try #require(state.baseAddress)
      for token in [-1, 6, .max, .min] {
        refused(.badIndex, "token", "\(token)") { try m.inferenceStep(token: token, x: nil, state: state, y: nil) }
        refused(.badIndex, "token", "\(token)") { try bare.inferenceStep(token: token, x: nil, state: state, y: nil) }
      }
      refused(.nullArgument, "token") { try m.inferenceStep(token: nil, x: nil, state: state, y: nil) }
      refused(.nullArgument, "input is missing") { try bare.inferenceStep(token: nil, x: nil, state: state, y: nil) }
    }
    #expect(state.allSatisfy { $0 == 0.5 })
  }
}
