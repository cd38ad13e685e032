// The settings of text models, from and to JSON.

import Testing

@testable import Recurrent

@Suite struct TextModelSettingsTests {
  @Test func defaults() throws {
    #expect(try TextModel.Settings(json: "{}") == TextModel.Settings())
    #expect(
      TextModel.Settings().json
        == #"{"tokenizer":"characters","cell":"lstm","hidden_sizes":[128,128],"embedding":null,"tied":false,"#
        + #""dropout":0,"forget_bias":1,"dtype":"float32"}"#)
    // RecurrentJS's
    #expect(
      try TextModel.Settings(json: "{}", defaults: SentenceModel.settings)
        == TextModel.Settings(.sentences, hiddenSizes: [20, 20], embedding: 5, forgetBias: 0))
  }

  @Test(arguments: Cell.builtin, DType.allCases) func roundTrips(_ cell: Cell, _ dtype: DType) throws {
    for kind in Tokenizer.Kind.allCases {
      let settings = TextModel.Settings(
        kind, vocabularySize: kind.isNumeric ? 4 : nil, cell: cell, hiddenSizes: [4, 3], embedding: 3, tied: true,
        dropout: 0.1 + 0.2, forgetBias: -1.5,
        options: Network.Options(learnedInitialState: true, variational: true), dtype: dtype)
      #expect(try TextModel.Settings(json: settings.json) == settings)
      // a model reports the settings of its creation
      let model = try TextModel(settings, texts: ["abc"], random: Random(seed: 1))
      #expect(model.settings == settings && model.dropout == 0.1 + 0.2)
    }
  }

  @Test func settingsRefused() {
    let cases: [(json: String, words: String)] = [
      (
        #"{"tokenizer": "letters"}"#,
        "tokenizer is unknown; expected one of characters, bytes, sentences, words, bpe, custom, got 'letters'"
      ),
      (#"{"vocabulary_size": "4"}"#, "vocabulary_size has the wrong type"),
      (#"{"tokenizer": 1}"#, "tokenizer has the wrong type; expected a string, got a number"),
      (#"{"cell": "rnn"}"#, "cell is unknown; expected one of rnn_tanh, rnn_relu, lstm"),
      (#"{"hidden_sizes": 3}"#, "hidden_sizes has the wrong type; expected an array, got a number"),
      (#"{"hidden_sizes": [1, 2.5]}"#, "hidden_sizes[1] is out of range; expected a whole number, got 2.5"),
      (#"{"embedding": "5"}"#, "embedding has the wrong type"), (#"{"tied": 1}"#, "tied has the wrong type"),
      (#"{"dropout": "x"}"#, "dropout has the wrong type"),
      (#"{"forget_bias": null}"#, "forget_bias has the wrong type"),
      (#"{"learned_initial_state": 1}"#, "learned_initial_state has the wrong type; expected a boolean, got a number"),
      (#"{"dtype": "float16"}"#, "dtype is unknown; expected one of float32, float64, got 'float16'"),
      (
        #"{"input_size": 3}"#,
        "input_size is not a setting of the text model; expected one of tokenizer, vocabulary_size, cell"
      ),
      ("[]", "expected an object, got an array"),
    ]
    for (json, words) in cases { refused(.badValue, words) { try TextModel.Settings(json: json) } }
    for json in ["", "{", "{} x"] { refused(.badValue) { try TextModel.Settings(json: json) } }
  }
}
