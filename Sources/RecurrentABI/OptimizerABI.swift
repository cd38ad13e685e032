// Solvers.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_solver_create")
public func recurrent_solver_create(
  _ decay_rate: Double, _ smooth_eps: Double, _ solver: UnsafeMutablePointer<recurrent_solver>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(solver, "solver")
    try give(.solver(try Optimizer.recurrentJS(decayRate: decay_rate, smoothEps: smooth_eps)), out)
  }
}

@implementation @_cdecl("recurrent_solver_create_from")
public func recurrent_solver_create_from(
  _ settings: UnsafePointer<CChar>!, _ length: Int64, _ solver: UnsafeMutablePointer<recurrent_solver>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(solver, "solver")
    try give(.solver(try Optimizer(settings: text(settings, length, "settings"))), out)
  }
}

@implementation @_cdecl("recurrent_solver_free")
public func recurrent_solver_free(_ solver: recurrent_solver) -> recurrent_status { free(solver, .solver) }

@implementation @_cdecl("recurrent_solver_step")
public func recurrent_solver_step(
  _ solver: recurrent_solver, _ names: UnsafePointer<UnsafePointer<CChar>?>!, _ lengths: UnsafePointer<Int64>!,
  _ mats: UnsafePointer<recurrent_mat>!, _ count: Int64, _ step_size: Double, _ regc: Double, _ clipval: Double,
  _ stats: UnsafeMutablePointer<recurrent_step>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let solver = try call.solver(solver)
    let named = Array(zip(try texts(names, lengths, count, "names"), try call.mats(mats, count)))
    let step = try solver.step(
      named.map { (name: $0, mat: $1) }, learningRate: step_size, weightDecay: regc, clip: clipval)
    stats?.pointee = recurrent_step(step)
  }
}

@implementation @_cdecl("recurrent_solver_step_model")
public func recurrent_solver_step_model(
  _ solver: recurrent_solver, _ model: recurrent_model, _ step_size: Double, _ regc: Double, _ clipval: Double,
  _ stats: UnsafeMutablePointer<recurrent_step>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let solver = try call.solver(solver), model = try call.model(model)
    let step = try solver.step(model.parameters, learningRate: step_size, weightDecay: regc, clip: clipval)
    stats?.pointee = recurrent_step(step)
  }
}

@implementation @_cdecl("recurrent_solver_describe")
public func recurrent_solver_describe(
  _ solver: recurrent_solver, _ settings: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(call.solver(solver).settings, settings, capacity, length, "settings")
  }
}

@implementation @_cdecl("recurrent_solver_get_learning_rate")
public func recurrent_solver_get_learning_rate(
  _ solver: recurrent_solver, _ learning_rate: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(learning_rate, "learning_rate")
    out.pointee = try call.solver(solver).learningRate
  }
}

@implementation @_cdecl("recurrent_solver_set_learning_rate")
public func recurrent_solver_set_learning_rate(
  _ solver: recurrent_solver, _ learning_rate: Double
) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.solver(solver).set(learningRate: learning_rate) }
}

@implementation @_cdecl("recurrent_solver_name_count")
public func recurrent_solver_name_count(
  _ solver: recurrent_solver, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.solver(solver).names.count)
  }
}

@implementation @_cdecl("recurrent_solver_name")
public func recurrent_solver_name(
  _ solver: recurrent_solver, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(element(index, of: call.solver(solver).names, "name"), name, capacity, length, "name")
  }
}

@implementation @_cdecl("recurrent_solver_slot_count")
public func recurrent_solver_slot_count(
  _ solver: recurrent_solver, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.solver(solver).stateNames.count)
  }
}

@implementation @_cdecl("recurrent_solver_slot_name")
public func recurrent_solver_slot_name(
  _ solver: recurrent_solver, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(element(index, of: call.solver(solver).stateNames, "slot"), name, capacity, length, "name")
  }
}

@implementation @_cdecl("recurrent_solver_slot")
public func recurrent_solver_slot(
  _ solver: recurrent_solver, _ index: Int64, _ name: UnsafePointer<CChar>!, _ length: Int64,
  _ slot: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(slot, "slot"), solver = try call.solver(solver), name = try text(name, length, "name")
    let kind = try element(index, of: solver.stateNames, "slot")
    guard let slot = solver.state(kind, of: name) else {
      throw RecurrentError(.badIndex, "there is no \(kind) of '\(name)' yet")
    }
    try give(.mat(slot), out)
  }
}

extension recurrent_step {
  fileprivate init(_ step: StepResult) {
    self.init(ratio_clipped: step.ratioClipped, gradient_norm: step.gradientNorm)
  }
}
