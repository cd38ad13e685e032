// The settings of a network: JSON, defaults, refusals, and the networks that they create.

import Testing

@testable import Recurrent

@Suite struct NetworkSettingsTests {
  @Test(arguments: Cell.builtin, DType.allCases) func settingsComeBack(_ cell: Cell, _ dtype: DType) throws {
    for settings in [
      Network.Settings(cell, inputSize: 7, hiddenSizes: [4], dtype: dtype),
      Network.Settings(
        cell, inputSize: 7, embedding: 3, hiddenSizes: [4, 3], outputSize: 7, tied: true, dropout: 0.1 + 0.2,
        forgetBias: 2, options: Network.Options(learnedInitialState: true), dtype: dtype),
      Network.Settings(
        cell, inputSize: 7, hiddenSizes: [4, 4], options: Network.Options(residual: true, bidirectional: true),
        dtype: dtype),
    ] {
      #expect(try Network.Settings(json: settings.json) == settings)
      #expect(try Network(settings, random: Random(seed: 1)).settings == settings)
    }
  }

  @Test func absentKeysAreDefaults() throws {
    let text = #"{"cell": "gru", "input_size": 3, "hidden_sizes": [2]}"#
    let settings = try Network.Settings(json: text)
    #expect(settings == Network.Settings(.gru, inputSize: 3, hiddenSizes: [2]))
    #expect(
      settings.json
        == #"{"cell":"gru","input_size":3,"hidden_sizes":[2],"output_size":null,"embedding":null,"tied":false,"#
        + #""dropout":0,"forget_bias":1,"dtype":"float32"}"#)
  }

  @Test func settingsRefused() throws {
    let good: [(key: String, value: JSON)] = [
      ("cell", .string("lstm")), ("input_size", .number(3)), ("hidden_sizes", .array([.number(2)])),
    ]
    func refuse(_ key: String, _ value: JSON?, _ words: String) {
      let members = good.filter { $0.key != key } + (value.map { [(key, $0)] } ?? [])
      refused(.badValue, key, words) { try Network.Settings(.object(JSON.List(members))) }
    }
    for (key, _) in good { refuse(key, nil, "is missing from the settings of the network") }
    refuse("cell", .string("rnn"), "expected one of rnn_tanh, rnn_relu, lstm, gru, gru_reset_before, min_gru")
    refuse("cell", .number(1), "expected a string or an object, got a number")
    refuse("input_size", .null, "expected a whole number, got null")
    refuse("input_size", .number(1.5), "expected a whole number, got 1.5")
    refuse("hidden_sizes", .number(2), "expected an array, got a number")
    refuse("hidden_sizes", .array([.number(2), .string("3")]), "hidden_sizes[1] has the wrong type")
    refuse("embedding", .bool(true), "expected a whole number, got a boolean")
    refuse("tied", .null, "expected a boolean, got null")
    refuse("dropout", .null, "expected a number, got null")
    refuse("forget_bias", .string("1"), "expected a number, got a string")
    refuse("init", .string("normal"), "expected one of uniform, orthogonal, glorot, identity, got 'normal'")
    refuse("init", .bool(true), "expected a name or a number, got a boolean")
    refuse("learned_initial_state", .number(1), "expected a boolean, got a number")
    refuse("residual", .string("yes"), "expected a boolean, got a string")
    refuse("variational", .null, "expected a boolean, got null")
    refuse("dtype", .string("float16"), "expected one of float32, float64, got 'float16'")
    refuse("hidden_size", .number(2), "is not a setting of the network; expected one of cell, input_size, hidden_sizes")
    refused(.badValue, "expected an object, got an array") { try Network.Settings(json: "[]") }
    refused(.badValue, "byte 1") { try Network.Settings(json: "{") }
  }

