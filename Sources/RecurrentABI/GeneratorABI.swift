// Generators.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_generator_create")
public func recurrent_generator_create(
  _ network: recurrent_network, _ settings: UnsafePointer<CChar>!, _ settings_length: Int64,
  _ prompt: UnsafePointer<Int64>!, _ prompt_length: Int64, _ history: UnsafePointer<Int64>!, _ history_length: Int64,
  _ state: UnsafeRawPointer!, _ random: recurrent_random, _ generator: UnsafeMutablePointer<recurrent_generator>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(generator, "generator"), network = try call.readNetwork(network)
    let random = random == 0 ? nil : try call.random(random)
    let generator = try Generator(
      network, prompt: input(prompt, prompt_length, "prompt"), history: input(history, history_length, "history"),
      state: elements(state, network.stateCount(batchSize: 1), network.dtype, "state"),
      settings: RecurrentABI.settings(settings, settings_length),
      random: random)
    try register(generator, out)
  }
}

@implementation @_cdecl("recurrent_generator_create_text")
public func recurrent_generator_create_text(
  _ model: recurrent_text_model, _ settings: UnsafePointer<CChar>!, _ settings_length: Int64,
  _ prompt: UnsafePointer<CChar>!, _ prompt_length: Int64, _ random: recurrent_random,
  _ generator: UnsafeMutablePointer<recurrent_generator>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(generator, "generator"), model = try call.readTextModel(model)
    let random = random == 0 ? nil : try call.random(random)
    let generator = try Generator(
      model, prompt: bytes(prompt, prompt_length, "prompt"), settings: RecurrentABI.settings(settings, settings_length),
      random: random)
    try register(generator, out)
  }
}

@implementation @_cdecl("recurrent_generator_free")
public func recurrent_generator_free(_ generator: recurrent_generator) -> recurrent_status {
  free(generator, .generator)
}

@implementation @_cdecl("recurrent_generator_next")
public func recurrent_generator_next(
  _ generator: recurrent_generator, _ max_tokens: Int64, _ tokens: UnsafeMutablePointer<Int64>!,
  _ log_probabilities: UnsafeMutablePointer<Double>!, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let generator = try call.generator(generator), out = try output(count, "count")
    _ = try input(UnsafePointer(tokens), max_tokens, "tokens")
    if let log_probabilities { _ = try output(log_probabilities, "log_probabilities") }
    let produced = try generator.tokens(Int(max_tokens))
    for (i, token) in produced.tokens.elements.enumerated() { tokens[i] = token }
    if let log_probabilities {
      for (i, value) in produced.logProbabilities.elements.enumerated() { log_probabilities[i] = value }
    }
    out.pointee = Int64(produced.tokens.count)
  }
}

@implementation @_cdecl("recurrent_generator_next_text")
public func recurrent_generator_next_text(
  _ generator: recurrent_generator, _ max_tokens: Int64, _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!, _ has_ended: UnsafeMutablePointer<Int32>!
) -> recurrent_status {
  nextText(
    generator, max_tokens, text, capacity, length, has_ended, needed: { $0.textCapacity($1) },
    produce: { (generator, count) throws(RecurrentError) in try generator.text(count) })
}

@implementation @_cdecl("recurrent_generator_next_characters")
public func recurrent_generator_next_characters(
  _ generator: recurrent_generator, _ max_tokens: Int64, _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!, _ has_ended: UnsafeMutablePointer<Int32>!
) -> recurrent_status {
  nextText(
    generator, max_tokens, text, capacity, length, has_ended, needed: { $0.charactersCapacity($1) },
    produce: { (generator, count) throws(RecurrentError) in try generator.characters(count) })
}

/// Writes what `produce` makes of at most `max_tokens` tokens, `needed` bytes at most.
private func nextText(
  _ generator: recurrent_generator, _ max_tokens: Int64, _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!, _ has_ended: UnsafeMutablePointer<Int32>!,
  needed: (Generator, Int) -> Int, produce: (Generator, Int) throws(RecurrentError) -> Buffer<UInt8>
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let generator = try call.generator(generator), ended = try output(has_ended, "has_ended")
    _ = try output(text, "text")
    _ = try output(length, "length")
    // before anything is drawn: a failed call leaves the generator unchanged
    try checkCapacity(capacity, for: needed(generator, try size(max_tokens, "max_tokens")), "bytes")
    try write(produce(generator, Int(max_tokens)), text, capacity, length, "text")
    ended.pointee = generator.hasEnded ? 1 : 0
  }
}

@implementation @_cdecl("recurrent_generators_next")
public func recurrent_generators_next(
  _ generators: UnsafePointer<recurrent_generator>!, _ count: Int64, _ max_tokens: Int64,
  _ tokens: UnsafeMutablePointer<Int64>!, _ log_probabilities: UnsafeMutablePointer<Double>!,
  _ counts: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let generators = try call.generators(generators, count), counts = try output(counts, "counts")
    let width = try size(max_tokens, "max_tokens"), all = try elements(generators.count, of: width)
    _ = try input(UnsafePointer(tokens), all, "tokens")
    if let log_probabilities { _ = try output(log_probabilities, "log_probabilities") }
    let produced = try Generator.produce(generators, width, isText: false)
    for (i, one) in produced.enumerated() {
      for (k, token) in one.production.tokens.elements.enumerated() { tokens[i * width + k] = token }
      if let log_probabilities {
        for (k, value) in one.production.logProbabilities.elements.enumerated() {
          log_probabilities[i * width + k] = value
        }
      }
      counts[i] = Int64(one.production.tokens.count)
    }
  }
}

@implementation @_cdecl("recurrent_generators_next_text")
public func recurrent_generators_next_text(
  _ generators: UnsafePointer<recurrent_generator>!, _ count: Int64, _ max_tokens: Int64,
  _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ lengths: UnsafeMutablePointer<Int64>!,
  _ have_ended: UnsafeMutablePointer<Int32>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let generators = try call.generators(generators, count), ended = try output(have_ended, "have_ended")
    let lengths = try output(lengths, "lengths")
    _ = try output(text, "text")
    // before anything is drawn: a failed call leaves the generators unchanged
    let maxTokens = try size(max_tokens, "max_tokens")
    try checkCapacity(capacity, for: generators.map { $0.textCapacity(maxTokens) }.max() ?? 0, "bytes for each text")
    _ = try input(UnsafePointer(text), elements(generators.count, of: Int(capacity)), "text")
    let produced = try Generator.produce(generators, maxTokens, isText: true)
    for (i, one) in produced.enumerated() {
      try write(one.production.text, text + i * Int(capacity), capacity, lengths + i, "text")
      ended[i] = one.generator.hasEnded ? 1 : 0
    }
  }
}

@implementation @_cdecl("recurrent_generator_state")
public func recurrent_generator_state(
  _ generator: recurrent_generator, _ state: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let generator = try call.generator(generator)
    let network = generator.network
    try generator.copyState(to: output(state, network.stateCount(batchSize: 1), network.dtype, "state"))
  }
}

/// The elements of `count` rows.
private func elements(_ count: Int, of width: Int) throws(RecurrentError) -> Int64 {
  let (product, overflow) = Int64(count).multipliedReportingOverflow(by: Int64(width))
  guard !overflow else {
    throw RecurrentError(
      .badShape, "generators are too many; expected what memory holds, got \(count) of \(width) elements")
  }
  return product
}
