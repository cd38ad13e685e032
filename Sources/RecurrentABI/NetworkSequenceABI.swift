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
    let out = try output(count, "count")
    out.pointee = Int64(try call.readNetwork(network).stateCount(sequences: batch_size))
  }
}

@implementation @_cdecl("recurrent_network_initial_state")
public func recurrent_network_initial_state(
  _ network: recurrent_network, _ batch_size: Int64, _ state: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(state, "state"), network = try call.readNetwork(network)
    let count = try network.stateCount(sequences: batch_size)
    try network.copyInitialState(batchSize: Int(batch_size), to: output(out, count, network.dtype, "state"))
  }
}

@implementation @_cdecl("recurrent_network_forward_sequence")
public func recurrent_network_forward_sequence(
  _ network: recurrent_network, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!, _ T: Int64, _ B: Int64,
  _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!, _ resets: UnsafePointer<Int64>!, _ training: Int32,
  _ y: UnsafeMutableRawPointer!,
  _ final_state: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let training = try flag(training, "training")
    let network = training ? try call.trainableNetwork(network) : try call.network(network), dtype = network.dtype
    let y = try output(y, "y"), sizes = try Sizes(network, T, B)
    try network.forward(
      inputs(x, tokens, sizes), T: sizes.T, B: sizes.B, state: elements(state, sizes.state, dtype, "state"),
      lengths: counts(lengths, sizes.B, "lengths"), resets: counts(resets, sizes.columns, "resets"),
      y: output(y, sizes.columns * network.topSize, dtype, "y"),
      finalState: elements(final_state, sizes.state, dtype, "final_state"), training: training)
  }
}

@implementation @_cdecl("recurrent_network_infer_sequence")
public func recurrent_network_infer_sequence(
  _ network: recurrent_network, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!, _ T: Int64, _ B: Int64,
  _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!, _ resets: UnsafePointer<Int64>!,
  _ y: UnsafeMutableRawPointer!, _ final_state: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.readNetwork(network), dtype = network.dtype
    let y = try output(y, "y"), sizes = try Sizes(network, T, B)
    try network.infer(
      inputs(x, tokens, sizes), T: sizes.T, B: sizes.B, state: elements(state, sizes.state, dtype, "state"),
      lengths: counts(lengths, sizes.B, "lengths"), resets: counts(resets, sizes.columns, "resets"),
      y: output(y, sizes.columns * network.topSize, dtype, "y"),
      finalState: elements(final_state, sizes.state, dtype, "final_state"))
  }
}

@implementation @_cdecl("recurrent_network_backward_sequence")
public func recurrent_network_backward_sequence(
  _ network: recurrent_network, _ dy: UnsafeRawPointer!, _ dfinal: UnsafeRawPointer!, _ dx: UnsafeMutableRawPointer!,
  _ dstate: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), dtype = network.dtype, dy = try output(dy, "dy")
    let (T, B) = try network.lastForward(), state = network.stateCount(batchSize: B)
    guard let dy = try elements(dy, T * B * network.topSize, dtype, "dy") else { return }
    try network.backward(
      dy: dy, dState: elements(dfinal, state, dtype, "dfinal"),
      dx: elements(dx, T * B * network.inputSize, dtype, "dx"), dStart: elements(dstate, state, dtype, "dstate"))
  }
}

@implementation @_cdecl("recurrent_network_activation")
public func recurrent_network_activation(
  _ network: recurrent_network, _ name: UnsafePointer<CChar>!, _ length: Int64, _ values: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), name = try text(name, length, "name"),
      values = try output(values, "values")
    try network.activation(name, to: output(values, network.activationCount(name), network.dtype, "values"))
  }
}

@implementation @_cdecl("recurrent_network_train_step")
public func recurrent_network_train_step(
  _ network: recurrent_network, _ optimizer: recurrent_optimizer, _ x: UnsafeRawPointer!,
  _ tokens: UnsafePointer<Int64>!,
  _ classes: UnsafePointer<Int64>!, _ values: UnsafeRawPointer!, _ T: Int64, _ B: Int64, _ state: UnsafeRawPointer!,
  _ lengths: UnsafePointer<Int64>!, _ resets: UnsafePointer<Int64>!, _ learning_rate: Double, _ weight_decay: Double,
  _ clip: Double, _ memory: Int64,
  _ final_state: UnsafeMutableRawPointer!, _ result: UnsafeMutablePointer<recurrent_step_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.trainableNetwork(network), optimizer = try call.optimizer(optimizer)
    let sizes = try Sizes(network, T, B), dtype = network.dtype
    let step = try network.trainStep(
      inputs(x, tokens, sizes), targets(classes, values, sizes), T: sizes.T, B: sizes.B,
      state: elements(state, sizes.state, dtype, "state"), lengths: counts(lengths, sizes.B, "lengths"),
      resets: counts(resets, sizes.columns, "resets"),
      finalState: elements(final_state, sizes.state, dtype, "final_state"), optimizer: optimizer,
      learningRate: own(learning_rate), weightDecay: weight_decay, clip: clip, memory: memory == 0 ? nil : Int(memory))
    result?.pointee = recurrent_step_result(step)
  }
}