  @Test func rangesAreValidatedBeforeAnythingIsDrawn() throws {
    let random = Random(seed: 1)
    func refuse(_ kind: RecurrentError.Kind, _ words: String, _ change: (inout Network.Settings) -> Void) {
      var settings = Network.Settings(.lstm, inputSize: 5, embedding: 2, hiddenSizes: [3, 2], outputSize: 5)
      change(&settings)
      refused(kind, words) { try Network(settings, random: random) }
    }
    refuse(.badShape, "input_size is out of range; expected at least 1, got 0") { $0.inputSize = 0 }
    refuse(.badShape, "hidden_sizes[1] is out of range; expected at least 1, got -1") { $0.hiddenSizes[1] = -1 }
    refuse(.badShape, "hidden_sizes is too long; expected at most 1000 layers, got 1001") {
      $0.hiddenSizes = Array(repeating: 1, count: 1001)
    }
    refuse(.badValue, "dropout is out of range; expected at least 0 and below 1, got 1.0") { $0.dropout = 1 }
    refuse(.badValue, "forget_bias is not finite") { $0.forgetBias = .infinity }
    refuse(.badValue, "init is out of range; expected 0.0 to 1.7") { $0.initialization = .uniform(-0.1) }
    refuse(.badValue, "init is out of range") { $0.initialization = .uniform(.nan) }
    refuse(.badValue, "init is out of range") { $0.initialization = .uniform(2e38) }
    refuse(.badValue, "min_gru has no recurrent matrices") { ($0.cell, $0.initialization) = (.minGRU, .orthogonal) }
    refuse(.badShape, "expected the top layer's width 2, got 3") { ($0.tied, $0.embedding) = (true, 3) }
    refuse(.badShape, "expected the number of tokens 5, got 4") { ($0.tied, $0.outputSize) = (true, 4) }
    #expect(random.state == Random(seed: 1).state)
  }

  /// Settings keep `init` in JSON; a network does not: its weights replace it.
  @Test func initializationComesBack() throws {
    for kind: Network.Initialization.Matrix in [.uniform(), .uniform(0.5), .glorot, .orthogonal, .identity] {
      let settings = Network.Settings(.gru, inputSize: 3, hiddenSizes: [2], initialization: kind)
      #expect(try Network.Settings(json: settings.json) == settings)
      #expect(settings.json.contains("init\"") == (kind != .uniform()))
      #expect(try Network(settings, random: Random(seed: 1)).settings.initialization == .uniform())
      let text = TextModel.Settings(.bytes, initialization: kind)
      #expect(try TextModel.Settings(json: text.json) == text && text.network(3).initialization == kind)
    }
  }

  /// One default in every door.
  @Test func forgetBiasesAreOneByDefault() throws {
    #expect(
      Network.Settings(.lstm, inputSize: 1, hiddenSizes: [1]).forgetBias == 1 && TextModel.Settings().forgetBias == 1)
    let text = #"{"cell": "lstm", "input_size": 2, "hidden_sizes": [3, 2]}"#
    let network = try Network(Network.Settings(json: text), random: Random(seed: 1))
    #expect(try network.parameters["bf1"]?.rows() == [1, 1] && network.parameters["bi1"]?.rows() == [0, 0])
  }

  /// The forget bias fills an LSTM's `bf` and draws nothing; dropout draws from the same generator, later.
  @Test(arguments: Cell.tested) func forgetBiasAndDropout(_ cell: Cell) throws {
    let random = Random(seed: 5)
    let settings = Network.Settings(
      cell, inputSize: 3, hiddenSizes: [4, 2], outputSize: 3, dropout: 0.5, forgetBias: 1.5, dtype: .float64)
    let network = try Network(settings, random: random)
    let plain = try Network(
      Network.Settings(cell, inputSize: 3, hiddenSizes: [4, 2], outputSize: 3, forgetBias: 0, dtype: .float64),
      random: Random(seed: 5))
    for (name, mat) in network.parameters.all {
      let isForgetBias = cell == .lstm && name.hasPrefix("bf")
      #expect(
        try mat.rows() == (isForgetBias ? [Double](repeating: 1.5, count: mat.n) : plain.parameters[name]?.rows()))
    }
    #expect(network.dropout?.rate == 0.5 && network.dropout?.random === random && plain.dropout == nil)
  }
}
