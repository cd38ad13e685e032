// Text models in files: training resumes to the same bits; damaged and forged files are refused.

import Foundation
import Testing

@testable import Recurrent

@Suite struct TextModelFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("model.safetensors") }

  init() throws { folder = try TemporaryFolder() }

  private func bits(_ model: TextModel) throws -> [UInt64] { try model.parameters.flat.rows().map { $0.bitPattern } }

  private static let optimizers: [(name: String, settings: String)?] = [
    nil, ("recurrentjs", ""), ("sgd", #""momentum": 0.9, "#), ("adagrad", #""initial_accumulator_value": 0.1, "#),
    ("rmsprop", #""momentum": 0.5, "centered": true, "#), ("adam", #""amsgrad": true, "#), ("adamw", ""),
  ]

  @Test(arguments: Cell.regular, DType.allCases)
  func resumesToTheSameBits(_ cell: Cell, _ dtype: DType) throws {
    for (i, optimizer) in Self.optimizers.enumerated() {
      let whole = try TextLesson(cell, dtype, embedding: i % 2 == 0 ? nil : 3, tied: i == 4)
      if let optimizer {
        whole.model.optimizer = try Optimizer(
          optimizer.name, optimizer.settings + #""learning_rate": 0.03, "clipping": "global_norm""#)
      }
      let steps = optimizer == nil ? 0 : 3 + i
      for _ in 0..<steps { _ = try whole.step() }
      whole.model.metadata = ["": "empty", "b": "{\"é\": \"\u{0}\"}", "a.b": "", "metadata.é": "x"]
      try whole.model.save(path, overwrite: true)
      let twin = try TextLesson(TextModel.load(path))
      #expect(try bits(twin.model) == bits(whole.model))
      #expect(twin.model.tokenizer == whole.model.tokenizer && twin.model.step == steps)
      #expect(twin.model.metadata == whole.model.metadata && twin.model.settings == whole.model.settings)
      #expect(twin.model.optimizer?.settings == whole.model.optimizer?.settings)
      #expect(twin.model.dropout == 0.25 && twin.model.random.state == whole.model.random.state)
      for _ in 0..<5 { #expect(try twin.step() == whole.step()) }
      #expect(try bits(twin.model) == bits(whole.model))
      #expect(
        try Generator(twin.model, Sampler(), random: Random(seed: 1)).nextText(30)
          == Generator(whole.model, Sampler(), random: Random(seed: 1)).nextText(30))
      // a loaded model is saved as the same file
      let again = folder.file("again")
      let loaded = try TextModel.load(path)
      try loaded.save(again, overwrite: true)
      #expect(try File.bytes(again) == File.bytes(path))
    }
  }

  /// A model that was trained in Python produces the same text here; make_text_model.py wrote both files.
  @Test func modelsOfAnotherLanguage() throws {
    let model = try TextModel.load(fixture("safetensors").path)
    let generator = try Generator(model, prompt: "the ", Sampler(temperature: 0.8), random: Random(seed: 7))
    let text = try generator.nextText(120)
    #expect(try "the \(text)\n" == String(contentsOf: fixture("txt"), encoding: .utf8))
    #expect(model.metadata == ["source": "make_text_model.py"] && model.optimizer?.name == "adam" && model.step == 180)
    #expect(model.batchSize == 8)
    // the fixture is what this version of the library writes
    try model.save(path, overwrite: true)
    #expect(try File.bytes(path) == File.bytes(fixture("safetensors").path))
  }

  private func fixture(_ type: String) throws -> URL {
    try #require(Bundle.module.url(forResource: "Fixtures/text_model", withExtension: type))
  }

  /// A file may leave out the optimizer, and bytes are what the file holds.
  @Test func weightsOnlyAndBytes() throws {
    let lesson = try TextLesson()
    for _ in 0..<3 { _ = try lesson.step() }
    try lesson.model.save(path)
    #expect(try lesson.model.withBytes { $0.withUnsafeBufferPointer { Array($0) } } == File.bytes(path))
    let twin = try lesson.model.withBytes { (bytes) throws(RecurrentError) in try TextModel.load(bytes: bytes) }
    #expect(try bits(twin) == bits(lesson.model) && twin.step == 3)
    #expect(twin.optimizer?.settings == lesson.model.optimizer?.settings)
    try lesson.model.save(path, overwrite: true, weightsOnly: true)
    let file = try Safetensors.load(path), light = try TextModel.load(path)
    #expect(file.text("optimizer") == nil && !file.tensors.contains { $0.name.hasPrefix("optimizer") })
    #expect(light.optimizer == nil && lesson.model.optimizer != nil && light.batchSize == lesson.model.batchSize)
    #expect(try bits(light) == bits(lesson.model) && light.random.state == lesson.model.random.state)
    #expect(
      try lesson.model.withBytes(weightsOnly: true) { $0.withUnsafeBufferPointer { Array($0) } } == File.bytes(path))
    refused(.badFormat, "cannot load the bytes") { try TextModel.load(bytes: [1, 2, 3].span) }
  }

  @Test func withoutAnOptimizerAndBeforeAnyStep() throws {
    let model = try TextModel(TextModel.Settings(.bytes, cell: .gru, hiddenSizes: [3]), random: Random(seed: 4))
    try model.save(path, overwrite: true)
    let twin = try TextModel.load(path)
    #expect(twin.optimizer == nil && twin.step == 0 && twin.batchSize == 0 && twin.carriedState == nil)
    #expect(twin.tokenizer == .bytes && twin.dropout == 0 && twin.metadata.isEmpty)
    #expect(try bits(twin) == bits(model))
  }

  /// Tensors are row-major, n by d, under the names of the parameters.
  @Test func tensorsAreRowMajor() throws {
    let lesson = try TextLesson(.lstm, .float64)
    _ = try lesson.step()
    try lesson.model.save(path, overwrite: true)
    let file = try Safetensors.load(path), tensor = try #require(file["model.Whd"])
    let Whd = try #require(lesson.model.parameters["Whd"])
    #expect(tensor.shape == [Whd.n, Whd.d])
    let elements = file.start(of: tensor).assumingMemoryBound(to: Double.self)
    #expect(try Array(UnsafeBufferPointer(start: elements, count: Whd.count)) == Whd.rows())
    #expect(file["optimizer.exp_avg_sq.bd"]?.shape == [lesson.model.tokenizer.count, 1])
    #expect(file["state.c1"]?.shape == [2, 5] && file["generator"]?.element == .uint64)
  }

  @Test func everyFlippedBitAndEveryTruncationIsFound() throws {
    let model = try TextModel(
      TextModel.Settings(cell: .rnnTanh, hiddenSizes: [1]), texts: ["ab"], random: Random(seed: 4))
    try model.save(path, overwrite: true)
    let good = try File.bytes(path), url = URL(filePath: path)
    for at in good.indices {
      for bit in 0..<8 {
        var bad = good
        bad[at] ^= 1 << bit
        try Data(bad).write(to: url)
        refused(.badFormat, path) { try TextModel.load(path) }
      }
    }
    for count in good.indices {
      try Data(good.prefix(count)).write(to: url)
      refused(.badFormat, path) { try TextModel.load(path) }
    }
    try Data(good).write(to: url)
    #expect(try bits(TextModel.load(path)) == bits(model))
  }

  /// Saves a model, then writes the file again with other texts and tensors and a valid checksum.
  private func forge(
    _ change: (inout [(key: String, value: String)]) -> Void = { _ in },
    tensors rename: (inout [(name: String, element: Safetensors.Element, shape: [Int])]) -> Void = { _ in },
    fill: (Safetensors) -> Void = { _ in }
  ) throws {
    let lesson = try TextLesson(.lstm, .float32)
    _ = try lesson.step()
    try lesson.model.save(path, overwrite: true)
    let file = try Safetensors.load(path)
    var texts = file.metadata, shapes = file.tensors.map { (name: $0.name, element: $0.element, shape: $0.shape) }
    change(&texts)
    rename(&shapes)
    let forged = try Safetensors(metadata: texts, shapes)
    for (old, new) in zip(file.tensors, forged.tensors) where old.bytes == new.bytes {
      forged.start(of: new).copyMemory(from: file.start(of: old), byteCount: old.bytes)
    }
    fill(forged)
    try forged.write(to: path)
  }

  private func replace(_ key: String, _ old: String, _ new: String) throws {
    var found = false
    try forge { texts in
      for i in texts.indices where texts[i].key == key && texts[i].value.contains(old) {
        texts[i].value.replace(old, with: new)
        found = true
      }
    }
    #expect(found, "\(key) has no \(old)")
  }

  @Test func settingsThatDoNotFit() throws {
    let cases: [(key: String, old: String, new: String, words: [String])] = [
      ("format", "recurrent", "other", ["format", "expected a model of recurrent"]),
      ("format_version", "2", "3", ["format_version is not supported; expected 2, got 3", "newer"]),
      ("format_version", "2", "1", ["format_version is not supported; expected 2, got 1", "recurrent 0.1"]),
      ("format_version", "2", "0", ["format_version is invalid; expected 2, got 0"]),
      ("format_version", "2", "x", ["format_version is invalid; expected 2, got x"]),
      ("kind", "text_model", "network", ["kind is wrong; expected text_model, got network, which Network.load reads"]),
      ("kind", "text_model", "forest", ["kind is unknown; expected text_model or network, got forest"]),
      ("model", "\"lstm\"", "\"gru\"", ["tensor model.Wrx0 is missing"]),
      ("model", "\"lstm\"", "\"mamba\"", ["cell is unknown", "mamba", "lstm"]),
      ("model", "[6,5]", "[6,6]", ["model.Wix1", "[6, 6]", "[5, 6]"]),
      ("model", "[6,5]", "[6]", ["model.Whd", "[30, 6]"]),
      ("model", "[6,5]", "[]", ["empty"]),
      ("model", "[6,5]", "[6,0]", ["hidden_sizes[1]", "0"]),
      ("model", "[6,5]", "[6,2147483647]", []),
      (
        "model", "[6,5]", "[" + String(repeating: "1,", count: 500) + "1]", ["hidden_sizes has more layers", "got 501"]
      ),
      ("model", "\"embedding\":null", "\"embedding\":3", ["model.Wil is missing"]),
      ("model", "\"embedding\":null", "\"embedding\":-3", ["embedding", "-3"]),
      ("model", "\"tied\":false", "\"tied\":true", ["tied"]),
      ("model", "\"tied\":false", "\"tied\":0", ["tied has the wrong type; expected a boolean"]),
      ("model", "0.25", "1", ["dropout is out of range"]),
      ("model", "float32", "float64", ["F32", "F64"]),
      ("model", "float32", "float16", ["float16"]),
      ("model", "{", "[", ["model", "JSON"]),
      ("model", "\"characters\"", "\"letters\"", ["tokenizer is unknown", "letters"]),
      ("model", "\"characters\"", "\"words\"", ["vocabulary_size is missing"]),
      ("model", "\"characters\"", "\"bytes\"", ["tokenizer.vocabulary has the wrong type; expected null"]),
      ("model", "\"characters\"", "\"sentences\"", ["model.Wix0"]),
      ("tokenizer", "vocabulary", "alphabet", ["tokenizer.vocabulary", "missing"]),
      ("tokenizer", "{", "{\"merges\":[],", ["tokenizer.merges is unknown; expected vocabulary, got one more"]),
      ("training", "{", "{\"epoch\":1,", ["training.epoch is unknown; expected step, batch_size, optimizer_steps"]),
      ("tokenizer", "abc", "acb", ["ascending", "'b'", "'c'"]),
      ("tokenizer", "abc", "aac", ["ascending"]),
      ("tokenizer", "abc", "ab", ["expected"]),
      ("training", "\"step\":1", "\"step\":-1", ["training.step", "-1"]),
      ("training", "\"step\":1", "\"step\":1.5", ["training.step", "1.5"]),
      ("training", "\"batch_size\":2", "\"batch_size\":3", ["state.h0", "[2, 6]", "[3, 6]"]),
      ("training", "\"batch_size\":2", "\"batch_size\":0", ["state.h0", "unknown"]),
      ("training", "\"batch_size\":2", "\"batch_size\":1e300", ["training.batch_size"]),
      ("training", "\"optimizer_steps\":[1", "\"optimizer_steps\":[-1", ["optimizer_steps[0]", "-1"]),
      ("training", "\"optimizer_steps\":[1", "\"optimizer_steps\":[1,1", ["steps"]),
      ("optimizer", "adam", "sgd", ["sgd"]),
      ("optimizer", "\"adam\"", "\"lion\"", ["lion"]),
      ("optimizer", "0.9,", "1.9,", ["betas"]),
      ("optimizer", "{", "", ["JSON"]),
    ]
    for (key, old, new, words) in cases {
      try replace(key, old, new)
      do throws(RecurrentError) {
        _ = try TextModel.load(path)
        Issue.record("\(key): \(new) was not refused")
      } catch {
        #expect(error.kind == .badFormat && error.description.contains(path), "\(key): \(new): \(error)")
        for word in words { #expect(error.description.contains(word), "\(new): \"\(error)\" lacks \"\(word)\"") }
      }
    }
    for key in ["format", "format_version", "kind", "model", "tokenizer", "training"] {
      try forge({ $0.removeAll { $0.key == key } })
      refused(.badFormat) { try TextModel.load(path) }
    }
    // other texts are refused; metadata is the caller's
    try forge({ $0 += [("notes", "x"), ("metadata", "y"), ("metadata.k", "z")] })
    refused(.badFormat, "__metadata__.notes, __metadata__.metadata are unknown; expected format, ", "got 2 more") {
      try TextModel.load(path)
    }
    try forge({ $0.append(("metadata.k", "z")) })
    #expect(try TextModel.load(path).metadata == ["k": "z"])
    // without an optimizer its tensors are unknown
    try forge({ $0.removeAll { $0.key == "optimizer" } })
    refused(.badFormat, "optimizer.exp_avg.Wix0, ", "are unknown") { try TextModel.load(path) }
  }

  @Test func tensorsThatDoNotFit() throws {
    try forge(tensors: { $0.append(("extra", .float32, [1])) })
    refused(.badFormat, "extra is unknown; expected the tensors of the model's settings, got one more") {
      try TextModel.load(path)
    }
    try forge(tensors: { $0[3].name = "else" })
    refused(.badFormat, "missing") { try TextModel.load(path) }
    try forge(tensors: { $0[3].shape.reverse() })
    refused(.badFormat, "has the wrong type or shape; expected F32 of") { try TextModel.load(path) }
    try forge(fill: { file in
      guard let tensor = file["generator"] else { return }
      file.start(of: tensor).storeBytes(of: 5, toByteOffset: 80, as: UInt64.self)
    })
    refused(.badFormat, "generator[10] is out of range; expected 0 to 4, got 5") { try TextModel.load(path) }
    try forge(fill: { file in
      guard let tensor = file["model.bd"] else { return }
      file.start(of: tensor).storeBytes(of: .infinity, toByteOffset: 8, as: Float.self)
    })
    refused(.badFormat, "bd is not finite", "got inf at [2, 0]") { try TextModel.load(path) }
    // without the checksum, as another program writes it
    let bytes = try File.bytes(path)
    let text = Data(bytes), key = try #require(text.range(of: Data(#""crc64":""#.utf8)))
    var other = bytes
    other[key.lowerBound + 1] = UInt8(ascii: "C")
    try Data(other).write(to: URL(filePath: path))
    refused(.badFormat, "checksum") { try TextModel.load(path) }
  }

  @Test func failedSavesLeaveTheOldFile() throws {
    let lesson = try TextLesson()
    try lesson.model.save(path, overwrite: true)
    let before = try File.bytes(path)
    try lesson.model.parameters["Wih1"]?.set(rows: [Double](repeating: .nan, count: 25))
    refused(.notFinite, "Wih1 is not finite", "got nan at [0, 0]") { try lesson.model.save(path, overwrite: true) }
    refused(.io, "path exists; expected a new file, or overwrite, got '\(path)'") { try TextLesson().model.save(path) }
    refused(.io) { try TextLesson().model.save(folder.path) }
    refused(.io) { try TextLesson().model.save(folder.file("no/such/folder")) }
    let wordy = try TextLesson().model
    wordy.metadata["n"] = String(repeating: "n", count: Safetensors.maxHeader)
    refused(.badValue, "\(Safetensors.maxHeader)") { try wordy.save(path, overwrite: true) }
    #expect(try File.bytes(path) == before && folder.names == ["model.safetensors"])
  }

  /// Numbers that no training makes, under a valid checksum; a save refuses them too.
  @Test func statesThatNoTrainingMakes() throws {
    let cases: [(tensor: String, value: Float, sentence: String)] = [
      ("optimizer.exp_avg.Wix0", .nan, "exp_avg of Wix0 is not finite; expected finite elements, got nan at [0, 1]"),
      ("optimizer.exp_avg_sq.Wix0", .infinity, "exp_avg_sq of Wix0 is not finite"),
      ("optimizer.exp_avg_sq.Wix0", -1e-9, "exp_avg_sq of Wix0 is negative; expected at least 0, got -"),
      ("state.h1", .nan, "state.h1 is not finite; expected finite elements, got nan at [0, 1]"),
      ("state.c0", -.infinity, "state.c0 is not finite; expected finite elements, got -inf at [0, 1]"),
    ]
    for (name, value, sentence) in cases {
      try forge(fill: { file in
        guard let tensor = file[name] else { return }
        file.start(of: tensor).storeBytes(of: value, toByteOffset: 4, as: Float.self)
      })
      refused(.badFormat, path, sentence) { try TextModel.load(path) }
    }
    // momentum of either sign
    try forge(fill: { file in
      guard let tensor = file["optimizer.exp_avg.Wix0"] else { return }
      file.start(of: tensor).storeBytes(of: -1, toByteOffset: 4, as: Float.self)
    })
    let model = try TextModel.load(path), before = try File.bytes(path)
    try #require(model.optimizer?.state("exp_avg_sq", of: "bd")).set(rows: [0, -1] + [Double](repeating: 0, count: 28))
    refused(.badValue, "exp_avg_sq of bd is negative; expected at least 0, got -1.0 at [1, 0]") {
      try model.save(path, overwrite: true)
    }
    #expect(try File.bytes(path) == before)
  }

  /// A sentence model is a text model, in a file too.
  @Test(arguments: DType.allCases) func sentenceModelsResume(_ dtype: DType) throws {
    var settings = SentenceModel.settings
    (settings.cell, settings.hiddenSizes, settings.dtype) = (.rnnRelu, [5, 4], dtype)
    let sm = try SentenceModel(["b9 a0"], settings, random: Random(seed: 1))
    for _ in 0..<3 { _ = try sm.tick("a0 b9") }
    try sm.model.save(path, overwrite: true)
    let twin = try SentenceModel(TextModel.load(path))
    #expect(twin.model.tokenizer == sm.model.tokenizer && twin.model.settings == settings && twin.model.step == 3)
    #expect(try bits(twin.model) == bits(sm.model) && twin.recurrentJS().array() == sm.recurrentJS().array())
    for _ in 0..<3 { #expect(try twin.tick("b0") == sm.tick("b0")) }
    #expect(try bits(twin.model) == bits(sm.model))
    refused(.badValue, "model has the wrong tokenizer; expected sentences, got bytes") {
      try SentenceModel(TextModel(TextModel.Settings(.bytes, hiddenSizes: [1]), random: Random(seed: 1)))
    }
  }
}
