// Text models.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_text_model_create")
public func recurrent_text_model_create(
  _ settings: UnsafePointer<CChar>!, _ settings_length: Int64, _ texts: UnsafePointer<UnsafePointer<CChar>?>!,
  _ lengths: UnsafePointer<Int64>!, _ count: Int64, _ random: recurrent_random,
  _ model: UnsafeMutablePointer<recurrent_text_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(model, "model")
    let settings = try TextModel.Settings(json: RecurrentABI.settings(settings, settings_length))
    let tokenizer = try tokenizer(settings, texts, lengths, count, "texts")
    try register(try TextModel(settings, tokenizer, random: call.random(random)), out)
  }
}

@implementation @_cdecl("recurrent_text_model_free")
public func recurrent_text_model_free(_ model: recurrent_text_model) -> recurrent_status { free(model, .textModel) }

@implementation @_cdecl("recurrent_text_model_describe")
public func recurrent_text_model_describe(
  _ model: recurrent_text_model, _ settings: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(call.readTextModel(model).settings.json, settings, capacity, length, "settings")
  }
}

@implementation @_cdecl("recurrent_text_model_get_info")
public func recurrent_text_model_get_info(
  _ model: recurrent_text_model, _ info: UnsafeMutablePointer<recurrent_text_model_info>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(info, "info"), model = try call.readTextModel(model)
    out.pointee = recurrent_text_model_info(
      vocabulary_size: Int64(model.tokenizer.count), step: Int64(model.step), batch_size: Int64(model.batchSize))
  }
}

@implementation @_cdecl("recurrent_text_model_vocabulary")
public func recurrent_text_model_vocabulary(
  _ model: recurrent_text_model, _ vocabulary: UnsafeMutablePointer<UInt32>!, _ capacity: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let tokenizer = try call.readTextModel(model).tokenizer
    let out = try output(vocabulary, "vocabulary")
    try tokenizer.requireText()
    try checkCapacity(capacity, for: tokenizer.count, "elements for vocabulary", stride: MemoryLayout<UInt32>.stride)
    for token in 0..<tokenizer.count {
      out[token] = tokenizer.kind == .bytes ? UInt32(token) : tokenizer.character(of: token)?.value ?? 0
    }
  }
}

@implementation @_cdecl("recurrent_text_model_tokenizer")
public func recurrent_text_model_tokenizer(
  _ model: recurrent_text_model, _ json: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let text = try call.textModel(model).tokenizer.json ?? ""
    if json == nil && capacity == 0 {
      try output(length, "length").pointee = Int64(text.utf8.count)
    } else {
      try write(text, json, capacity, length, "json")
    }
  }
}

@implementation @_cdecl("recurrent_text_model_network")
public func recurrent_text_model_network(
  _ model: recurrent_text_model, _ network: UnsafeMutablePointer<recurrent_network>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(network, "network")
    try register(try call.readTextModel(model).network, out)
  }
}

@implementation @_cdecl("recurrent_text_model_optimizer")
public func recurrent_text_model_optimizer(
  _ model: recurrent_text_model, _ optimizer: UnsafeMutablePointer<recurrent_optimizer>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(optimizer, "optimizer")
    guard let optimizer = try call.textModel(model).optimizer else {
      throw RecurrentError(.invalidated, "optimizer is not set; expected one set before, got none")
    }
    try register(optimizer, out)
  }
}

@implementation @_cdecl("recurrent_text_model_set_optimizer")
public func recurrent_text_model_set_optimizer(
  _ model: recurrent_text_model, _ optimizer: recurrent_optimizer
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.textModel(model)
    model.optimizer = try call.optimizer(optimizer)
  }
}

@implementation @_cdecl("recurrent_text_model_get_metadata")
public func recurrent_text_model_get_metadata(
  _ model: recurrent_text_model, _ key: UnsafePointer<CChar>!, _ key_length: Int64,
  _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let value = try call.readTextModel(model).metadata[RecurrentABI.text(key, key_length, "key")] ?? ""
    if text == nil && capacity == 0 {
      try output(length, "length").pointee = Int64(value.utf8.count)
    } else {
      try write(value, text, capacity, length, "text")
    }
  }
}

