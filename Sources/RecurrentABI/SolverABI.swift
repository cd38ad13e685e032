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
    try give(.solver(try Solver(decayRate: decay_rate, smoothEps: smooth_eps)), out)
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
      named.map { (name: $0, mat: $1) }, stepSize: step_size, regc: regc, clipval: clipval)
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
    let step = try solver.step(model.parameters, stepSize: step_size, regc: regc, clipval: clipval)
    stats?.pointee = recurrent_step(step)
  }
}

@implementation @_cdecl("recurrent_solver_cache")
public func recurrent_solver_cache(
  _ solver: recurrent_solver, _ name: UnsafePointer<CChar>!, _ length: Int64,
  _ cache: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(cache, "cache"), solver = try call.solver(solver), name = try text(name, length, "name")
    guard let cache = solver.stepCache(name) else {
      throw RecurrentError(.badIndex, "there is no step cache '\(name)' yet")
    }
    try give(.mat(cache), out)
  }
}

@implementation @_cdecl("recurrent_solver_cache_count")
public func recurrent_solver_cache_count(
  _ solver: recurrent_solver, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.solver(solver).names.count)
  }
}

@implementation @_cdecl("recurrent_solver_cache_name")
public func recurrent_solver_cache_name(
  _ solver: recurrent_solver, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(element(index, of: call.solver(solver).names, "step cache"), name, capacity, length, "name")
  }
}

@implementation @_cdecl("recurrent_solver_describe")
public func recurrent_solver_describe(
  _ solver: recurrent_solver, _ decay_rate: UnsafeMutablePointer<Double>!, _ smooth_eps: UnsafeMutablePointer<Double>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let decay = try output(decay_rate, "decay_rate"), eps = try output(smooth_eps, "smooth_eps")
    let solver = try call.solver(solver)
    (decay.pointee, eps.pointee) = (solver.decayRate, solver.smoothEps)
  }
}

extension recurrent_step {
  fileprivate init(_ step: Solver.Statistics) {
    self.init(ratio_clipped: step.ratioClipped, gradient_norm: step.gradientNorm)
  }
}
