// RecurrentJS's sentence models: text models with a boundary token.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_sentence_model_create")
public func recurrent_sentence_model_create(
  _ settings: UnsafePointer<CChar>!, _ settings_length: Int64, _ sentences: UnsafePointer<UnsafePointer<CChar>?>!,
  _ lengths: UnsafePointer<Int64>!, _ count: Int64, _ random: recurrent_random,
  _ model: UnsafeMutablePointer<recurrent_text_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(model, "model")
    let settings = try TextModel.Settings(
      json: RecurrentABI.settings(settings, settings_length), defaults: SentenceModel.settings)
    let model = try SentenceModel(
      tokenizer(settings, sentences, lengths, count, "sentences"), settings, random: call.random(random))
    try register(model.model, out)
  }
}

@implementation @_cdecl("recurrent_sentence_model_tick")
public func recurrent_sentence_model_tick(
  _ model: recurrent_text_model, _ sentence: UnsafePointer<CChar>!, _ length: Int64, _ learning_rate: Double,
  _ regc: Double, _ clipval: Double, _ perplexity: UnsafeMutablePointer<Double>!,
  _ result: UnsafeMutablePointer<recurrent_step_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try SentenceModel(call.textModel(model)), sentence = try bytes(sentence, length, "sentence")
    let step = try model.tick(utf8: sentence, learningRate: learning_rate, regc: regc, clipval: clipval)
    perplexity?.pointee = step.perplexity
    result?.pointee = recurrent_step_result(step.result)
  }
}

@implementation @_cdecl("recurrent_sentence_model_cost")
public func recurrent_sentence_model_cost(
  _ model: recurrent_text_model, _ sentence: UnsafePointer<CChar>!, _ length: Int64,
  _ cost: UnsafeMutablePointer<Double>!, _ perplexity: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(cost, "cost"), model = try SentenceModel(call.textModel(model))
    let cost = try model.cost(utf8: bytes(sentence, length, "sentence"))
    out.pointee = cost.cost
    perplexity?.pointee = cost.perplexity
  }
}

@implementation @_cdecl("recurrent_sentence_model_save")
public func recurrent_sentence_model_save(
  _ model: recurrent_text_model, _ path: UnsafePointer<CChar>!, _ length: Int64, _ overwrite: Int32
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try SentenceModel(call.textModel(model)).saveRecurrentJS(
      RecurrentABI.path(path, length), overwrite: flag(overwrite, "overwrite"))
  }
}

@implementation @_cdecl("recurrent_sentence_model_load")
public func recurrent_sentence_model_load(
  _ path: UnsafePointer<CChar>!, _ length: Int64, _ dtype: recurrent_dtype,
  _ model: UnsafeMutablePointer<recurrent_text_model>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(model, "model"), dtype = try RecurrentABI.dtype(dtype)
    try register(try SentenceModel.loadRecurrentJS(RecurrentABI.path(path, length), dtype: dtype).model, out)
  }
}
