// Optimizers.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_optimizer_create")
public func recurrent_optimizer_create(
  _ settings: UnsafePointer<CChar>!, _ length: Int64, _ optimizer: UnsafeMutablePointer<recurrent_optimizer>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(optimizer, "optimizer")
    try register(try Optimizer(settings: text(settings, length, "settings")), out)
  }
}

@implementation @_cdecl("recurrent_optimizer_free")
public func recurrent_optimizer_free(_ optimizer: recurrent_optimizer) -> recurrent_status {
  free(optimizer, .optimizer)
}

@implementation @_cdecl("recurrent_optimizer_step")
public func recurrent_optimizer_step(
  _ optimizer: recurrent_optimizer, _ names: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int64>!,
  _ mats: UnsafePointer<recurrent_mat>!, _ count: Int64, _ learning_rate: Double, _ weight_decay: Double,
  _ clip: Double,
  _ result: UnsafeMutablePointer<recurrent_step_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let optimizer = try call.optimizer(optimizer)
    let names = try input(names, count, "names"), lengths = try input(lengths, count, "lengths")
    var parameters: [(name: String, mat: Mat)] = []
    for (i, handle) in try input(mats, count, "mats").enumerated() {
      parameters.append((try text(names[i], lengths[i], "names"), try call.mat(handle, "a Mat")))
    }
    let step = try optimizer.step(
      parameters, learningRate: own(learning_rate), weightDecay: weight_decay, clip: clip)
    result?.pointee = recurrent_step_result(step)
  }
}

@implementation @_cdecl("recurrent_optimizer_step_network")
public func recurrent_optimizer_step_network(
  _ optimizer: recurrent_optimizer, _ network: recurrent_network, _ learning_rate: Double, _ weight_decay: Double,
  _ clip: Double,
  _ result: UnsafeMutablePointer<recurrent_step_result>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let optimizer = try call.optimizer(optimizer), network = try call.network(network)
    let step = try optimizer.step(
      network.parameters, learningRate: own(learning_rate), weightDecay: weight_decay, clip: clip)
    result?.pointee = recurrent_step_result(step)
  }
}

@implementation @_cdecl("recurrent_optimizer_describe")
public func recurrent_optimizer_describe(
  _ optimizer: recurrent_optimizer, _ settings: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(call.optimizer(optimizer).settings, settings, capacity, length, "settings")
  }
}

@implementation @_cdecl("recurrent_optimizer_get_learning_rate")
public func recurrent_optimizer_get_learning_rate(
  _ optimizer: recurrent_optimizer, _ learning_rate: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(learning_rate, "learning_rate")
    out.pointee = try call.optimizer(optimizer).learningRate
  }
}

@implementation @_cdecl("recurrent_optimizer_set_learning_rate")
public func recurrent_optimizer_set_learning_rate(
  _ optimizer: recurrent_optimizer, _ learning_rate: Double
) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.optimizer(optimizer).set(learningRate: learning_rate) }
}

@implementation @_cdecl("recurrent_optimizer_name_count")
public func recurrent_optimizer_name_count(
  _ optimizer: recurrent_optimizer, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.optimizer(optimizer).names.count)
  }
}

@implementation @_cdecl("recurrent_optimizer_name")
public func recurrent_optimizer_name(
  _ optimizer: recurrent_optimizer, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(element(index, of: call.optimizer(optimizer).names, "name"), name, capacity, length, "name")
  }
}

@implementation @_cdecl("recurrent_optimizer_state_count")
public func recurrent_optimizer_state_count(
  _ optimizer: recurrent_optimizer, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.optimizer(optimizer).stateNames.count)
  }
}

@implementation @_cdecl("recurrent_optimizer_state_name")
public func recurrent_optimizer_state_name(
  _ optimizer: recurrent_optimizer, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(element(index, of: call.optimizer(optimizer).stateNames, "state"), name, capacity, length, "name")
  }
}

@implementation @_cdecl("recurrent_optimizer_state")
public func recurrent_optimizer_state(
  _ optimizer: recurrent_optimizer, _ index: Int64, _ name: UnsafePointer<CChar>!, _ length: Int64,
  _ state: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(state, "state"), optimizer = try call.optimizer(optimizer),
      name = try text(name, length, "name")
    let kind = try element(index, of: optimizer.stateNames, "state")
    guard let mat = optimizer.state(kind, of: name) else {
      throw RecurrentError(.badIndex, "name has no \(kind); expected a parameter of an earlier step, got '\(name)'")
    }
    try register(mat, out)
  }
}

@implementation @_cdecl("recurrent_optimizer_steps")
public func recurrent_optimizer_steps(
  _ optimizer: recurrent_optimizer, _ name: UnsafePointer<CChar>!, _ length: Int64,
  _ steps: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(steps, "steps"), optimizer = try call.optimizer(optimizer),
      name = try text(name, length, "name")
    guard optimizer.names.contains(name) else {
      throw RecurrentError(.badIndex, "name has no steps; expected a parameter of an earlier step, got '\(name)'")
    }
    out.pointee = Int64(optimizer.steps(of: name))
  }
}

@implementation @_cdecl("recurrent_optimizer_load_state")
public func recurrent_optimizer_load_state(
  _ optimizer: recurrent_optimizer, _ settings: UnsafePointer<CChar>!, _ settings_length: Int64,
  _ names: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int64>!, _ steps: UnsafePointer<Int64>!,
  _ states: UnsafePointer<recurrent_mat>!, _ count: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let optimizer = try call.optimizer(optimizer), settings = try text(settings, settings_length, "settings")
    let names = try input(names, count, "names"), lengths = try input(lengths, count, "lengths")
    let steps = try input(steps, count, "steps"), each = optimizer.stateNames.count
    // at most two Mats for each of the names, whose number fits memory
    let handles = try input(states, count * Int64(each), "states")
    var loaded: [Optimizer.NamedState] = []
    for i in names.indices {
      var tensors: [Mat] = []
      for handle in handles[i * each..<(i + 1) * each] { tensors.append(try call.mat(handle, "a Mat")) }
      loaded.append(
        Optimizer.NamedState(try text(names[i], lengths[i], "names"), steps: Int(steps[i]), tensors: tensors))
    }
    try optimizer.load(loaded, settings: settings)
  }
}

extension recurrent_step_result {
  init(_ result: StepResult) {
    self.init(loss: result.loss, gradient_norm: result.gradientNorm, ratio_clipped: result.ratioClipped)
  }
}

/// A learning rate; NAN stands for the optimizer's own.
func own(_ learningRate: Double) -> Double? { learningRate.isNaN ? nil : learningRate }
