// Models over sequences in the caller's memory, and threads.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_model_state_count")
public func recurrent_model_state_count(
  _ model: recurrent_model, _ columns: Int64, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count"), one = try call.model(model).stateCount(batchSize: 1)
    let (total, overflow) = Int64(one).multipliedReportingOverflow(by: columns)
    guard columns > 0, !overflow else {
      throw RecurrentError(.badShape, "columns is \(columns); expected at least 1, and fewer than memory can hold")
    }
    out.pointee = total
  }
}

@implementation @_cdecl("recurrent_model_forward_sequence")
public func recurrent_model_forward_sequence(
  _ model: recurrent_model, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!, _ T: Int64, _ B: Int64,
  _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!, _ y: UnsafeMutableRawPointer!,
  _ final_state: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), dtype = model.dtype
    guard let y = try numbers(y, dtype, "y") else { throw RecurrentError(.nullArgument, "y is NULL") }
    try model.forward(
      arrays(model, x, tokens, T, B), T: Int(T), B: Int(B), state: numbers(state, dtype, "state"),
      lengths: counts(lengths, B), y: y, finalState: numbers(final_state, dtype, "final_state"))
  }
}

@implementation @_cdecl("recurrent_model_backward_sequence")
public func recurrent_model_backward_sequence(
  _ model: recurrent_model, _ dy: UnsafeRawPointer!, _ dfinal: UnsafeRawPointer!, _ dx: UnsafeMutableRawPointer!,
  _ dstate: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), dtype = model.dtype
    guard let dy = try numbers(dy, dtype, "dy") else { throw RecurrentError(.nullArgument, "dy is NULL") }
    try model.backward(
      dy: dy, dState: numbers(dfinal, dtype, "dfinal"), dx: numbers(dx, dtype, "dx"),
      dStart: numbers(dstate, dtype, "dstate"))
  }
}

@implementation @_cdecl("recurrent_model_tap")
public func recurrent_model_tap(
  _ model: recurrent_model, _ name: UnsafePointer<CChar>!, _ length: Int64, _ values: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), name = try text(name, length, "name")
    guard let values = try numbers(values, model.dtype, "values") else {
      throw RecurrentError(.nullArgument, "values is NULL")
    }
    try model.activation(name, to: values)
  }
}

@implementation @_cdecl("recurrent_model_train_step")
public func recurrent_model_train_step(
  _ model: recurrent_model, _ solver: recurrent_solver, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!,
  _ classes: UnsafePointer<Int64>!, _ numbers: UnsafeRawPointer!, _ T: Int64, _ B: Int64, _ state: UnsafeRawPointer!,
  _ lengths: UnsafePointer<Int64>!, _ step_size: Double, _ regc: Double, _ clipval: Double,
  _ final_state: UnsafeMutableRawPointer!, _ result: UnsafeMutablePointer<recurrent_train_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.learner(model), solver = try call.solver(solver), dtype = model.dtype
    let targets = try targets(model, classes, numbers, T, B)
    let done = try model.trainStep(
      arrays(model, x, tokens, T, B), targets, T: Int(T), B: Int(B), state: RecurrentABI.numbers(state, dtype, "state"),
      lengths: counts(lengths, B), finalState: RecurrentABI.numbers(final_state, dtype, "final_state"),
      optimizer: solver,
      learningRate: step_size, weightDecay: regc, clip: clipval)
    result?.pointee = recurrent_train_result(
      loss: done.loss, ratio_clipped: done.ratioClipped, gradient_norm: done.gradientNorm)
  }
}

@implementation @_cdecl("recurrent_model_loss")
public func recurrent_model_loss(
  _ model: recurrent_model, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!, _ classes: UnsafePointer<Int64>!,
  _ numbers: UnsafeRawPointer!, _ T: Int64, _ B: Int64, _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!,
  _ final_state: UnsafeMutableRawPointer!, _ loss: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(loss, "loss"), model = try call.model(model), dtype = model.dtype
    out.pointee = try model.loss(
      arrays(model, x, tokens, T, B), targets(model, classes, numbers, T, B), T: Int(T), B: Int(B),
      state: RecurrentABI.numbers(state, dtype, "state"), lengths: counts(lengths, B),
      finalState: RecurrentABI.numbers(final_state, dtype, "final_state"))
  }
}

