// Graphs themselves; their operations are in OperationABI.swift.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_graph_create")
public func recurrent_graph_create(
  _ needs_backprop: Int32, _ graph: UnsafeMutablePointer<recurrent_graph>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(graph, "graph")
    try give(.graph(Graph(needsBackprop: needs_backprop != 0)), out)
  }
}

@implementation @_cdecl("recurrent_graph_free")
public func recurrent_graph_free(_ graph: recurrent_graph) -> recurrent_status { free(graph, .graph) }

@implementation @_cdecl("recurrent_graph_reset")
public func recurrent_graph_reset(_ graph: recurrent_graph) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.graph(graph).reset() }
}

@implementation @_cdecl("recurrent_graph_evaluate")
public func recurrent_graph_evaluate(_ graph: recurrent_graph) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.graph(graph).evaluate() }
}

@implementation @_cdecl("recurrent_graph_backward")
public func recurrent_graph_backward(_ graph: recurrent_graph) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.graph(graph).backward() }
}

@implementation @_cdecl("recurrent_graph_backward_from")
public func recurrent_graph_backward_from(_ graph: recurrent_graph, _ loss: recurrent_mat) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try call.graph(graph).backward(from: call.mat(loss, "loss"))
  }
}

@implementation @_cdecl("recurrent_graph_count")
public func recurrent_graph_count(
  _ graph: recurrent_graph, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.graph(graph).count)
  }
}

@implementation @_cdecl("recurrent_graph_operation")
public func recurrent_graph_operation(
  _ graph: recurrent_graph, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!, _ result: UnsafeMutablePointer<recurrent_place>!,
  _ operands: UnsafeMutablePointer<recurrent_place>!, _ room: Int64, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let result = try output(result, "result"), operands = try output(operands, "operands")
    let count = try output(count, "count")
    let found = try call.graph(graph).operation(at: Int(index))
    guard room >= found.operands.count else {
      throw RecurrentError(.shortBuffer, "room is \(room); the operation takes \(found.operands.count)")
    }
    try write(found.name, name, capacity, length, "name")
    result.pointee = recurrent_place(found.result)
    for (k, operand) in found.operands.enumerated() { operands[k] = recurrent_place(operand) }
    count.pointee = Int64(found.operands.count)
  }
}

extension recurrent_place {
  fileprivate init(_ place: Graph.Description.OperandInfo) {
    self.init(
      operation: Int64(place.operation ?? -1), n: Int64(place.n), d: Int64(place.d), w: place.w)
  }
}
