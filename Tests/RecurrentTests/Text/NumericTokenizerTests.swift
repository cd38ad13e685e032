// Tokenizers of the `tokenizers` package: numbers here, their JSON in files, and no wrong text.

import Testing

@testable import Recurrent

@Suite struct NumericTokenizerTests {
  private let json = #"{"version": "1.0", "model": {"vocab": {"é\n": 0}}}"#
  private let refusal = "tokenizer has no text here; expected characters, bytes or sentences, got bpe"

  private func model(_ kind: Tokenizer.Kind = .bpe, count: Int = 5) throws -> TextModel {
    let settings = TextModel.Settings(kind, vocabularySize: count, cell: .gru, hiddenSizes: [3])
    return try TextModel(settings, texts: [json], random: Random(seed: 1))
  }

  @Test(arguments: [Tokenizer.Kind.words, .bpe, .custom]) func filesKeepTheJSON(_ kind: Tokenizer.Kind) throws {
    let model = try model(kind)
    #expect(model.tokenizer.json == json && model.tokenizer.count == 5 && model.network.inputSize == 5)
    #expect(model.settings.vocabularySize == 5 && model.tokenizer.characters.isEmpty && model.defaultPrompt == 0)
    let again = try model.withBytes { bytes throws(RecurrentError) in try TextModel.load(bytes: bytes) }
    #expect(again.tokenizer == model.tokenizer && again.settings == model.settings)
    #expect(try TextModel.Settings(json: model.settings.json) == model.settings)
  }

  @Test func textIsRefusedByName() throws {
    let model = try model(), sampler = try Sampler()
    refused(.badValue, refusal) { _ = try model.tokenizer.encode("a") }
    refused(.badValue, refusal) { _ = try [0, 1].withUnsafeBufferPointer { try model.tokenizer.decode($0) } }
    refused(.badValue, refusal) { _ = try [Int64]().withUnsafeBufferPointer { try model.tokenizer.decodeBytes($0) } }
    for prompt in ["", "a"] {
      refused(.badValue, refusal) { _ = try Generator(model, prompt: prompt, sampler, random: nil) }
    }
    #expect(model.tokenizer.token(of: "a") == nil && model.tokenizer.character(of: 0) == nil)
    // its tokens are generated
    let tokens = try Generator(model.network, prompt: [0], sampler, random: Random(seed: 2)).next(20).tokens
    #expect(tokens.count == 20 && tokens.allSatisfy { $0 >= 0 && $0 < 5 })
  }

  @Test func whatDoesNotFitIsRefused() throws {
    func create(_ kind: Tokenizer.Kind, _ count: Int?, _ texts: [String]) throws {
      let settings = TextModel.Settings(kind, vocabularySize: count, hiddenSizes: [3])
      _ = try TextModel(settings, texts: texts, random: Random(seed: 1))
    }
    refused(.badValue, "vocabulary_size is missing; expected the number of tokens of words, got none") {
      try create(.words, nil, [json])
    }
    for kind in [Tokenizer.Kind.characters, .bytes, .sentences] {
      refused(.badValue, "vocabulary_size is without effect; expected none") { try create(kind, 5, ["abc"]) }
    }
    for count in [0, -1, .min, .max] {
      refused(.badValue, "vocabulary_size is out of range; expected 1 to") { try create(.bpe, count, [json]) }
    }
    for texts in [[], [json, json]] {
      refused(.badValue, "texts has the wrong length; expected 1, the JSON of the tokenizer bpe, got \(texts.count)") {
        try create(.bpe, 5, texts)
      }
    }
    refused(.badValue, "the JSON of the tokenizer is empty") { try create(.custom, 5, [""]) }
    refused(.badValue, "tokenizer is wrong; expected words, bpe or custom, got bytes") {
      _ = try Tokenizer(.bytes, json: json, count: 5)
    }
    refused(.badValue, refusal) { _ = try Tokenizer(.bpe, texts: ["abc"]) }
    #expect(try Tokenizer(.bpe, json: json, count: 5) != Tokenizer(.bpe, json: json, count: 6))
    #expect(try Tokenizer(.bpe, json: json, count: 5) != Tokenizer(.bpe, json: json + " ", count: 5))
    #expect(try Tokenizer(.bpe, json: json, count: 5) != Tokenizer(.words, json: json, count: 5))
  }
}
