// Text models.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_text_model_create")
public func recurrent_text_model_create(
  _ text: UnsafePointer<CChar>!, _ length: Int64, _ alphabet: recurrent_alphabet, _ cell: recurrent_cell,
  _ dtype: recurrent_dtype, _ hidden_sizes: UnsafePointer<Int64>!, _ layers: Int64, _ embedding: Int64,
  _ tied: Int32, _ dropout: Double, _ random: recurrent_random, _ model: UnsafeMutablePointer<recurrent_text_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(model, "model"), hiddenSizes = try input(hidden_sizes, layers, "hidden_sizes")
    guard let kind = Tokenizer.Kind(rawValue: alphabet) else {
      throw RecurrentError(.badValue, "alphabet is \(alphabet); expected 0 (characters) or 1 (bytes)")
    }
    guard tied == 0 || tied == 1 else { throw RecurrentError(.badValue, "tied is \(tied); expected 0 or 1") }
    let letters = try kind == .bytes ? .bytes : Tokenizer(utf8: bytes(text, length, "text"))
    let model = try TextModel(
      letters, cell: RecurrentABI.cell(cell), hiddenSizes: hiddenSizes.map { Int($0) },
      embedding: embedding == 0 ? nil : Int(embedding), tied: tied == 1, dropout: dropout,
      dtype: RecurrentABI.dtype(dtype), random: call.random(random))
    try give(.textModel(model), out)
  }
}

@implementation @_cdecl("recurrent_text_model_free")
public func recurrent_text_model_free(_ model: recurrent_text_model) -> recurrent_status { free(model, .textModel) }

// MARK: What it is made of

@implementation @_cdecl("recurrent_text_model_describe")
public func recurrent_text_model_describe(
  _ model: recurrent_text_model, _ info: UnsafeMutablePointer<recurrent_text_model_info>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(info, "info"), text = try call.textModel(model), model = text.model
    out.pointee = recurrent_text_model_info(
      alphabet: text.alphabet.kind.rawValue, cell: number(model.cell), dtype: model.dtype.rawValue,
      tied: model.isTied ? 1 : 0, layers: Int64(model.hiddenSizes.count), letters: Int64(text.alphabet.count),
      embedding: Int64(model.embedding ?? 0), step: Int64(text.step), streams: Int64(text.columns),
      notes_length: Int64(text.notes.utf8.count), dropout: text.dropout)
  }
}

@implementation @_cdecl("recurrent_text_model_hidden_sizes")
public func recurrent_text_model_hidden_sizes(
  _ model: recurrent_text_model, _ sizes: UnsafeMutablePointer<Int64>!, _ capacity: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try copy(call.textModel(model).model.hiddenSizes.map { Int64($0) }, sizes, capacity, "sizes")
  }
}

@implementation @_cdecl("recurrent_text_model_letters")
public func recurrent_text_model_letters(
  _ model: recurrent_text_model, _ letters: UnsafeMutablePointer<UInt32>!, _ capacity: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let alphabet = try call.textModel(model).alphabet
    let all = alphabet.kind == .bytes ? Array(0..<256) : alphabet.letters.map { $0.value }
    try copy(all, letters, capacity, "letters")
  }
}

@implementation @_cdecl("recurrent_text_model_network")
public func recurrent_text_model_network(
  _ model: recurrent_text_model, _ network: UnsafeMutablePointer<recurrent_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(network, "network")
    try give(.model(try call.textModel(model).model), out)
  }
}

@implementation @_cdecl("recurrent_text_model_solver")
public func recurrent_text_model_solver(
  _ model: recurrent_text_model, _ solver: UnsafeMutablePointer<recurrent_solver>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(solver, "solver")
    guard let solver = try call.textModel(model).solver else {
      throw RecurrentError(.invalidated, "this model has no solver yet: set one")
    }
    try give(.solver(solver), out)
  }
}

@implementation @_cdecl("recurrent_text_model_set_solver")
public func recurrent_text_model_set_solver(
  _ model: recurrent_text_model, _ solver: recurrent_solver
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.textModel(model)
    try model.setSolver(call.solver(solver))
  }
}

@implementation @_cdecl("recurrent_text_model_notes")
public func recurrent_text_model_notes(
  _ model: recurrent_text_model, _ notes: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in try write(call.textModel(model).notes, notes, capacity, length, "notes") }
}

@implementation @_cdecl("recurrent_text_model_set_notes")
public func recurrent_text_model_set_notes(
  _ model: recurrent_text_model, _ notes: UnsafePointer<CChar>!, _ length: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.textModel(model).notes = text(notes, length, "notes") }
}

// MARK: Text and tokens

@implementation @_cdecl("recurrent_text_model_encode")
public func recurrent_text_model_encode(
  _ model: recurrent_text_model, _ text: UnsafePointer<CChar>!, _ length: Int64, _ unknown: recurrent_unknown,
  _ replacement: UInt32, _ tokens: UnsafeMutablePointer<Int64>!, _ capacity: Int64,
  _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count"), alphabet = try call.textModel(model).alphabet
    let text = try bytes(text, length, "text")
    guard capacity >= text.count else {
      throw RecurrentError(.shortBuffer, "capacity is \(capacity); a text of \(text.count) bytes needs as many tokens")
    }
    let tokens = try output(tokens, "tokens")
    out.pointee = Int64(try alphabet.encode(text, unknown: policy(unknown, replacement), to: tokens))
  }
}