@implementation @_cdecl("recurrent_network_loss")
public func recurrent_network_loss(
  _ network: recurrent_network, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!,
  _ classes: UnsafePointer<Int64>!,
  _ values: UnsafeRawPointer!, _ T: Int64, _ B: Int64, _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!,
  _ resets: UnsafePointer<Int64>!, _ final_state: UnsafeMutableRawPointer!, _ loss: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(loss, "loss"), network = try call.readNetwork(network)
    let sizes = try Sizes(network, T, B), dtype = network.dtype
    out.pointee = try network.loss(
      inputs(x, tokens, sizes), targets(classes, values, sizes), T: sizes.T, B: sizes.B,
      state: elements(state, sizes.state, dtype, "state"), lengths: counts(lengths, sizes.B, "lengths"),
      resets: counts(resets, sizes.columns, "resets"),
      finalState: elements(final_state, sizes.state, dtype, "final_state"))
  }
}

@implementation @_cdecl("recurrent_network_gradient")
public func recurrent_network_gradient(
  _ network: recurrent_network, _ x: UnsafeRawPointer!, _ tokens: UnsafePointer<Int64>!,
  _ classes: UnsafePointer<Int64>!,
  _ values: UnsafeRawPointer!, _ T: Int64, _ B: Int64, _ state: UnsafeRawPointer!, _ lengths: UnsafePointer<Int64>!,
  _ resets: UnsafePointer<Int64>!, _ final_state: UnsafeMutableRawPointer!, _ loss: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(loss, "loss"), network = try call.trainableNetwork(network)
    let sizes = try Sizes(network, T, B), dtype = network.dtype
    out.pointee = try network.gradient(
      inputs(x, tokens, sizes), targets(classes, values, sizes), T: sizes.T, B: sizes.B,
      state: elements(state, sizes.state, dtype, "state"), lengths: counts(lengths, sizes.B, "lengths"),
      resets: counts(resets, sizes.columns, "resets"),
      finalState: elements(final_state, sizes.state, dtype, "final_state"))
  }
}

@implementation @_cdecl("recurrent_network_step")
public func recurrent_network_step(
  _ network: recurrent_network, _ token: Int64, _ x: UnsafeRawPointer!, _ state: UnsafeMutableRawPointer!,
  _ y: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.readNetwork(network), dtype = network.dtype
    try network.inferenceStep(
      token: Int(token), x: elements(x, network.inputSize, dtype, "x"),
      state: output(state, network.stateCount(batchSize: 1), dtype, "state"),
      y: elements(y, network.topSize, dtype, "y"))
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

/// The sizes of the arrays of a call, as recurrent.h documents them.
private struct Sizes {
  let network: Network
  let T: Int, B: Int
  /// T·B.
  let columns: Int
  /// Elements of a state.
  let state: Int

  init(_ network: Network, _ T: Int64, _ B: Int64) throws(RecurrentError) {
    (self.network, self.T, self.B) = (network, Int(T), Int(B))
    columns = try network.columns(self.T, self.B)
    state = network.stateCount(batchSize: self.B)
  }
}

extension Network {
  /// The elements of a state of `sequences` sequences.
  func stateCount(sequences: Int64) throws(RecurrentError) -> Int {
    let one = stateCount(batchSize: 1)
    guard sequences > 0 else {
      throw RecurrentError(.badShape, "batch_size is out of range; expected at least 1, got \(sequences)")
    }
    return try size(sequences, "batch_size", stride: one * dtype.size) * one
  }
}

/// The input: tokens or values, exactly one of them.
@_lifetime(immortal)
private func inputs(
  _ x: UnsafeRawPointer?, _ tokens: UnsafePointer<Int64>?, _ sizes: Sizes
) throws(RecurrentError) -> Network.Inputs {
  if let tokens {
    guard x == nil else {
      throw RecurrentError(.badValue, "x and tokens are both given; expected one of them, got two")
    }
    return .tokens(try span(tokens, sizes.columns, "tokens"))
  }
  guard let x = try elements(x, sizes.columns * sizes.network.inputSize, sizes.network.dtype, "x") else {
    throw RecurrentError(.nullArgument, "x and tokens are both NULL; expected one of them, got none")
  }
  return .values(x)
}

/// The targets of a loss: classes or values, exactly one of them.
@_lifetime(immortal)
private func targets(
  _ classes: UnsafePointer<Int64>?, _ values: UnsafeRawPointer?, _ sizes: Sizes
) throws(RecurrentError) -> Network.Targets {
  if let classes {
    guard values == nil else {
      throw RecurrentError(.badValue, "classes and values are both given; expected one of them, got two")
    }
    return .classes(try span(classes, sizes.columns, "classes"))
  }
  guard let values = try elements(values, sizes.columns * sizes.network.topSize, sizes.network.dtype, "values") else {
    throw RecurrentError(.nullArgument, "classes and values are both NULL; expected one of them, got none")
  }
  return .values(values)
}

/// Whole numbers of the caller, nil for NULL.
@_lifetime(immortal)
private func counts(
  _ numbers: UnsafePointer<Int64>?, _ count: Int, _ name: StaticString
) throws(RecurrentError) -> Span<Int64>? {
  guard let numbers else { return nil }
  return try span(numbers, count, name)
}

@_lifetime(immortal)
private func span(
  _ p: UnsafePointer<Int64>, _ count: Int, _ name: StaticString
) throws(RecurrentError) -> Span<Int64> {
  _overrideLifetime(Span(_unsafeElements: try input(p, Int64(count), name)), borrowing: ())
}
