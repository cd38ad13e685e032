// Choosing.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_softmax")
public func recurrent_softmax(_ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out")
    try give(.mat(try softmax(call.mat(m, "m"))), out)
  }
}

@implementation @_cdecl("recurrent_argmax")
public func recurrent_argmax(
  _ dtype: recurrent_dtype, _ w: UnsafeRawPointer!, _ count: Int64, _ index: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(index, "index")
    switch try RecurrentABI.dtype(dtype) {
    case .float32: out.pointee = Int64(try argmax(input(w?.assumingMemoryBound(to: Float.self), count, "w")))
    case .float64: out.pointee = Int64(try argmax(input(w?.assumingMemoryBound(to: Double.self), count, "w")))
    }
  }
}

@implementation @_cdecl("recurrent_sample")
public func recurrent_sample(
  _ dtype: recurrent_dtype, _ p: UnsafeRawPointer!, _ count: Int64, _ random: recurrent_random,
  _ index: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(index, "index"), random = try call.random(random)
    switch try RecurrentABI.dtype(dtype) {
    case .float32:
      out.pointee = Int64(try sample(input(p?.assumingMemoryBound(to: Float.self), count, "p"), random))
    case .float64:
      out.pointee = Int64(try sample(input(p?.assumingMemoryBound(to: Double.self), count, "p"), random))
    }
  }
}

@implementation @_cdecl("recurrent_probabilities")
public func recurrent_probabilities(
  _ dtype: recurrent_dtype, _ scores: UnsafeRawPointer!, _ count: Int64, _ sampler: UnsafePointer<recurrent_sampler>!,
  _ history: UnsafePointer<Int64>!, _ histories: Int64, _ p: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let sampler = try RecurrentABI.sampler(sampler), seen = try input(history, histories, "history")
    switch try RecurrentABI.dtype(dtype) {
    case .float32:
      try sampler.probabilities(
        of: input(scores?.assumingMemoryBound(to: Float.self), count, "scores"), seen: seen,
        to: output(p?.assumingMemoryBound(to: Float.self), "p"))
    case .float64:
      try sampler.probabilities(
        of: input(scores?.assumingMemoryBound(to: Double.self), count, "scores"), seen: seen,
        to: output(p?.assumingMemoryBound(to: Double.self), "p"))
    }
  }
}

@implementation @_cdecl("recurrent_model_sample")
public func recurrent_model_sample(
  _ model: recurrent_model, _ sampler: UnsafePointer<recurrent_sampler>!, _ history: UnsafePointer<Int64>!,
  _ histories: Int64, _ prime: UnsafePointer<Int64>!, _ primes: Int64, _ count: Int64, _ end: Int64,
  _ state: UnsafeMutableRawPointer!, _ random: recurrent_random, _ tokens: UnsafeMutablePointer<Int64>!,
  _ log_probabilities: UnsafeMutablePointer<Double>!, _ written: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), random = random == 0 ? nil : try call.random(random)
    let sampler = try RecurrentABI.sampler(sampler), out = try output(written, "written")
    guard let state = try numbers(state, model.dtype, "state") else {
      throw RecurrentError(.nullArgument, "state is NULL")
    }
    let history = try input(history, histories, "history"), prime = try input(prime, primes, "prime")
    // checked as buffers of what will be written
    _ = try input(UnsafePointer(tokens), count, "tokens")
    if let log_probabilities { _ = try output(log_probabilities, "log_probabilities") }
    out.pointee = Int64(
      try model.generate(
        prime: prime, history: history, count: Int(count), sampler, state: state, random,
        until: token(end, of: model, "end"), to: tokens ?? nowhere, logProbabilities: log_probabilities))
  }
}

@implementation @_cdecl("recurrent_model_beam_search")
public func recurrent_model_beam_search(
  _ model: recurrent_model, _ prime: UnsafePointer<Int64>!, _ primes: Int64, _ count: Int64, _ beams: Int64,
  _ end: Int64, _ state: UnsafeRawPointer!, _ tokens: UnsafeMutablePointer<Int64>!,
  _ lengths: UnsafeMutablePointer<Int64>!, _ log_probabilities: UnsafeMutablePointer<Double>!,
  _ found: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), prime = try input(prime, primes, "prime"), out = try output(found, "found")
    let lengths = try output(lengths, "lengths")
    let logProbabilities = try output(log_probabilities, "log_probabilities")
    // a number of beams that is not positive is refused by the search
    let count = try size(count, "count")
    let (room, overflow) = Int64(count).multipliedReportingOverflow(by: max(1, beams))
    guard !overflow else {
      throw RecurrentError(.badShape, "\(beams) beams of \(count) tokens are more than memory can hold")
    }
    _ = try input(UnsafePointer(tokens), room, "tokens")
    let texts = try model.beamSearch(
      prime: prime, count: count, beams: Int(beams), state: numbers(state, model.dtype, "state"),
      until: token(end, of: model, "end"))
    for (i, text) in texts.enumerated() {
      for j in 0..<count { tokens[i * count + j] = j < text.tokens.count ? Int64(text.tokens[j]) : -1 }
      lengths[i] = Int64(text.tokens.count)
      logProbabilities[i] = text.logProbability
    }
    out.pointee = Int64(texts.count)
  }
}

/// A sampler's settings; all of them off for NULL.
func sampler(_ p: UnsafePointer<recurrent_sampler>?) throws(RecurrentError) -> Sampler {
  guard let s = try p.map({ (p) throws(RecurrentError) in try input(p, 1, "sampler")[0] }) else {
    return try Sampler()
  }
  return try Sampler(
    temperature: s.temperature, topK: s.top_k == 0 ? nil : Int(s.top_k), topP: s.top_p, minP: s.min_p,
    repetitionPenalty: s.repetition_penalty, repetitionWindow: Int(s.repetition_window))
}

/// One of a model's tokens, or nil for −1.
private func token(_ value: Int64, of model: Network, _ name: StaticString) throws(RecurrentError) -> Int? {
  guard value >= -1, value < model.inputSize else {
    throw RecurrentError(.badIndex, "\(name) is \(value), outside -1..<\(model.inputSize)")
  }
  return value == -1 ? nil : Int(value)
}

/// Stands where no token is to be written.
private nonisolated(unsafe) let nowhere = UnsafeMutablePointer<Int64>.allocate(capacity: 1)
