// Ticks without a graph, and texts made of them.

import Kernels
import Testing

@testable import Recurrent

@Suite struct NetworkGenerateTests {
  @Test(arguments: Cell.allCases, DType.allCases) func ticksAreSequences(_ cell: Cell, _ dtype: DType) throws {
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
          let (a, b) = (numbers(y + state, dtype), numbers(z + twin, dtype))
          #expect(relativeDistance(a, b) < (dtype == .float64 ? 1e-13 : 1e-5), "\(cell) \(hidden) tick \(t)")
        }
      }
    }
  }

  private func numbers(_ bytes: [Double], _ dtype: DType) -> [Double] {
    dtype == .float64 ? bytes : bytes.withUnsafeBytes { $0.bindMemory(to: Float.self).map { Double($0) } }
  }

  // MARK: Generation

  private func generate(
    _ m: Network, prime: [Int64] = [0], count: Int = 20, temperature: Double = 1, _ random: Random?,
    _ state: inout [Double]
  ) throws -> [Int64] {
    var tokens = [Int64](repeating: -7, count: count)
    let written = try prime.withUnsafeBufferPointer { prime in
      try state.withUnsafeMutableBytes { state in
        try tokens.withUnsafeMutableBufferPointer { tokens in
          try m.generate(
            prime: prime, count: count, temperature: temperature, state: #require(state.baseAddress), random,
            to: #require(tokens.baseAddress))
        }
      }
    }
    #expect(written == count)
    return tokens
  }

  /// A token is what it stands for: by the embedding, one-hot, and scored by its own row where the decoder is tied.
  @Test(arguments: Cell.allCases, DType.allCases) func ticksOfTokens(_ cell: Cell, _ dtype: DType) throws {
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
        let (a, b) = (numbers(y + state, dtype), numbers(z + twin, dtype))
        #expect(relativeDistance(a, b) < (dtype == .float64 ? 1e-13 : 1e-5), "\(cell) token \(token)")
      }
    }
  }

  @Test(arguments: Cell.allCases, [nil, 3]) func generates(_ cell: Cell, _ embedding: Int?) throws {
    let m = try Network(
      Network.Settings(cell, inputSize: 6, embedding: embedding, hiddenSizes: [5, 4], outputSize: 6, dtype: .float64),
      random: Random(seed: 1))
    try m.parameters.flat.fillUniform(-0.8, 0.8, Random(seed: 2))
    let zeros = [Double](repeating: 0, count: m.stateCount(batchSize: 1))
    var (a, b, c) = (zeros, zeros, zeros)
    // by hand: each token read, the likeliest written
    let tokens = try generate(m, prime: [3, 1, 4], nil, &a)
    var read: [Int] = [3, 1, 4], y = [Double](repeating: 0, count: 6), expected: [Int64] = []
    while expected.count < 20 {
      for token in read {
        try b.withUnsafeMutableBytes { b in
          try y.withUnsafeMutableBytes { y in
            try m.inferenceStep(token: token, x: nil, state: #require(b.baseAddress), y: y.baseAddress)
          }
        }
      }
      read = [try y.withUnsafeBufferPointer { try argmax($0) }]
      expected.append(Int64(read[0]))
    }
    #expect(tokens == expected)
    #expect(a == b)
    // a cold draw is the likeliest, a seed is a text
    #expect(try generate(m, prime: [3, 1, 4], temperature: 1e-300, Random(seed: 1), &c) == tokens)
    let texts = try [1, 1, 2 as UInt64].map { seed in
      var state = zeros
      return try generate(m, count: 40, Random(seed: seed), &state)
    }
    #expect(texts[0] == texts[1] && texts[0] != texts[2])
    #expect(texts[0].allSatisfy { $0 >= 0 && $0 < 6 })
  }

  @Test func generationsRefused() throws {
    let random = Random(seed: 1)
    let m = try Network(
      Network.Settings(.lstm, inputSize: 6, embedding: 3, hiddenSizes: [5], outputSize: 6, dtype: .float64),
      random: random)
    let odd = try Network(
      Network.Settings(.lstm, inputSize: 6, embedding: 3, hiddenSizes: [5], outputSize: 4, dtype: .float64),
      random: random)
    let bare = try Network(
      Network.Settings(.lstm, inputSize: 6, hiddenSizes: [5], outputSize: 6, dtype: .float64), random: random)
    var state = [Double](repeating: 0.5, count: 10)
    let before = random.state
    for x in [0, -1, Double.nan, .infinity] {
      refused(.badValue, "temperature", "got \(x)") { try generate(m, temperature: x, random, &state) }
    }
    for token: Int64 in [-1, 6, .max, .min] {
      refused(.badIndex, "prime 1 is \(token)", "0..<6") {
        try generate(m, prime: [0, token], random, &state)
      }
      if token != .max && token != .min {
        refused(.badIndex, "\(token)") {
          try state.withUnsafeMutableBytes {
            try m.inferenceStep(token: Int(token), x: nil, state: #require($0.baseAddress), y: nil)
          }
        }
      }
    }
    refused(.badShape, "prime is empty") { try generate(m, prime: [], random, &state) }
    refused(.badValue, "6 tokens", "4 numbers") { try generate(odd, random, &state) }
    refused(.nullArgument, "a token or x") {
      try state.withUnsafeMutableBytes {
        try bare.inferenceStep(token: nil, x: nil, state: #require($0.baseAddress), y: nil)
      }
    }
    refused(.badIndex, "token is out of range; expected 0 to 5, got 6") {
      try state.withUnsafeMutableBytes {
        try bare.inferenceStep(token: 6, x: nil, state: #require($0.baseAddress), y: nil)
      }
    }
    #expect(random.state == before && state.allSatisfy { $0 == 0.5 })
  }

  /// A model that diverges in the middle of a text leaves state, generator and buffer as they were.
  @Test func divergenceInTheMiddleChangesNothing() throws {
    let random = Random(seed: 1)
    let m = try Network(
      Network.Settings(.rnnRelu, inputSize: 3, embedding: 1, hiddenSizes: [2], outputSize: 3, dtype: .float64),
      random: random)
    // 0 leads to 1, 1 to 2, and 2 is not a number
    try #require(m.parameters["Wil"]).set(rows: [1, 2, .nan])
    try #require(m.parameters["Wxh0"]).set(rows: [1, 1])
    try #require(m.parameters["Whh0"]).set(rows: [0, 0, 0, 0])
    try #require(m.parameters["Whd"]).set(rows: [-1000, 0, 0, 0, 1000, 0])
    try #require(m.parameters["bd"]).set(rows: [0, 1500, 0])
    var state = [0.25, 0.25]
    let before = random.state
    var tokens = [Int64](repeating: -7, count: 5)
    refused(.notFinite, "diverged") {
      try [0].withUnsafeBufferPointer { prime in
        try state.withUnsafeMutableBytes { state in
          try tokens.withUnsafeMutableBufferPointer {
            try m.generate(
              prime: prime, count: 5, temperature: 1, state: #require(state.baseAddress), random,
              to: #require($0.baseAddress))
          }
        }
      }
    }
    #expect(tokens == [-7, -7, -7, -7, -7])
    #expect(state == [0.25, 0.25] && random.state == before)
  }
}