@implementation @_cdecl("recurrent_model_tick")
public func recurrent_model_tick(
  _ model: recurrent_model, _ token: Int64, _ x: UnsafeRawPointer!, _ state: UnsafeMutableRawPointer!,
  _ y: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), dtype = model.dtype
    guard let state = try numbers(state, dtype, "state") else { throw RecurrentError(.nullArgument, "state is NULL") }
    try model.inferenceStep(token: Int(token), x: numbers(x, dtype, "x"), state: state, y: numbers(y, dtype, "y"))
  }
}

@implementation @_cdecl("recurrent_model_generate")
public func recurrent_model_generate(
  _ model: recurrent_model, _ prime: UnsafePointer<Int64>!, _ primes: Int64, _ count: Int64, _ temperature: Double,
  _ state: UnsafeMutableRawPointer!, _ random: recurrent_random, _ tokens: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), random = random == 0 ? nil : try call.random(random)
    guard let state = try numbers(state, model.dtype, "state") else {
      throw RecurrentError(.nullArgument, "state is NULL")
    }
    let prime = try input(prime, primes, "prime")
    // checked as a buffer of what will be written
    _ = try input(UnsafePointer(tokens), count, "tokens")
    guard let tokens else { return }
    _ = try model.generate(
      prime: prime, count: Int(count), temperature: temperature, state: state, random, to: tokens)
  }
}

@implementation @_cdecl("recurrent_set_num_threads")
public func recurrent_set_num_threads(_ count: Int64) -> recurrent_status {
  call { (_) throws(RecurrentError) in try ThreadPool.set(Int(count)) }
}

@implementation @_cdecl("recurrent_get_num_threads")
public func recurrent_get_num_threads() -> Int64 { Int64(ThreadPool.count) }

/// T·B, checked.
func columns(_ T: Int64, _ B: Int64) throws(RecurrentError) -> Int64 {
  let (columns, overflow) = T.multipliedReportingOverflow(by: B)
  guard T > 0, B > 0, !overflow else {
    throw RecurrentError(.badShape, "there are \(T) steps of \(B) sequences; expected at least 1 of each")
  }
  return columns
}

/// What comes in: tokens or numbers, one of them.
private func arrays(
  _ model: Network, _ x: UnsafeRawPointer?, _ tokens: UnsafePointer<Int64>?, _ T: Int64, _ B: Int64
) throws(RecurrentError) -> Network.Inputs {
  if let tokens {
    guard x == nil else { throw RecurrentError(.badValue, "x and tokens are both given; expected one") }
    return .tokens(try input(tokens, columns(T, B), "tokens"))
  }
  guard let x = try numbers(x, model.dtype, "x") else {
    throw RecurrentError(.nullArgument, "x and tokens are both NULL; expected one of them")
  }
  return .values(x)
}

/// What a loss aims at: classes or numbers, one of them.
private func targets(
  _ model: Network, _ classes: UnsafePointer<Int64>?, _ numbers: UnsafeRawPointer?, _ T: Int64, _ B: Int64
) throws(RecurrentError) -> Network.Targets {
  if let classes {
    guard numbers == nil else { throw RecurrentError(.badValue, "classes and numbers are both given; expected one") }
    return .classes(try input(classes, columns(T, B), "classes"))
  }
  guard let numbers = try RecurrentABI.numbers(numbers, model.dtype, "numbers") else {
    throw RecurrentError(.nullArgument, "classes and numbers are both NULL; expected one of them")
  }
  return .values(numbers)
}

/// B lengths, or nil for NULL.
private func counts(_ lengths: UnsafePointer<Int64>?, _ B: Int64) throws(RecurrentError) -> UnsafeBufferPointer<Int64>?
{
  guard let lengths else { return nil }
  return try input(lengths, B, "lengths")
}
