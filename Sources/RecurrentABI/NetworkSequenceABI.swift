// Networks over sequences in the caller's memory.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_network_state_count")
public func recurrent_network_state_count(
  _ network: recurrent_network, _ batch_size: Int64, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count"), one = try call.network(network).stateCount(batchSize: 1)
    let (total, overflow) = Int64(one).multipliedReportingOverflow(by: batch_size)
    guard batch_size > 0, !overflow else {
      throw RecurrentError(
        .badShape, "batch_size is out of range; expected at least 1 and at most what memory holds, got \(batch_size)")
    }
    out.pointee = total
  }
}

@implementation @_cdecl("recurrent_network_forward_sequence")
public func recurrent_network_forward_sequence(
  _ network: recurrent_network, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!, _ T: Int64, _ B: Int64,
  _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!, _ y: UnsafeMutableRawPointer!,
  _ final_state: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), dtype = network.dtype
    guard let y = try elements(y, dtype, "y") else {
      throw RecurrentError(.nullArgument, "y is NULL; expected a pointer, got NULL")
    }
    try network.forward(
      inputs(network, x, tokens, T, B), T: Int(T), B: Int(B), state: elements(state, dtype, "state"),
      lengths: counts(lengths, B), y: y, finalState: elements(final_state, dtype, "final_state"))
  }
}

@implementation @_cdecl("recurrent_network_backward_sequence")
public func recurrent_network_backward_sequence(
  _ network: recurrent_network, _ dy: UnsafeRawPointer!, _ dfinal: UnsafeRawPointer!, _ dx: UnsafeMutableRawPointer!,
  _ dstate: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), dtype = network.dtype
    guard let dy = try elements(dy, dtype, "dy") else {
      throw RecurrentError(.nullArgument, "dy is NULL; expected a pointer, got NULL")
    }
    try network.backward(
      dy: dy, dState: elements(dfinal, dtype, "dfinal"), dx: elements(dx, dtype, "dx"),
      dStart: elements(dstate, dtype, "dstate"))
  }
}

@implementation @_cdecl("recurrent_network_activation")
public func recurrent_network_activation(
  _ network: recurrent_network, _ name: UnsafePointer<CChar>!, _ length: Int64, _ values: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), name = try text(name, length, "name")
    guard let values = try elements(values, network.dtype, "values") else {
      throw RecurrentError(.nullArgument, "values is NULL; expected a pointer, got NULL")
    }
    try network.activation(name, to: values)
  }
}

@implementation @_cdecl("recurrent_network_train_step")
public func recurrent_network_train_step(
  _ network: recurrent_network, _ optimizer: recurrent_optimizer, _ x: UnsafeRawPointer!,
  _ tokens: UnsafePointer<Int64>!,
  _ classes: UnsafePointer<Int64>!, _ values: UnsafeRawPointer!, _ T: Int64, _ B: Int64, _ state: UnsafeRawPointer!,
  _ lengths: UnsafePointer<Int64>!, _ learning_rate: Double, _ weight_decay: Double, _ clip: Double,
  _ final_state: UnsafeMutableRawPointer!, _ result: UnsafeMutablePointer<recurrent_step_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.trainableNetwork(network), optimizer = try call.optimizer(optimizer)
    let dtype = network.dtype, targets = try targets(network, classes, values, T, B)
    let step = try network.trainStep(
      inputs(network, x, tokens, T, B), targets, T: Int(T), B: Int(B), state: elements(state, dtype, "state"),
      lengths: counts(lengths, B), finalState: elements(final_state, dtype, "final_state"), optimizer: optimizer,
      learningRate: own(learning_rate), weightDecay: weight_decay, clip: clip)
    result?.pointee = recurrent_step_result(step)
  }
}

@implementation @_cdecl("recurrent_network_loss")
public func recurrent_network_loss(
  _ network: recurrent_network, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!,
  _ classes: UnsafePointer<Int64>!,
  _ values: UnsafeRawPointer!, _ T: Int64, _ B: Int64, _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!,
  _ final_state: UnsafeMutableRawPointer!, _ loss: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(loss, "loss"), network = try call.network(network), dtype = network.dtype
    out.pointee = try network.loss(
      inputs(network, x, tokens, T, B), targets(network, classes, values, T, B), T: Int(T), B: Int(B),
      state: elements(state, dtype, "state"), lengths: counts(lengths, B),
      finalState: elements(final_state, dtype, "final_state"))
  }
}

@implementation @_cdecl("recurrent_network_step")
public func recurrent_network_step(
  _ network: recurrent_network, _ token: Int64, _ x: UnsafeRawPointer!, _ state: UnsafeMutableRawPointer!,
  _ y: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), dtype = network.dtype
    guard let state = try elements(state, dtype, "state") else {
      throw RecurrentError(.nullArgument, "state is NULL; expected a pointer, got NULL")
    }
    try network.inferenceStep(token: Int(token), x: elements(x, dtype, "x"), state: state, y: elements(y, dtype, "y"))
  }
}

/// Returns T·B.
func columns(_ T: Int64, _ B: Int64) throws(RecurrentError) -> Int64 {
  let (columns, overflow) = T.multipliedReportingOverflow(by: B)
  guard T > 0, B > 0, !overflow else {
    throw RecurrentError(.badShape, "T and B are out of range; expected at least 1, got \(T) and \(B)")
  }
  return columns
}

/// The input: tokens or values, exactly one of them.
private func inputs(
  _ network: Network, _ x: UnsafeRawPointer?, _ tokens: UnsafePointer<Int64>?, _ T: Int64, _ B: Int64
) throws(RecurrentError) -> Network.Inputs {
  if let tokens {
    guard x == nil else {
      throw RecurrentError(.badValue, "x and tokens are both given; expected one of them, got two")
    }
    return .tokens(try input(tokens, columns(T, B), "tokens"))
  }
  guard let x = try elements(x, network.dtype, "x") else {
    throw RecurrentError(.nullArgument, "x and tokens are both NULL; expected one of them, got none")
  }
  return .values(x)
}

/// The targets of a loss: classes or values, exactly one of them.
private func targets(
  _ network: Network, _ classes: UnsafePointer<Int64>?, _ values: UnsafeRawPointer?, _ T: Int64, _ B: Int64
) throws(RecurrentError) -> Network.Targets {
  if let classes {
    guard values == nil else {
      throw RecurrentError(.badValue, "classes and values are both given; expected one of them, got two")
    }
    return .classes(try input(classes, columns(T, B), "classes"))
  }
  guard let values = try elements(values, network.dtype, "values") else {
    throw RecurrentError(.nullArgument, "classes and values are both NULL; expected one of them, got none")
  }
  return .values(values)
}

/// The lengths of B sequences, nil for NULL.
private func counts(_ lengths: UnsafePointer<Int64>?, _ B: Int64) throws(RecurrentError) -> UnsafeBufferPointer<Int64>?
{
  guard let lengths else { return nil }
  return try input(lengths, B, "lengths")
}