@implementation @_cdecl("recurrent_text_model_decode")
public func recurrent_text_model_decode(
  _ model: recurrent_text_model, _ tokens: UnsafePointer<Int64>!, _ count: Int64, _ text: UnsafeMutablePointer<CChar>!,
  _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let alphabet = try call.textModel(model).alphabet, tokens = try input(tokens, count, "tokens")
    try checkRoom(capacity, for: count, "tokens")
    try write(alphabet.decode(tokens), text, capacity, length, "text")
  }
}

// MARK: Training and evaluation

@implementation @_cdecl("recurrent_text_model_train_step")
public func recurrent_text_model_train_step(
  _ model: recurrent_text_model, _ tokens: UnsafePointer<Int64>!, _ targets: UnsafePointer<Int64>!, _ T: Int64,
  _ B: Int64, _ step_size: Double, _ regc: Double, _ clipval: Double,
  _ result: UnsafeMutablePointer<recurrent_train_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.textModel(model), count = try columns(T, B)
    let done = try model.trainStep(
      input(tokens, count, "tokens"), input(targets, count, "targets"), T: Int(T), B: Int(B), stepSize: step_size,
      regc: regc, clipval: clipval)
    result?.pointee = recurrent_train_result(
      loss: done.loss, ratio_clipped: done.ratioClipped, gradient_norm: done.gradientNorm)
  }
}

@implementation @_cdecl("recurrent_text_model_reset_state")
public func recurrent_text_model_reset_state(_ model: recurrent_text_model) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.textModel(model).resetState() }
}

@implementation @_cdecl("recurrent_text_model_evaluate")
public func recurrent_text_model_evaluate(
  _ model: recurrent_text_model, _ tokens: UnsafePointer<Int64>!, _ count: Int64, _ columns: Int64,
  _ nats: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(nats, "nats"), model = try call.textModel(model)
    out.pointee = try model.evaluate(input(tokens, count, "tokens"), columns: Int(columns))
  }
}

// MARK: Writing

@implementation @_cdecl("recurrent_text_model_sample")
public func recurrent_text_model_sample(
  _ model: recurrent_text_model, _ prime: UnsafePointer<CChar>!, _ length: Int64, _ count: Int64,
  _ sampler: UnsafePointer<recurrent_sampler>!, _ stops: UnsafePointer<UnsafePointer<CChar>?>!,
  _ stop_lengths: UnsafePointer<Int64>!, _ stop_count: Int64, _ random: recurrent_random,
  _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ written: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    _ = try output(text, "text")
    _ = try output(written, "written")
    let model = try call.textModel(model), random = random == 0 ? nil : try call.random(random)
    // before anything is drawn: a failed call leaves the generator where it was
    try checkRoom(capacity, for: count, "tokens")
    let sample = try model.sample(
      prime: RecurrentABI.text(prime, length, "prime"), count: Int(count), RecurrentABI.sampler(sampler),
      stops: texts(stops, stop_lengths, stop_count, "stops"), random)
    try write(sample, text, capacity, written, "text")
  }
}

// MARK: Files

@implementation @_cdecl("recurrent_text_model_save")
public func recurrent_text_model_save(
  _ model: recurrent_text_model, _ path: UnsafePointer<CChar>!, _ length: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.textModel(model).save(text(path, length, "path")) }
}

@implementation @_cdecl("recurrent_text_model_load")
public func recurrent_text_model_load(
  _ path: UnsafePointer<CChar>!, _ length: Int64, _ model: UnsafeMutablePointer<recurrent_text_model>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(model, "model")
    try give(.textModel(try TextModel.load(text(path, length, "path"))), out)
  }
}

/// Text that is not yet known to be UTF-8.
private func bytes(
  _ p: UnsafePointer<CChar>?, _ length: Int64, _ name: StaticString
) throws(RecurrentError) -> UnsafeBufferPointer<UInt8> {
  let text = try input(p, length, name)
  let start = UnsafeRawPointer(text.baseAddress)?.assumingMemoryBound(to: UInt8.self)
  return UnsafeBufferPointer(start: start, count: text.count)
}

/// What to do with unknown characters.
private func policy(_ code: Int32, _ replacement: UInt32) throws(RecurrentError) -> Tokenizer.Unknown {
  switch code {
  case 0: return .refuse
  case 1: return .skip
  case 2:
    guard let letter = Unicode.Scalar(replacement) else {
      throw RecurrentError(.badValue, "replacement is \(replacement), which is no Unicode scalar")
    }
    return .replace(letter)
  default: throw RecurrentError(.badValue, "unknown is \(code); expected 0 (refuse), 1 (skip) or 2 (replace)")
  }
}

/// Any `count` tokens fit into `capacity` bytes of text.
private func checkRoom(_ capacity: Int64, for count: Int64, _ what: StaticString) throws(RecurrentError) {
  let need = count.multipliedReportingOverflow(by: 4)
  guard need.overflow || capacity >= need.partialValue else {
    throw RecurrentError(.shortBuffer, "capacity is \(capacity); \(count) \(what) need \(need.partialValue) bytes")
  }
}
