// Parameter groups: patterns, runs of equal factors, and the steps that they make.

import Testing

@testable import Recurrent

@Suite struct ParameterGroupsTests {
  static let groups =
    #""groups": {"b*": {"learning_rate": 2, "weight_decay": 0}, "Wf*": {"learning_rate": 0.5}, "#
    + #""Whd": {"learning_rate": 0}}"#
  static let algorithms: [(name: String, settings: String)] = [
    ("sgd", #""momentum": 0.9, "weight_decay": 0.1"#), ("adagrad", #""weight_decay": 0.1"#),
    ("rmsprop", #""weight_decay": 0.1"#), ("adam", #""weight_decay": 0.1"#), ("adamw", #""weight_decay": 0.1"#),
    ("adamw", #""weight_decay": 0.1, "clipping": "tensor_norm""#), ("recurrentjs", #""decay_rate": 0.9"#),
  ]

  private func network(_ dtype: DType = .float64) throws -> Network {
    try Network(
      Network.Settings(.lstm, inputSize: 3, embedding: 2, hiddenSizes: [5, 2], outputSize: 4, dtype: dtype),
      random: Random(seed: 1))
  }

  private func push(_ parameters: Parameters, _ step: Int) throws {
    let random = Random(seed: UInt64(step))
    try parameters.flat.set(gradientRows: (0..<parameters.flat.count).map { _ in random.gaussian() })
  }

  /// As the definition by cases.
  @Test func patterns() {
    func matches(_ name: Substring, _ pattern: Substring) -> Bool {
      guard let p = pattern.first else { return name.isEmpty }
      if p == "*" {
        return matches(name, pattern.dropFirst()) || !name.isEmpty && matches(name.dropFirst(), pattern)
      }
      return !name.isEmpty && (p == "?" || p == name.first) && matches(name.dropFirst(), pattern.dropFirst())
    }
    let random = Random(seed: 1), letters = Array("ab?*")
    func word(_ kinds: UInt64) -> String {
      String((0..<random.next() % 6).map { _ in letters[Int(random.next() % kinds)] })
    }
    var hits = 0
    for _ in 0..<20_000 {
      let name = word(2), pattern = word(4)
      let expected = matches(name[...], pattern[...])
      #expect(ParameterGroups.matches(name, pattern) == expected, "\(name) \(pattern)")
      hits += expected ? 1 : 0
    }
    #expect(hits > 1000)
  }

  /// Each element of the buffer is in one run, and neighbours of a buffer's stretch are in one.
  @Test func runs() throws {
    let parameters = try network().parameters
    func runs(_ settings: String) throws -> [Parameters.Run] {
      let optimizer = try Optimizer("sgd", settings)
      return parameters.runs(try optimizer.groups.factors(of: parameters.names))
    }
    for (settings, count) in [
      (#""groups": {}"#, 1), (#""groups": {"*": {"learning_rate": 3}}"#, 1),
      // a matrix stack, its biases, the next layer's, the decoder's
      (#""groups": {"b*": {"learning_rate": 3}}"#, 6), (#""groups": {"Wix0": {"weight_decay": 0}}"#, 4),
      (Self.groups, 17),
    ] {
      let found = try runs(settings)
      #expect(found.count == count, "\(settings) \(found.map { $0.parameters })")
      #expect(found.flatMap { $0.parameters }.sorted() == Array(parameters.names.indices))
      #expect(found.reduce(0) { $0 + $1.region.n * $1.region.d } == parameters.flat.count)
    }
  }

  /// Each parameter has the step of an optimizer whose settings are the products; flat and by names.
  @Test(arguments: algorithms, DType.allCases) func steps(
    _ algorithm: (name: String, settings: String), _ dtype: DType
  ) throws {
    let nets = [try network(dtype), try network(dtype)], expected = try network(dtype), start = try network(dtype)
    let optimizers = try nets.map { _ in try Optimizer(algorithm.name, algorithm.settings + ", " + Self.groups) }
    func factors(_ name: String) -> (rate: Double, decay: Double) {
      name.first == "b" ? (2, 0) : name.hasPrefix("Wf") ? (0.5, 1) : name == "Whd" ? (0, 1) : (1, 1)
    }
    var own: [String: Optimizer] = [:]
    for name in expected.parameters.names {
      let isSpared = factors(name).decay == 0
      let settings =
        isSpared
        ? algorithm.settings.replacing(#""weight_decay": 0.1"#, with: #""weight_decay": 0"#) : algorithm.settings
      own[name] = try Optimizer(algorithm.name, settings)
    }
    for step in 0..<4 {
      for (k, net) in nets.enumerated() {
        try push(net.parameters, step)
        _ =
          k == 0
          ? try optimizers[k].step(net.parameters, learningRate: 0.1, weightDecay: 0.25)
          : try optimizers[k].step(net.parameters.all, learningRate: 0.1, weightDecay: 0.25)
      }
      try push(expected.parameters, step)
      for (name, mat) in expected.parameters.all {
        let (rate, decay) = factors(name)
        _ = try own[name]?.step([(name, mat)], learningRate: 0.1 * rate, weightDecay: rate == 0 ? 0 : 0.25 * decay)
      }
    }
    for net in nets {
      #expect(try net.parameters.flat.rows() == expected.parameters.flat.rows())
      #expect(try net.parameters["Whd"]?.rows() == start.parameters["Whd"]?.rows())
    }
    // a copy by its settings and state continues to the same bits
    let twin = try Optimizer(settings: optimizers[0].settings)
    try twin.restore(optimizers[0].state(of: nets[0].parameters), of: expected.parameters)
    for (net, optimizer) in [(nets[0], optimizers[0]), (expected, twin)] {
      try push(net.parameters, 9)
      _ = try optimizer.step(net.parameters)
    }
    #expect(try nets[0].parameters.flat.rows() == expected.parameters.flat.rows())
  }

  @Test func refusals() throws {
    let net = try network()
    for (groups, words) in [
      (#"{"x?": {}}"#, "groups has a pattern of no parameter; expected one that matches one of Wil Wix0"),
      (
        #"{"b*": {}, "bf?": {}}"#,
        "groups has two patterns for bf0; expected one for each parameter, got 'b*' and 'bf?'"
      ),
    ] {
      let optimizer = try Optimizer("adam", #""groups": \#(groups)"#)
      try push(net.parameters, 1)
      let before = try net.parameters.flat.rows()
      refused(.badValue, words) { try optimizer.step(net.parameters) }
      refused(.badValue, words) { try optimizer.step(net.parameters.all) }
      refused(.badValue, words) { try optimizer.state(of: net.parameters) }
      #expect(try net.parameters.flat.rows() == before && optimizer.names == [])
    }
    for (groups, words) in [
      ("[]", "groups has the wrong type; expected an object, got an array"),
      (#"{"b": 1}"#, "groups['b'] has the wrong type; expected an object of factors, got a number"),
      (#"{"b": {"lr": 1}}"#, "lr is not a setting of the group 'b'; expected one of learning_rate, weight_decay"),
      (#"{"b": {"learning_rate": -1}}"#, "learning_rate is out of range"),
      (#"{"b": {"weight_decay": 1e39}}"#, "weight_decay of a group is out of range; expected a number of float32"),
      (#"{"b": {"weight_decay": "1"}}"#, "weight_decay has the wrong type; expected a number, got a string"),
    ] {
      refused(.badValue, words) { try Optimizer("sgd", #""groups": \#(groups)"#) }
    }
    let optimizer = try Optimizer("sgd", Self.groups), plain = try Optimizer("sgd")
    #expect(!plain.settings.contains("groups") && optimizer.settings.contains(#""Wf*":{"learning_rate":0.5"#))
    refused(.badValue, "groups of the settings is wrong; expected none, that of the optimizer, got {") {
      try plain.load([], settings: optimizer.settings)
    }
    refused(.badValue, "groups of the settings is wrong", "got none") {
      try optimizer.load([], settings: plain.settings)
    }
  }
}
