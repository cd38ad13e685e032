// Operations of a graph. Each body looks up its Mats, records the operation, and returns the result's handle.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

/// Records an operation of one Mat.
private func record(
  _ graph: UInt64, _ m: UInt64, _ out: UnsafeMutablePointer<UInt64>?,
  _ operation: (Graph, Mat) throws(RecurrentError) -> Mat
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out")
    try register(try operation(call.graph(graph), call.mat(m, "m")), out)
  }
}

/// Records an operation of two Mats.
private func record(
  _ graph: UInt64, _ a: UInt64, _ b: UInt64, _ out: UnsafeMutablePointer<UInt64>?,
  _ operation: (Graph, Mat, Mat) throws(RecurrentError) -> Mat
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out")
    try register(try operation(call.graph(graph), call.mat(a, "a"), call.mat(b, "b")), out)
  }
}

// MARK: Element by element

@implementation @_cdecl("recurrent_graph_unary")
public func recurrent_graph_unary(
  _ graph: recurrent_graph, _ operation: recurrent_unary, _ m: recurrent_mat, _ parameter: Double,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in
    guard let operation = UInt8(exactly: operation).flatMap(UnaryOperation.init) else {
      throw RecurrentError(
        .badValue, "operation is out of range; expected 0 to \(UnaryOperation.allCases.count - 1), got \(operation)")
    }
    return try g.unary(operation, m, parameter: parameter)
  }
}

@implementation @_cdecl("recurrent_graph_binary")
public func recurrent_graph_binary(
  _ graph: recurrent_graph, _ operation: recurrent_binary, _ a: recurrent_mat, _ b: recurrent_mat,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in
    guard let operation = UInt8(exactly: operation).flatMap(BinaryOperation.init) else {
      throw RecurrentError(
        .badValue, "operation is out of range; expected 0 to \(BinaryOperation.allCases.count - 1), got \(operation)")
    }
    return try g.binary(operation, a, b)
  }
}

@implementation @_cdecl("recurrent_graph_clip")
public func recurrent_graph_clip(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ low: Double, _ high: Double,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.clip(m, low: low, high: high) }
}

@implementation @_cdecl("recurrent_graph_where")
public func recurrent_graph_where(
  _ graph: recurrent_graph, _ condition: recurrent_mat, _ a: recurrent_mat, _ b: recurrent_mat,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.graph(graph)
    let condition = try call.mat(condition, "condition"), a = try call.mat(a, "a"), b = try call.mat(b, "b")
    try register(try graph.where(condition, a, b), out)
  }
}

// MARK: Of one Mat

@implementation @_cdecl("recurrent_graph_detach")
public func recurrent_graph_detach(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.detach(m) }
}

@implementation @_cdecl("recurrent_graph_reshape")
public func recurrent_graph_reshape(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ n: Int64, _ d: Int64, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.reshape(m, Int(n), Int(d)) }
}

@implementation @_cdecl("recurrent_graph_softmax")
public func recurrent_graph_softmax(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.softmax(m) }
}

@implementation @_cdecl("recurrent_graph_log_softmax")
public func recurrent_graph_log_softmax(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.logSoftmax(m) }
}

@implementation @_cdecl("recurrent_graph_transpose")
public func recurrent_graph_transpose(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.transpose(m) }
}

@implementation @_cdecl("recurrent_graph_reverse_sequence")
public func recurrent_graph_reverse_sequence(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ T: Int64, _ lengths: UnsafePointer<Int64>!, _ length_count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in
    // copied once: another thread may write into the caller's array
    let counts = lengths == nil ? nil : try input(lengths, length_count, "lengths").map { Int($0) }
    return try g.reverseSequence(m, steps: Int(T), lengths: counts)
  }
}

// MARK: Products

@implementation @_cdecl("recurrent_graph_mul")
public func recurrent_graph_mul(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.mul(a, b) }
}

@implementation @_cdecl("recurrent_graph_bmm")
public func recurrent_graph_bmm(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ batches: Int64, _ transpose_a: Int32,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in
    try g.bmm(a, b, Int(batches), transposeA: transpose_a != 0)
  }
}

@implementation @_cdecl("recurrent_graph_dot")
public func recurrent_graph_dot(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.dot(a, b) }
}

// MARK: With an option

@implementation @_cdecl("recurrent_graph_sum")
public func recurrent_graph_sum(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.sum(m, over: checked(axis)) }
}

@implementation @_cdecl("recurrent_graph_mean")
public func recurrent_graph_mean(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.mean(m, over: checked(axis)) }
}

@implementation @_cdecl("recurrent_graph_max")
public func recurrent_graph_max(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.max(m, over: checked(axis)) }
}

@implementation @_cdecl("recurrent_graph_min")
public func recurrent_graph_min(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.min(m, over: checked(axis)) }
}

@implementation @_cdecl("recurrent_graph_norm")
public func recurrent_graph_norm(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.norm(m, over: checked(axis)) }
}

@implementation @_cdecl("recurrent_graph_logsumexp")
public func recurrent_graph_logsumexp(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.logsumexp(m, over: checked(axis)) }
}

@implementation @_cdecl("recurrent_graph_cumsum")
public func recurrent_graph_cumsum(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.cumsum(m, over: checked(axis)) }
}

private func checked(_ axis: Int32) throws(RecurrentError) -> Axis {
  guard let axis = Axis(rawValue: axis) else {
    throw RecurrentError(.badValue, "axis is out of range; expected -1 (all), 0 (rows) or 1 (columns), got \(axis)")
  }
  return axis
}

