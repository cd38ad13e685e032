// The initial values of a new network, and of its layers by name.

import Testing

@testable import Recurrent

@Suite struct NetworkInitializationTests {
  /// The weights of `settings` by name.
  private func weights(_ settings: Network.Settings, seed: UInt64 = 3) throws -> [(name: String, mat: Mat)] {
    try Network(settings, random: Random(seed: seed)).parameters.all
  }

  /// Every parameter of a new network is what its own draw in creation order is.
  @Test(arguments: Cell.builtin, [false, true]) func drawsInCreationOrder(_ cell: Cell, _ isTied: Bool) throws {
    var settings = Network.Settings(
      cell, inputSize: 5, embedding: 3, hiddenSizes: [4, 3], outputSize: 5, tied: isTied, forgetBias: 0,
      options: Network.Options(learnedInitialState: true, bidirectional: !isTied), dtype: .float64)
    for kind: Network.Initialization.Matrix in [
      .uniform(), .uniform(0.5), .uniform(0), .glorot, .orthogonal, .identity,
    ] {
      settings.initialization = kind
      let random = Random(seed: 3)
      for (name, mat) in try weights(settings) {
        let expected = try Mat(mat.n, mat.d, .float64)
        let isRecurrent = name.dropFirst(2).first == "h" && !name.hasPrefix("Wxh")
        if name.first == "W" {
          switch kind {
          case .uniform(let range): try expected.fillUniform(-range, range, random)
          case _ where name == "Wil": try expected.fillUniform(-0.08, 0.08, random)
          case .orthogonal where isRecurrent: try expected.fillOrthogonal(random)
          case .identity where isRecurrent: try expected.fillIdentity()
          default: try expected.fillGlorot(random)
          }
        }
        #expect(try mat.rows() == expected.rows(), "\(kind) \(name)")
      }
    }
  }

  /// `initialize` with a number is `fillUniform`, with a range out of bounds refused.
  @Test func uniformLayers() throws {
    let network = try Network(Network.Settings(.gru, inputSize: 2, hiddenSizes: [3]), random: Random(seed: 1))
    let before = try network.parameters.flat.rows(), random = Random(seed: 2)
    for (json, key) in [(#"{"input": -1}"#, "input"), (#"{"recurrent": 1e39}"#, "recurrent")] {
      refused(.badValue, "\(key) is out of range") {
        try network.initialize(Network.Initialization(json: json), random: random)
      }
      #expect(try network.parameters.flat.rows() == before && random.state == Random(seed: 2).state)
    }
    try network.initialize(Network.Initialization(json: #"{"recurrent": 0.5, "input": "uniform"}"#), random: random)
    let draws = Random(seed: 2)
    for name in ["Wrx0", "Wzx0", "Wnx0"] {
      let expected = try Mat(3, 2, .float32)
      try expected.fillUniform(-0.08, 0.08, draws)
      #expect(try network.parameters[name]?.rows() == expected.rows())
    }
    let expected = try Mat(3, 3, .float32)
    try expected.fillUniform(-0.5, 0.5, draws)
    #expect(try network.parameters["Wrh0"]?.rows() == expected.rows())
  }

  /// A coupled cell forgets as its input gate is closed.
  @Test(arguments: [Cell.peepholeLSTM, .coupledLSTM, .lstm]) func forgetBiases(_ cell: Cell) throws {
    for (name, mat) in try weights(Network.Settings(cell, inputSize: 2, hiddenSizes: [2], dtype: .float64)) {
      let isCoupled = cell == .coupledLSTM
      if name == "bf0" || name == "bi0" && isCoupled {
        #expect(try mat.rows() == (isCoupled ? [-1, -1] : [1, 1]))
      } else if name.first == "b" {
        #expect(try mat.rows() == [0, 0])
      }
    }
  }
}
