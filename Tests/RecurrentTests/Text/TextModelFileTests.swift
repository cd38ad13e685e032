// Text models in files: they go on to the same bits; and whatever is wrong with a file is found and said.

import Foundation
import Testing

@testable import Recurrent

@Suite struct TextModelFileTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file("model.safetensors") }

  init() throws { folder = try TemporaryFolder() }

  private func bits(_ model: TextModel) throws -> [UInt64] { try model.parameters.flat.rows().map { $0.bitPattern } }

  private static let rules: [(name: String, settings: String)?] = [
    nil, ("recurrentjs", ""), ("sgd", #""momentum": 0.9, "#), ("adagrad", #""initial_accumulator_value": 0.1, "#),
    ("rmsprop", #""momentum": 0.5, "centered": true, "#), ("adam", #""amsgrad": true, "#), ("adamw", ""),
  ]

  @Test(arguments: Cell.allCases, DType.allCases)
  func goesOnToTheSameBits(_ cell: Cell, _ dtype: DType) throws {
    for (i, rule) in Self.rules.enumerated() {
      let whole = try TextLesson(cell, dtype, embedding: i % 2 == 0 ? nil : 3, tied: i == 4)
      if let rule {
        whole.model.setSolver(
          try Optimizer(rule.name, rule.settings + #""learning_rate": 0.03, "clipping": "global_norm""#))
      }
      let steps = rule == nil ? 0 : 3 + i
      for _ in 0..<steps { _ = try whole.step() }
      whole.model.notes = "{\"é\": \"\u{0}\"}"
      try whole.model.save(path)
      let twin = try TextLesson(TextModel.load(path))
      #expect(try bits(twin.model) == bits(whole.model))
      #expect(twin.model.alphabet == whole.model.alphabet && twin.model.step == steps)
      #expect(Array(twin.model.notes.utf8) == Array(whole.model.notes.utf8))
      #expect(twin.model.solver?.settings == whole.model.solver?.settings)
      #expect(twin.model.dropout == 0.25 && twin.model.random.state == whole.model.random.state)
      for _ in 0..<5 { #expect(try twin.step() == whole.step()) }
      #expect(try bits(twin.model) == bits(whole.model))
      #expect(
        try twin.model.sample(count: 30, Sampler(), Random(seed: 1))
          == whole.model.sample(count: 30, Sampler(), Random(seed: 1)))
      // what is written again is the same file, but for the steps made since
      let again = folder.file("again")
      let loaded = try TextModel.load(path)
      try loaded.save(again)
      #expect(try File.read(again) == File.read(path))
    }
  }

  /// What was trained in Python writes the same here; make_text_model.py has made both files.
  @Test func aModelOfAnotherLanguage() throws {
    let model = try TextModel.load(fixture("safetensors").path)
    let text = try model.sample(prime: "the ", count: 120, Sampler(temperature: 0.8), Random(seed: 7))
    #expect(try "the \(text)\n" == String(contentsOf: fixture("txt"), encoding: .utf8))
    #expect(model.notes == "made by make_text_model.py" && model.solver != nil && model.step == 180)
  }

  private func fixture(_ type: String) throws -> URL {
    try #require(Bundle.module.url(forResource: "Fixtures/text_model", withExtension: type))
  }

  @Test func withoutASolverAndBeforeAnyStep() throws {
    let model = try TextModel(.bytes, cell: .gru, hiddenSizes: [3], random: Random(seed: 4))
    try model.save(path)
    let twin = try TextModel.load(path)
    #expect(twin.solver == nil && twin.step == 0 && twin.columns == 0 && twin.carried == nil && twin.notes == "")
    #expect(twin.alphabet == .bytes && twin.dropout == 0)
    #expect(try bits(twin) == bits(model))
  }

  /// Other programs find the weights as the names in Python have them: row-major, n by d.
  @Test func tensorsAreRowMajor() throws {
    let lesson = try TextLesson(.lstm, .float64)
    _ = try lesson.step()
    try lesson.model.save(path)
    let file = try Safetensors.load(path), tensor = try #require(file["model.Whd"])
    let Whd = try #require(lesson.model.parameters["Whd"])
    #expect(tensor.shape == [Whd.n, Whd.d])
    let numbers = file.start(of: tensor).assumingMemoryBound(to: Double.self)
    #expect(try Array(UnsafeBufferPointer(start: numbers, count: Whd.count)) == Whd.rows())
    #expect(file["solver.exp_avg_sq.bd"]?.shape == [lesson.model.alphabet.count, 1])
    #expect(file["state.c1"]?.shape == [2, 5] && file["generator"]?.element == .uint64)
  }

  @Test func everyFlippedBitAndEveryTruncationIsFound() throws {
    let model = try TextModel(Tokenizer(of: "ab"), cell: .rnnTanh, hiddenSizes: [1], random: Random(seed: 4))
    try model.save(path)
    let good = try File.read(path), url = URL(filePath: path)
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

  /// Writes a saved model's file anew with other texts and tensors; its checksum is right.
  private func forge(
    _ change: (inout [(key: String, value: String)]) -> Void = { _ in },
    tensors rename: (inout [(name: String, element: Safetensors.Element, shape: [Int])]) -> Void = { _ in },
    fill: (Safetensors) -> Void = { _ in }
  ) throws {
    let lesson = try TextLesson(.lstm, .float32)
    _ = try lesson.step()
    try lesson.model.save(path)
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
    #expect(found, "there is no \(old) in \(key)")
  }

  @Test func settingsThatDoNotFit() throws {
    let cases: [(key: String, old: String, new: String, words: [String])] = [
      ("format", "recurrent", "other", ["not one of recurrent's models"]),
      ("format_version", "1", "2", ["version 2", "newer", "up to version 1"]),
      ("format_version", "1", "0", ["format_version is 0"]),
      ("format_version", "1", "x", ["format_version is x"]),
      ("kind", "text_model", "network", ["kind is network"]),
      ("model", "\"lstm\"", "\"gru\"", ["model.Wrx0 is missing"]),
      ("model", "\"lstm\"", "\"mamba\"", ["model.cell", "mamba", "lstm"]),
      ("model", "[6,5]", "[6,6]", ["model.Wix1", "[6, 6]", "[5, 6]"]),
      ("model", "[6,5]", "[6]", ["model.Whd", "[30, 6]"]),
      ("model", "[6,5]", "[]", ["empty"]),
      ("model", "[6,5]", "[6,0]", ["hidden_sizes[1]", "0"]),
      ("model", "[6,5]", "[6,2147483647]", []),
      ("model", "[6,5]", "[" + String(repeating: "1,", count: 500) + "1]", ["501 layers"]),
      ("model", "\"embedding\":null", "\"embedding\":3", ["model.Wil is missing"]),
      ("model", "\"embedding\":null", "\"embedding\":-3", ["model.embedding", "-3"]),
      ("model", "\"tied\":false", "\"tied\":true", ["tied"]),
      ("model", "\"tied\":false", "\"tied\":0", ["model.tied", "a boolean"]),
      ("model", "0.25", "1", ["dropout is"]),
      ("model", "float32", "float64", ["F32", "F64"]),
      ("model", "float32", "float16", ["float16"]),
      ("model", "{", "[", ["model", "JSON"]),
      ("alphabet", "characters", "words", ["alphabet.kind", "words"]),
      ("alphabet", "abc", "acb", ["ascending", "'b'", "'c'"]),
      ("alphabet", "abc", "aac", ["ascending"]),
      ("alphabet", "abc", "ab", ["expected"]),
      ("training", "\"step\":1", "\"step\":-1", ["training.step", "-1"]),
      ("training", "\"step\":1", "\"step\":1.5", ["training.step", "1.5"]),
      ("training", "\"streams\":2", "\"streams\":3", ["state.h0", "[2, 6]", "[3, 6]"]),
      ("training", "\"streams\":2", "\"streams\":0", ["state.h0", "not of this model"]),
      ("training", "\"streams\":2", "\"streams\":1e300", ["training.streams"]),
      ("training", "\"solver_steps\":[1", "\"solver_steps\":[-1", ["solver_steps[0]", "-1"]),
      ("training", "\"solver_steps\":[1", "\"solver_steps\":[1,1", ["steps"]),
      ("solver", "adam", "sgd", ["sgd"]),
      ("solver", "\"adam\"", "\"lion\"", ["lion"]),
      ("solver", "0.9,", "1.9,", ["betas"]),
      ("solver", "{", "", ["JSON"]),
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
    for key in ["format", "format_version", "kind", "model", "alphabet", "training"] {
      try forge({ $0.removeAll { $0.key == key } })
      refused(.badFormat) { try TextModel.load(path) }
    }
    // without notes there are none; without a solver its tensors are strangers
    try forge({ $0.removeAll { $0.key == "notes" } })
    #expect(try TextModel.load(path).notes == "")
    try forge({ $0.removeAll { $0.key == "solver" } })
    refused(.badFormat, "solver.exp_avg.", "not of this model") { try TextModel.load(path) }
  }

  @Test func tensorsThatDoNotFit() throws {
    try forge(tensors: { $0.append(("extra", .float32, [1])) })
    refused(.badFormat, "extra", "not of this model") { try TextModel.load(path) }
    try forge(tensors: { $0[3].name = "else" })
    refused(.badFormat, "missing") { try TextModel.load(path) }
    try forge(tensors: { $0[3].shape.reverse() })
    refused(.badFormat, "F32 of shape") { try TextModel.load(path) }
    try forge(fill: { file in
      guard let tensor = file["generator"] else { return }
      file.start(of: tensor).storeBytes(of: 5, toByteOffset: 80, as: UInt64.self)
    })
    refused(.badFormat, "generator[10] is 5") { try TextModel.load(path) }
    try forge(fill: { file in
      guard let tensor = file["model.bd"] else { return }
      file.start(of: tensor).storeBytes(of: .infinity, toByteOffset: 8, as: Float.self)
    })
    refused(.badFormat, "bd is inf at [2, 0]", "diverged") { try TextModel.load(path) }
    // as another program writes it: without the checksum
    let bytes = try File.read(path)
    let text = Data(bytes), key = try #require(text.range(of: Data(#""crc64":""#.utf8)))
    var other = bytes
    other[key.lowerBound + 1] = UInt8(ascii: "C")
    try Data(other).write(to: URL(filePath: path))
    refused(.badFormat, "checksum") { try TextModel.load(path) }
  }

  @Test func aFailedSaveLeavesTheOldFile() throws {
    let lesson = try TextLesson()
    try lesson.model.save(path)
    let before = try File.read(path)
    try lesson.model.parameters["Wih1"]?.set(rows: [Double](repeating: .nan, count: 25))
    refused(.notFinite, "Wih1 is nan at [0, 0]", "nothing was saved") { try lesson.model.save(path) }
    refused(.io) { try TextLesson().model.save(folder.path) }
    refused(.io) { try TextLesson().model.save(folder.file("no/such/folder")) }
    let wordy = try TextLesson().model
    wordy.notes = String(repeating: "n", count: Safetensors.maxHeader)
    refused(.badValue, "the most is") { try wordy.save(path) }
    #expect(try File.read(path) == before && folder.names == ["model.safetensors"])
  }
}