private func checked(reduction: Int32) throws(RecurrentError) -> Reduction {
  guard let reduction = Reduction(rawValue: reduction) else {
    throw RecurrentError(.badValue, "reduction is out of range; expected 0 (mean) or 1 (sum), got \(reduction)")
  }
  return reduction
}

@implementation @_cdecl("recurrent_graph_slice_rows")
public func recurrent_graph_slice_rows(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ start: Int64, _ count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.sliceRows(m, Int(start), Int(count)) }
}

@implementation @_cdecl("recurrent_graph_slice_columns")
public func recurrent_graph_slice_columns(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ start: Int64, _ count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.sliceColumns(m, Int(start), Int(count)) }
}

@implementation @_cdecl("recurrent_graph_dropout")
public func recurrent_graph_dropout(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ p: Double, _ random: recurrent_random,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), random = try call.random(random)
    try register(try call.graph(graph).dropout(call.mat(m, "m"), rate: p, random), out)
  }
}

// MARK: With indices

@implementation @_cdecl("recurrent_graph_row_pluck")
public func recurrent_graph_row_pluck(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ rows: UnsafePointer<Int64>!, _ count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), rows = try indices(rows, count, "rows")
    let graph = try call.graph(graph), m = try call.mat(m, "m")
    try register(try graph.rowPluck(m, rows), out)
  }
}

@implementation @_cdecl("recurrent_graph_index_select")
public func recurrent_graph_index_select(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ indices: UnsafePointer<Int64>!, _ count: Int64,
  _ axis: recurrent_axis, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), selected = try RecurrentABI.indices(indices, count, "indices")
    let graph = try call.graph(graph), m = try call.mat(m, "m")
    try register(try graph.indexSelect(m, selected, over: checked(axis)), out)
  }
}

@implementation @_cdecl("recurrent_graph_cross_entropy")
public func recurrent_graph_cross_entropy(
  _ graph: recurrent_graph, _ scores: recurrent_mat, _ targets: UnsafePointer<Int64>!, _ count: Int64,
  _ reduction: recurrent_reduction, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), targets = try indices(targets, count, "targets")
    let graph = try call.graph(graph), scores = try call.mat(scores, "scores")
    let reduction = try checked(reduction: reduction)
    try register(try graph.crossEntropy(scores, targets, reduction), out)
  }
}

// MARK: Of several Mats

@implementation @_cdecl("recurrent_graph_squared_error")
public func recurrent_graph_squared_error(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ reduction: recurrent_reduction,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in
    try g.squaredError(a, b, checked(reduction: reduction))
  }
}

@implementation @_cdecl("recurrent_graph_concat_rows")
public func recurrent_graph_concat_rows(
  _ graph: recurrent_graph, _ mats: UnsafePointer<recurrent_mat>!, _ count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.graph(graph)
    try register(try graph.concatRows(call.mats(mats, count)), out)
  }
}

@implementation @_cdecl("recurrent_graph_concat_columns")
public func recurrent_graph_concat_columns(
  _ graph: recurrent_graph, _ mats: UnsafePointer<recurrent_mat>!, _ count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.graph(graph)
    try register(try graph.concatColumns(call.mats(mats, count)), out)
  }
}

@implementation @_cdecl("recurrent_graph_stack")
public func recurrent_graph_stack(
  _ graph: recurrent_graph, _ mats: UnsafePointer<recurrent_mat>!, _ count: Int64, _ axis: recurrent_axis,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.graph(graph)
    try register(try graph.stack(call.mats(mats, count), over: checked(axis)), out)
  }
}

@implementation @_cdecl("recurrent_graph_layer_norm")
public func recurrent_graph_layer_norm(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ gain: recurrent_mat, _ bias: recurrent_mat, _ epsilon: Double,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.graph(graph)
    let m = try call.mat(m, "m")
    if gain == 0 && bias == 0 { return try register(try graph.layerNorm(m, epsilon: epsilon), out) }
    let gain = try call.mat(gain, "gain"), bias = try call.mat(bias, "bias")
    try register(try graph.layerNorm(m, gain: gain, bias: bias, epsilon: epsilon), out)
  }
}

// MARK: Cells

@implementation @_cdecl("recurrent_graph_rnn")
public func recurrent_graph_rnn(
  _ graph: recurrent_graph, _ x: recurrent_mat, _ h: recurrent_mat, _ Wx: recurrent_mat, _ Wh: recurrent_mat,
  _ b: recurrent_mat, _ next_h: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let next = try output(next_h, "next_h"), graph = try call.graph(graph)
    let x = try call.mat(x, "x"), h = try call.mat(h, "h")
    let Wx = try call.mat(Wx, "Wx"), Wh = try call.mat(Wh, "Wh"), b = try call.mat(b, "b")
    try register(try graph.rnn(x, h, Wx: Wx, Wh: Wh, b: b), next)
  }
}

@implementation @_cdecl("recurrent_graph_lstm")
public func recurrent_graph_lstm(
  _ graph: recurrent_graph, _ x: recurrent_mat, _ h: recurrent_mat, _ c: recurrent_mat, _ Wx: recurrent_mat,
  _ Wh: recurrent_mat, _ b: recurrent_mat, _ next_h: UnsafeMutablePointer<recurrent_mat>!,
  _ next_c: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let nextH = try output(next_h, "next_h"), nextC = try output(next_c, "next_c"), graph = try call.graph(graph)
    let x = try call.mat(x, "x"), h = try call.mat(h, "h"), c = try call.mat(c, "c")
    let Wx = try call.mat(Wx, "Wx"), Wh = try call.mat(Wh, "Wh"), b = try call.mat(b, "b")
    let next = try graph.lstm(x, h, c, Wx: Wx, Wh: Wh, b: b)
    try register([(next.h, nextH), (next.c, nextC)])
  }
}
