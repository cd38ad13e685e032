// Networks in files and in memory: training resumes to the same bits; damaged files and other files are refused.

import Foundation
import Testing

@testable import Recurrent

@Suite struct NetworkFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("network.safetensors") }

  init() throws { folder = try TemporaryFolder() }

  /// A network over six tokens, with options that depend on `i`.
  private func network(_ cell: Cell, _ dtype: DType, _ i: Int) throws -> Network {
    let embedding = [nil, 4, 5][i % 3], isTied = i % 3 == 1 && cell.states.count == 1
    let options = Network.Options(
      learnedInitialState: i % 2 == 1, variational: i % 4 == 2, bidirectional: i % 4 == 3 && !isTied)
    return try Network(
      Network.Settings(
        cell, inputSize: 6, embedding: embedding, hiddenSizes: [5, 4], outputSize: 6, tied: isTied, dropout: 0.25,
        forgetBias: 1, options: options, dtype: dtype), random: Random(seed: UInt64(i)))
  }

  private func step(_ network: Network, _ optimizer: Optimizer, _ seed: UInt64) throws -> Double {
    let random = Random(seed: seed)
    let tokens = (0..<15).map { _ in Int64(random.next() % 6) },
      targets = (0..<15).map { _ in Int64(random.next() % 6) }
    return try network.trainStep(
      .tokens(tokens.span), .classes(targets.span), T: 5, B: 3, optimizer: optimizer, learningRate: 0.03, clip: 1
    ).loss
  }

  private func bits(_ network: Network) throws -> [UInt64] {
    try network.parameters.flat.rows().map { $0.bitPattern }
  }

  private static let cells = Cell.builtin + [TestCells.peephole.cell, TestCells.minimalGated.cell]

  @Test(arguments: cells, DType.allCases) func resumesToTheSameBits(_ cell: Cell, _ dtype: DType) throws {
    for (i, (name, settings)) in OptimizerAlgorithmTests.all.enumerated() {
      let whole = try network(cell, dtype, i), separator = settings.isEmpty ? "" : ", "
      let optimizer = try Optimizer(name, settings + separator + #""clipping": "global_norm""#)
      for k in 0..<3 { _ = try step(whole, optimizer, UInt64(k)) }
      whole.metadata = ["": "empty", "é": "\u{0}", "a.b": ""]
      try whole.save(path, optimizer: optimizer, overwrite: true)
      let (twin, found, random) = try Network.load(path), continued = try #require(found)
      let copy = try whole.withBytes(optimizer: optimizer) { (bytes) throws(RecurrentError) in
        try Network.load(bytes: bytes)
      }
      #expect(try bits(twin) == bits(whole) && twin.settings == whole.settings && twin.metadata == whole.metadata)
      #expect(continued.settings == optimizer.settings && twin.dropout?.random === random)
      #expect(random.state == whole.dropout?.random.state)
      let second = try #require(copy.optimizer)
      for k in 3..<7 {
        let loss = try step(whole, optimizer, UInt64(k))
        #expect(try step(twin, continued, UInt64(k)) == loss && step(copy.network, second, UInt64(k)) == loss)
      }
      #expect(try bits(twin) == bits(whole) && bits(copy.network) == bits(whole))
      // a network that was loaded is saved as the same file
      let again = folder.file("again"), loaded = try Network.load(path)
      try loaded.network.save(again, optimizer: loaded.optimizer, overwrite: true)
      #expect(try File.bytes(again) == File.bytes(path))
      #expect(
        try loaded.network.withBytes(optimizer: loaded.optimizer) { $0.withUnsafeBufferPointer { Array($0) } }
          == File.bytes(path))
    }
  }

  /// A network that was trained in Python has the same outputs here; make_network.py wrote both files.
  @Test func networksOfAnotherLanguage() throws {
    func fixture(_ type: String) throws -> URL {
      try #require(Bundle.module.url(forResource: "Fixtures/network", withExtension: type))
    }
    let (network, optimizer, _) = try Network.load(fixture("safetensors").path)
    #expect(network.metadata == ["source": "make_network.py"] && optimizer?.steps(of: "bd") == 60)
    let tokens: [Int64] = [0, 1, 2, 3, 4, 5]
    var y = [Double](repeating: 0, count: 36)
    try network.forward(.tokens(tokens.span), T: 6, B: 1, y: .float64(y.mutableSpan))
    let lines = try String(contentsOf: fixture("txt"), encoding: .utf8).split(separator: "\n")
    #expect(lines.map { UInt64($0, radix: 16) } == y.map { $0.bitPattern })
    // the fixture is what this version of the library writes
    try network.save(path, optimizer: optimizer)
    #expect(try File.bytes(path) == File.bytes(fixture("safetensors").path))
  }

  @Test func withoutDropoutAndOptimizer() throws {
    let plain = try Network(Network.Settings(.gru, inputSize: 2, hiddenSizes: [3]), random: Random(seed: 1))
    let random = Random(seed: 5)
    _ = random.next()
    try plain.save(path, random: random)
    let file = try Network.load(path)
    #expect(file.optimizer == nil && file.network.dropout == nil && file.random.state == random.state)
    #expect(try bits(file.network) == bits(plain) && Checkpoint.kind(of: FilePath(path)) == "network")
    // the generator of dropout is the one that is written
    plain.dropout = try Dropout(rate: 0.5, random: Random(seed: 9))
    try plain.save(path, random: random, overwrite: true)
    let dropped = try Network.load(path)
    #expect(dropped.network.dropout?.rate == 0.5 && dropped.random.state == Random(seed: 9).state)
    refused(.io, "path exists; expected a new file, or overwrite, got '\(path)'") { try plain.save(path) }
  }

  @Test func everyFlippedBitAndEveryTruncationIsFound() throws {
    let network = try Network(Network.Settings(.rnnTanh, inputSize: 1, hiddenSizes: [1]), random: Random(seed: 4))
    try network.save(path)
    let good = try File.bytes(path), url = URL(filePath: path)
    for at in good.indices {
      for bit in 0..<8 {
        var bad = good
        bad[at] ^= 1 << bit
        try Data(bad).write(to: url)
        refused(.badFormat, path) { try Network.load(path) }
        refused(.badFormat, "cannot load the bytes") { try Network.load(bytes: bad.span) }
      }
    }
    for count in good.indices {
      refused(.badFormat, "cannot load the bytes") { try Network.load(bytes: Array(good.prefix(count)).span) }
    }
    refused(.badFormat, "too long") { try Network.load(bytes: (good + [0]).span) }
    #expect(try bits(Network.load(bytes: good.span).network) == bits(network))
  }

  /// Writes a network again with other texts and a valid checksum.
  private func forge(_ key: String, _ value: String?) throws {
    let network = try Network(
      Network.Settings(.lstm, inputSize: 3, hiddenSizes: [2, 2], dropout: 0.5), random: Random(seed: 1))
    try network.save(path, overwrite: true)
    let file = try Safetensors.load(path)
    var texts = file.metadata.filter { $0.key != key }
    if let value { texts.append((key, value)) }
    let forged = try Safetensors(
      metadata: texts, file.tensors.map { (name: $0.name, element: $0.element, shape: $0.shape) })
    try forged.write(to: path)
  }

  @Test func textsThatDoNotFit() throws {
    let cases: [(key: String, value: String?, words: String)] = [
      ("kind", "text_model", "kind is wrong; expected network, got text_model, which TextModel.load reads"),
      ("kind", "forest", "kind is unknown; expected text_model or network, got forest"),
      ("kind", nil, "kind is unknown; expected text_model or network, got missing"),
      ("format_version", "3", "format_version is not supported; expected 2, got 3, from a newer recurrent"),
      ("format", "other", "the file has the wrong format; expected a model of recurrent"),
      ("model", nil, "model is missing"), ("training", nil, "training is missing"),
      ("model", "[]", "settings of the network have the wrong type"),
      (
        "model", #"{"cell": "gru", "input_size": 3, "hidden_sizes": [2, 2]}"#,
        "tensor model.Wrx0 is missing; expected F32 of shape [2, 3], got none"
      ),
      (
        "model", #"{"cell": "lstm", "input_size": 4, "hidden_sizes": [2, 2]}"#,
        "model.Wix0 has the wrong type or shape; expected F32 of [2, 4], got F32 of [2, 3]"
      ),
      (
        "model",
        #"{"cell": "lstm", "input_size": 3, "hidden_sizes": [\#(String(repeating: "1, ", count: 99))1]}"#,
        "hidden_sizes has more layers than the file has tensors; expected at most 25, got 100"
      ),
      ("model", #"{"cell": "lstm", "input_size": 3, "hidden_sizes": [2, 2], "dropout": 1}"#, "dropout is out of range"),
      ("training", #"{"step": 1}"#, "training.step is unknown"),
      ("optimizer", #"{"name": "adam"}"#, "tensor optimizer.exp_avg.Wix0 is missing"),
      ("tokenizer", "{}", "__metadata__.tokenizer is unknown"),
    ]
    for (key, value, words) in cases {
      try forge(key, value)
      refused(.badFormat, path, words) { try Network.load(path) }
    }
    // the kind is found in the header alone
    try forge("kind", "text_model")
    #expect(try Checkpoint.kind(of: FilePath(path)) == "text_model")
    refused(.badFormat, "hidden_sizes") { try TextModel.load(path) }
    try forge("format_version", "3")
    refused(.badFormat, path, "newer") { try Checkpoint.kind(of: FilePath(path)) }
    for (text, kind) in [(" {\"hidden_sizes\": [1]}", "recurrentjs"), ("{\"a\": 1}", "recurrentjs")] {
      try Data(text.utf8).write(to: URL(filePath: path))
      #expect(try Checkpoint.kind(of: FilePath(path)) == kind)
    }
    for text in ["", "{", "some text of a novel"] {
      try Data(text.utf8).write(to: URL(filePath: path))
      refused(.badFormat, path) { try Checkpoint.kind(of: FilePath(path)) }
    }
    let model = try TextModel(TextModel.Settings(.bytes, hiddenSizes: [2]), random: Random(seed: 1))
    try model.save(path, overwrite: true)
    refused(.badFormat, "kind is wrong; expected network, got text_model, which TextModel.load reads") {
      try Network.load(path)
    }
  }

  @Test func failedSavesLeaveTheOldFile() throws {
    let network = try network(.lstm, .float64, 0), other = try self.network(.lstm, .float64, 0)
    let optimizer = try Optimizer("adam")
    _ = try step(network, optimizer, 1)
    try network.save(path, optimizer: optimizer)
    let before = try File.bytes(path)
    refused(.badValue, "Wix0 is another Mat than in earlier steps") {
      try other.save(path, optimizer: optimizer, overwrite: true)
    }
    try #require(optimizer.state("exp_avg_sq", of: "bd")).set(rows: [0, -1, 0, 0, 0, 0])
    refused(.badValue, "exp_avg_sq of bd is negative") { try network.save(path, optimizer: optimizer, overwrite: true) }
    try network.parameters["Wih1"]?.set(rows: [Double](repeating: .nan, count: 16))
    refused(.notFinite, "Wih1 is not finite", "got nan at [0, 0]") { try network.save(path, overwrite: true) }
    refused(.notFinite, "Wih1 is not finite") { try network.withBytes { _ in () } }
    refused(.io) { try other.save(folder.path, overwrite: true) }
    #expect(try File.bytes(path) == before && folder.names == ["network.safetensors"])
  }

  @Test func metadataAsJSON() throws {
    let network = try network(.gru, .float32, 0)
    try network.setMetadata(json: #"{"b": "é", "a": ""}"#)
    #expect(network.metadata == ["b": "é", "a": ""] && network.metadataJSON == #"{"a":"","b":"é"}"#)
    for (json, words) in [("[]", "an object"), (#"{"a": 1}"#, "metadata.a has the wrong type"), ("{", "JSON")] {
      refused(.badValue, "metadata", words) { try network.setMetadata(json: json) }
    }
    #expect(network.metadata == ["b": "é", "a": ""])
  }
}
