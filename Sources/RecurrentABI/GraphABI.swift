// Graphs; their operations are in OperationABI.swift.
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
    try register(Graph(needsBackprop: needs_backprop != 0), out)
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

@implementation @_cdecl("recurrent_graph_backward_done")
public func recurrent_graph_backward_done(
  _ graph: recurrent_graph, _ done: UnsafeMutablePointer<Int32>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(done, "done")
    out.pointee = try call.graph(graph).backwardDone ? 1 : 0
  }
}

@implementation @_cdecl("recurrent_graph_operation")
public func recurrent_graph_operation(
  _ graph: recurrent_graph, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!, _ result: UnsafeMutablePointer<recurrent_operand>!,
  _ operands: UnsafeMutablePointer<recurrent_operand>!, _ operand_capacity: Int64, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let result = try output(result, "result"), operands = try output(operands, "operands")
    let count = try output(count, "count")
    let operation = try call.graph(graph).operation(at: Int(index))
    try checkCapacity(
      operand_capacity, for: operation.operands.count, "operands", stride: MemoryLayout<recurrent_operand>.stride,
      "operand_capacity")
    try write(operation.name, name, capacity, length, "name")
    result.pointee = recurrent_operand(operation.result)
    for (k, operand) in operation.operands.enumerated() { operands[k] = recurrent_operand(operand) }
    count.pointee = Int64(operation.operands.count)
  }
}

@implementation @_cdecl("recurrent_graph_operand")
public func recurrent_graph_operand(
  _ graph: recurrent_graph, _ index: Int64, _ operand: Int64, _ mat: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(mat, "mat")
    try register(try call.graph(graph).mat(ofOperation: Int(index), operand: operand == -1 ? nil : Int(operand)), out)
  }
}

extension recurrent_operand {
  fileprivate init(_ operand: Graph.Description.OperandInfo) {
    self.init(
      operation: Int64(operand.operation ?? -1), n: Int64(operand.n), d: Int64(operand.d), w: operand.w)
  }
}
