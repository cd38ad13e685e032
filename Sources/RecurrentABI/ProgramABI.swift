// Programs: recurrent steps, recorded once, and scans over sequences.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_step_create")
public func recurrent_step_create(
  _ settings: UnsafePointer<CChar>!, _ length: Int64, _ step: UnsafeMutablePointer<recurrent_step>!,
  _ graph: UnsafeMutablePointer<recurrent_graph>!, _ x: UnsafeMutablePointer<recurrent_mat>!,
  _ states: UnsafeMutablePointer<recurrent_mat>!, _ state_capacity: Int64,
  _ parameters: UnsafeMutablePointer<recurrent_mat>!, _ parameter_capacity: Int64
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(step, "step"), graph = try output(graph, "graph"), x = try output(x, "x")
    let states = try output(states, "states")
    let settings = try Program.Settings(json: text(settings, length, "settings"))
    let recorder = try ProgramRecorder(settings), stride = MemoryLayout<recurrent_mat>.stride
    try checkCapacity(state_capacity, for: recorder.states.count, "states", stride: stride, "state_capacity")
    let count = settings.parameters.count
    try checkCapacity(parameter_capacity, for: count, "parameters", stride: stride, "parameter_capacity")
    let parameters = count == 0 ? states : try output(parameters, "parameters")
    var objects: [(Object, UnsafeMutablePointer<UInt64>)] = [
      (.reference(recorder), out), (.reference(recorder.graph), graph),
    ]
    if let mat = recorder.x { objects.append((.mat(mat), x)) } else { x.pointee = 0 }
    for (k, mat) in recorder.states.enumerated() { objects.append((.mat(mat), states + k)) }
    for (i, mat) in recorder.parameters.enumerated() { objects.append((.mat(mat), parameters + i)) }
    try register(objects)
  }
}

@implementation @_cdecl("recurrent_step_free")
public func recurrent_step_free(_ step: recurrent_step) -> recurrent_status { free(step, .step) }

@implementation @_cdecl("recurrent_step_finish")
public func recurrent_step_finish(
  _ step: recurrent_step, _ next: UnsafePointer<recurrent_mat>!, _ count: Int64,
  _ program: UnsafeMutablePointer<recurrent_program>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(program, "program"), step = try call.step(step)
    try register(try step.finish(call.mats(next, count)), out)
  }
}

@implementation @_cdecl("recurrent_step_dropout")
public func recurrent_step_dropout(
  _ step: recurrent_step, _ m: recurrent_mat, _ rate: Double, _ scope: recurrent_dropout_scope,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.step(step).graph
    guard let scope = DropoutScope(rawValue: scope) else {
      throw RecurrentError(.badValue, "scope is out of range; expected 0 (step) or 1 (sequence), got \(scope)")
    }
    try register(try graph.dropout(call.mat(m, "m"), rate: rate, per: scope), out)
  }
}

@implementation @_cdecl("recurrent_step_zoneout")
public func recurrent_step_zoneout(
  _ step: recurrent_step, _ m: recurrent_mat, _ previous: recurrent_mat, _ rate: Double,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.step(step).graph
    try register(try graph.zoneout(call.mat(m, "m"), call.mat(previous, "previous"), rate: rate), out)
  }
}

@implementation @_cdecl("recurrent_step_attend")
public func recurrent_step_attend(
  _ step: recurrent_step, _ query: recurrent_mat, _ keys: recurrent_mat, _ values: recurrent_mat,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.step(step).graph
    try register(
      try graph.attend(call.mat(query, "query"), keys: call.mat(keys, "keys"), values: call.mat(values, "values")), out)
  }
}

@implementation @_cdecl("recurrent_step_name")
public func recurrent_step_name(
  _ step: recurrent_step, _ m: recurrent_mat, _ name: UnsafePointer<CChar>!, _ length: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try call.step(step).graph.name(call.mat(m, "m"), text(name, length, "name"))
  }
}

@implementation @_cdecl("recurrent_program_create")
public func recurrent_program_create(
  _ text: UnsafePointer<CChar>!, _ length: Int64, _ program: UnsafeMutablePointer<recurrent_program>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(program, "program")
    try register(try Program(json: RecurrentABI.text(text, length, "text")), out)
  }
}

@implementation @_cdecl("recurrent_program_free")
public func recurrent_program_free(_ program: recurrent_program) -> recurrent_status { free(program, .program) }

@implementation @_cdecl("recurrent_program_describe")
public func recurrent_program_describe(
  _ program: recurrent_program, _ text: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(call.program(program).json(), text, capacity, length, "text")
  }
}

@implementation @_cdecl("recurrent_graph_scan")
public func recurrent_graph_scan(
  _ graph: recurrent_graph, _ program: recurrent_program, _ x: recurrent_mat,
  _ states: UnsafePointer<recurrent_mat>!, _ state_count: Int64, _ parameters: UnsafePointer<recurrent_mat>!,
  _ parameter_count: Int64, _ T: Int64, _ lengths: UnsafePointer<Int64>!, _ length_count: Int64,
  _ random: recurrent_random, _ y: UnsafeMutablePointer<recurrent_mat>!,
  _ final_states: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let y = try output(y, "y"), finals = try output(final_states, "final_states")
    let graph = try call.graph(graph), program = try call.program(program)
    let input = x == 0 && program.inputs == 0 ? nil : try call.mat(x, "x")
    let states = try call.mats(states, state_count), parameters = try call.mats(parameters, parameter_count)
    // copied once: another thread may write into the caller's array
    let counts = lengths == nil ? nil : try RecurrentABI.input(lengths, length_count, "lengths").map { Int($0) }
    let result = try graph.scan(
      program, input, states: states, parameters: parameters, steps: Int(T), lengths: counts,
      random: random == 0 ? nil : call.random(random))
    try register([(result.y, y)] + result.states.enumerated().map { ($1, finals + $0) })
  }
}

@implementation @_cdecl("recurrent_graph_forest")
public func recurrent_graph_forest(
  _ graph: recurrent_graph, _ program: recurrent_program, _ x: recurrent_mat, _ children: UnsafePointer<Int64>!,
  _ child_count: Int64, _ leaves: UnsafePointer<recurrent_mat>!, _ leaf_count: Int64,
  _ parameters: UnsafePointer<recurrent_mat>!, _ parameter_count: Int64, _ states: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let states = try output(states, "states")
    let graph = try call.graph(graph), program = try call.program(program)
    let input = x == 0 && program.inputs == 0 ? nil : try call.mat(x, "x")
    let leaves = try call.mats(leaves, leaf_count), parameters = try call.mats(parameters, parameter_count)
    let result = try graph.forest(
      program, input, children: indices(children, child_count, "children"), leaves: leaves, parameters: parameters)
    try register(result.enumerated().map { ($1, states + $0) })
  }
}

@implementation @_cdecl("recurrent_graph_apply")
public func recurrent_graph_apply(
  _ graph: recurrent_graph, _ program: recurrent_program, _ x: recurrent_mat, _ states: UnsafePointer<recurrent_mat>!,
  _ state_count: Int64, _ parameters: UnsafePointer<recurrent_mat>!, _ parameter_count: Int64,
  _ next_states: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let next = try output(next_states, "next_states")
    let graph = try call.graph(graph), program = try call.program(program)
    let input = x == 0 && program.inputs == 0 ? nil : try call.mat(x, "x")
    let states = try call.optionalMats(states, state_count), parameters = try call.mats(parameters, parameter_count)
    let result = try graph.apply(program, input, states: states, parameters: parameters)
    try register(result.enumerated().map { ($1, next + $0) })
  }
}