@implementation @_cdecl("recurrent_text_model_set_metadata")
public func recurrent_text_model_set_metadata(
  _ model: recurrent_text_model, _ key: UnsafePointer<CChar>!, _ key_length: Int64, _ text: UnsafePointer<CChar>!,
  _ length: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.textModel(model), key = try RecurrentABI.text(key, key_length, "key")
    let value = try RecurrentABI.text(text, length, "text")
    model.metadata[key] = value.isEmpty ? nil : value
  }
}

@implementation @_cdecl("recurrent_text_model_encode")
public func recurrent_text_model_encode(
  _ model: recurrent_text_model, _ text: UnsafePointer<CChar>!, _ length: Int64, _ errors: recurrent_errors,
  _ replacement: UInt32, _ tokens: UnsafeMutablePointer<Int64>!, _ capacity: Int64,
  _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count"), model = try call.readTextModel(model), text = try bytes(text, length, "text")
    let errors = try RecurrentABI.errors(errors, replacement)
    _ = try input(UnsafePointer(tokens), max(0, capacity), "tokens")
    if capacity >= text.count, let tokens {
      let tokens = UnsafeMutableBufferPointer(start: tokens, count: text.count)
      out.pointee = Int64(try model.tokenizer.encode(text, errors: errors, to: tokens))
      return
    }
    // a buffer smaller than the text may still hold its tokens
    let encoded = try model.tokenizer.tokens(of: text, errors: errors)
    let found = encoded.count
    try checkCapacity(capacity, for: found, "tokens", stride: MemoryLayout<Int64>.stride)
    for (i, token) in encoded.elements.enumerated() { tokens[i] = token }
    out.pointee = Int64(found)
  }
}

@implementation @_cdecl("recurrent_text_model_decode")
public func recurrent_text_model_decode(
  _ model: recurrent_text_model, _ tokens: UnsafePointer<Int64>!, _ count: Int64, _ text: UnsafeMutablePointer<CChar>!,
  _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.readTextModel(model), tokens = try input(tokens, count, "tokens")
    try checkCapacity(capacity, for: 4 * tokens.count, "bytes, 4 for each token")
    try write(model.tokenizer.bytes(of: tokens), text, capacity, length, "text")
  }
}

@implementation @_cdecl("recurrent_text_model_train_step")
public func recurrent_text_model_train_step(
  _ model: recurrent_text_model, _ tokens: UnsafePointer<Int64>!, _ targets: UnsafePointer<Int64>!, _ T: Int64,
  _ B: Int64, _ resets: UnsafePointer<Int64>!, _ bptt_length: Int64, _ overlap: Int64, _ learning_rate: Double,
  _ weight_decay: Double, _ clip: Double,
  _ result: UnsafeMutablePointer<recurrent_step_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.textModel(model), count = try columns(T, B)
    let step = try model.trainStep(
      required(tokens, count, "tokens"), required(targets, count, "targets"), T: Int(T), B: Int(B),
      resets: resets == nil ? nil : input(resets, count, "resets"), learningRate: own(learning_rate),
      weightDecay: weight_decay, clip: clip, bpttLength: bptt_length == 0 ? nil : Int(bptt_length),
      overlap: Int(overlap))
    result?.pointee = recurrent_step_result(step)
  }
}

@implementation @_cdecl("recurrent_text_model_reset_state")
public func recurrent_text_model_reset_state(_ model: recurrent_text_model) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.textModel(model).resetState() }
}

@implementation @_cdecl("recurrent_text_model_get_state")
public func recurrent_text_model_get_state(
  _ model: recurrent_text_model, _ state: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(state, "state"), model = try call.textModel(model), network = model.network
    let count = network.stateCount(batchSize: model.batchSize)
    try model.copyState(to: output(out, count, network.dtype, "state"))
  }
}

