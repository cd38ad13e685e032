// Sentence models.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_sentence_model_create")
public func recurrent_sentence_model_create(
  _ texts: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int64>!, _ count: Int64,
  _ cell: recurrent_cell, _ dtype: recurrent_dtype, _ hidden_sizes: UnsafePointer<Int64>!, _ layers: Int64,
  _ letter_size: Int64, _ random: recurrent_random, _ model: UnsafeMutablePointer<recurrent_sentence_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(model, "model"), hiddenSizes = try input(hidden_sizes, layers, "hidden_sizes")
    let model = try SentenceModel(
      RecurrentABI.texts(texts, lengths, count, "texts"), cell: RecurrentABI.cell(cell),
      hiddenSizes: hiddenSizes.map { Int($0) }, letterSize: Int(letter_size), dtype: RecurrentABI.dtype(dtype),
      random: call.random(random))
    try give(.sentenceModel(model), out)
  }
}

@implementation @_cdecl("recurrent_sentence_model_free")
public func recurrent_sentence_model_free(_ model: recurrent_sentence_model) -> recurrent_status {
  free(model, .sentenceModel)
}

@implementation @_cdecl("recurrent_sentence_model_tick")
public func recurrent_sentence_model_tick(
  _ model: recurrent_sentence_model, _ text: UnsafePointer<CChar>!, _ length: Int64, _ learning_rate: Double,
  _ regc: Double, _ clipval: Double, _ tick: UnsafeMutablePointer<recurrent_tick>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.sentenceModel(model), text = try RecurrentABI.text(text, length, "text")
    let result = try model.tick(text, learningRate: learning_rate, regc: regc, clipval: clipval)
    tick?.pointee = recurrent_tick(
      cost: result.cost.cost, perplexity: result.cost.perplexity, ratio_clipped: result.step.ratioClipped,
      gradient_norm: result.step.gradientNorm)
  }
}

@implementation @_cdecl("recurrent_sentence_model_cost")
public func recurrent_sentence_model_cost(
  _ model: recurrent_sentence_model, _ text: UnsafePointer<CChar>!, _ length: Int64,
  _ cost: UnsafeMutablePointer<recurrent_cost>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(cost, "cost"), model = try call.sentenceModel(model)
    let cost = try model.cost(RecurrentABI.text(text, length, "text"))
    out.pointee = recurrent_cost(cost: cost.cost, perplexity: cost.perplexity)
  }
}

@implementation @_cdecl("recurrent_sentence_model_predict")
public func recurrent_sentence_model_predict(
  _ model: recurrent_sentence_model, _ temperature: Double, _ max_chars: Int64, _ random: recurrent_random,
  _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    _ = try output(text, "text")
    _ = try output(length, "length")
    let model = try call.sentenceModel(model), random = random == 0 ? nil : try call.random(random)
    // before anything is drawn: a failed call leaves the generator where it was
    let need = max_chars.multipliedReportingOverflow(by: 4)
    guard need.overflow || capacity >= need.partialValue else {
      throw RecurrentError(
        .shortBuffer, "capacity is \(capacity); \(max_chars) letters need \(need.partialValue) bytes")
    }
    let sentence = try model.predict(temperature: temperature, maxLetters: Int(max_chars), random)
    try write(sentence, text, capacity, length, "text")
  }
}

@implementation @_cdecl("recurrent_sentence_model_save_recurrentjs")
public func recurrent_sentence_model_save_recurrentjs(
  _ model: recurrent_sentence_model, _ path: UnsafePointer<CChar>!, _ length: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try call.sentenceModel(model).saveRecurrentJS(text(path, length, "path"))
  }
}

@implementation @_cdecl("recurrent_sentence_model_load_recurrentjs")
public func recurrent_sentence_model_load_recurrentjs(
  _ path: UnsafePointer<CChar>!, _ length: Int64, _ dtype: recurrent_dtype,
  _ model: UnsafeMutablePointer<recurrent_sentence_model>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(model, "model"), dtype = try RecurrentABI.dtype(dtype)
    try give(.sentenceModel(try SentenceModel.loadRecurrentJS(text(path, length, "path"), dtype: dtype)), out)
  }
}

@implementation @_cdecl("recurrent_sentence_model_describe")
public func recurrent_sentence_model_describe(
  _ model: recurrent_sentence_model, _ info: UnsafeMutablePointer<recurrent_sentence_model_info>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(info, "info"), model = try call.sentenceModel(model)
    out.pointee = recurrent_sentence_model_info(
      cell: number(model.model.cell), dtype: model.model.dtype.rawValue, layers: Int64(model.model.hiddenSizes.count),
      letter_size: Int64(model.letterSize), letters: Int64(model.vocabulary.letters.count))
  }
}

@implementation @_cdecl("recurrent_sentence_model_hidden_sizes")
public func recurrent_sentence_model_hidden_sizes(
  _ model: recurrent_sentence_model, _ sizes: UnsafeMutablePointer<Int64>!, _ capacity: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try copy(call.sentenceModel(model).model.hiddenSizes.map { Int64($0) }, sizes, capacity, "sizes")
  }
}

@implementation @_cdecl("recurrent_sentence_model_letters")
public func recurrent_sentence_model_letters(
  _ model: recurrent_sentence_model, _ letters: UnsafeMutablePointer<UInt32>!, _ capacity: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try copy(call.sentenceModel(model).vocabulary.letters.map { $0.value }, letters, capacity, "letters")
  }
}

@implementation @_cdecl("recurrent_sentence_model_network")
public func recurrent_sentence_model_network(
  _ model: recurrent_sentence_model, _ network: UnsafeMutablePointer<recurrent_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(network, "network")
    try give(.model(try call.sentenceModel(model).model), out)
  }
}

@implementation @_cdecl("recurrent_sentence_model_solver")
public func recurrent_sentence_model_solver(
  _ model: recurrent_sentence_model, _ solver: UnsafeMutablePointer<recurrent_solver>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(solver, "solver")
    try give(.solver(try call.sentenceModel(model).solver), out)
  }
}