@implementation @_cdecl("recurrent_text_model_set_state")
public func recurrent_text_model_set_state(
  _ model: recurrent_text_model, _ state: UnsafeRawPointer!, _ batch_size: Int64, _ step: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.textModel(model), network = model.network
    let count = state == nil ? 0 : try network.stateCount(sequences: batch_size)
    try model.setState(elements(state, count, network.dtype, "state"), batchSize: Int(batch_size), step: Int(step))
  }
}

@implementation @_cdecl("recurrent_text_model_random")
public func recurrent_text_model_random(
  _ model: recurrent_text_model, _ random: UnsafeMutablePointer<recurrent_random>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(random, "random")
    try register(try call.textModel(model).random, out)
  }
}

@implementation @_cdecl("recurrent_text_model_evaluate")
public func recurrent_text_model_evaluate(
  _ model: recurrent_text_model, _ tokens: UnsafePointer<Int64>!, _ resets: UnsafePointer<Int64>!, _ count: Int64,
  _ batch_size: Int64, _ max_steps: Int64, _ state: UnsafeMutableRawPointer!, _ step: UnsafeMutablePointer<Int64>!,
  _ nats: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let stepOut = try output(step, "step"), natsOut = try output(nats, "nats"), model = try call.readTextModel(model)
    let tokens = try input(tokens, count, "tokens"), network = model.network
    let stateCount = try network.stateCount(sequences: min(batch_size, max(count - 1, 1)))
    var step = Int(stepOut.pointee), nats = natsOut.pointee
    try model.evaluate(
      tokens, resets: resets == nil ? nil : input(resets, count, "resets"), batchSize: Int(batch_size),
      maxSteps: Int(max_steps),
      state: output(state, stateCount, network.dtype, "state"), step: &step, nats: &nats)
    (stepOut.pointee, natsOut.pointee) = (Int64(step), nats)
  }
}

@implementation @_cdecl("recurrent_text_model_save")
public func recurrent_text_model_save(
  _ model: recurrent_text_model, _ path: UnsafePointer<CChar>!, _ length: Int64, _ overwrite: Int32,
  _ weights_only: Int32
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try call.textModel(model).save(
      RecurrentABI.path(path, length), overwrite: flag(overwrite, "overwrite"),
      weightsOnly: flag(weights_only, "weights_only"))
  }
}

@implementation @_cdecl("recurrent_text_model_load")
public func recurrent_text_model_load(
  _ path: UnsafePointer<CChar>!, _ length: Int64, _ model: UnsafeMutablePointer<recurrent_text_model>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(model, "model")
    try register(try TextModel.load(.file(RecurrentABI.path(path, length))), out)
  }
}

@implementation @_cdecl("recurrent_text_model_write")
public func recurrent_text_model_write(
  _ model: recurrent_text_model, _ weights_only: Int32, _ bytes: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.textModel(model), weightsOnly = try flag(weights_only, "weights_only")
    try writeFile(model.bytes(weightsOnly: weightsOnly), bytes, capacity, length)
  }
}

@implementation @_cdecl("recurrent_text_model_read")
public func recurrent_text_model_read(
  _ bytes: UnsafePointer<CChar>!, _ length: Int64, _ model: UnsafeMutablePointer<recurrent_text_model>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(model, "model"),
      memory = UnsafeRawBufferPointer(try RecurrentABI.bytes(bytes, length, "bytes"))
    try register(try TextModel.load(.memory(memory)), out)
  }
}

/// The handling of characters outside the vocabulary.
private func errors(_ code: Int32, _ replacement: UInt32) throws(RecurrentError) -> Tokenizer.Errors {
  switch code {
  case 0: return .strict
  case 1: return .ignore
  case 2:
    guard let character = Unicode.Scalar(replacement) else {
      throw RecurrentError(.badValue, "replacement is invalid; expected a Unicode scalar, got \(replacement)")
    }
    return .replace(character)
  default:
    throw RecurrentError(
      .badValue, "errors is out of range; expected 0 (strict), 1 (ignore) or 2 (replace), got \(code)")
  }
}
