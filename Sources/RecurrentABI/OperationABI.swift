// Every operation of a graph. Each body fetches its Mats, records, and hands out the result.
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
    try give(.mat(try operation(call.graph(graph), call.mat(m, "m"))), out)
  }
}

/// Records an operation of two Mats.
private func record(
  _ graph: UInt64, _ a: UInt64, _ b: UInt64, _ out: UnsafeMutablePointer<UInt64>?,
  _ operation: (Graph, Mat, Mat) throws(RecurrentError) -> Mat
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out")
    try give(.mat(try operation(call.graph(graph), call.mat(a, "a"), call.mat(b, "b"))), out)
  }
}

// MARK: Of one Mat

@implementation @_cdecl("recurrent_graph_tanh")
public func recurrent_graph_tanh(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.tanh(m) }
}

@implementation @_cdecl("recurrent_graph_sigmoid")
public func recurrent_graph_sigmoid(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.sigmoid(m) }
}

@implementation @_cdecl("recurrent_graph_relu")
public func recurrent_graph_relu(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.relu(m) }
}

@implementation @_cdecl("recurrent_graph_gelu")
public func recurrent_graph_gelu(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.gelu(m) }
}

@implementation @_cdecl("recurrent_graph_silu")
public func recurrent_graph_silu(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.silu(m) }
}

@implementation @_cdecl("recurrent_graph_softplus")
public func recurrent_graph_softplus(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.softplus(m) }
}

@implementation @_cdecl("recurrent_graph_neg")
public func recurrent_graph_neg(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.neg(m) }
}

@implementation @_cdecl("recurrent_graph_exp")
public func recurrent_graph_exp(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.exp(m) }
}

@implementation @_cdecl("recurrent_graph_log")
public func recurrent_graph_log(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.log(m) }
}

@implementation @_cdecl("recurrent_graph_sqrt")
public func recurrent_graph_sqrt(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.sqrt(m) }
}

@implementation @_cdecl("recurrent_graph_square")
public func recurrent_graph_square(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.square(m) }
}

@implementation @_cdecl("recurrent_graph_abs")
public func recurrent_graph_abs(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.abs(m) }
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

// MARK: Of two Mats

@implementation @_cdecl("recurrent_graph_add")
public func recurrent_graph_add(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.add(a, b) }
}

@implementation @_cdecl("recurrent_graph_sub")
public func recurrent_graph_sub(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.sub(a, b) }
}

@implementation @_cdecl("recurrent_graph_eltmul")
public func recurrent_graph_eltmul(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.eltmul(a, b) }
}

@implementation @_cdecl("recurrent_graph_div")
public func recurrent_graph_div(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.div(a, b) }
}

@implementation @_cdecl("recurrent_graph_mul")
public func recurrent_graph_mul(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.mul(a, b) }
}

@implementation @_cdecl("recurrent_graph_dot")
public func recurrent_graph_dot(
  _ graph: recurrent_graph, _ a: recurrent_mat, _ b: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, a, b, out) { (g, a, b) throws(RecurrentError) in try g.dot(a, b) }
}

// MARK: With a setting

@implementation @_cdecl("recurrent_graph_leaky_relu")
public func recurrent_graph_leaky_relu(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ slope: Double, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.leakyRelu(m, negativeSlope: slope) }
}

@implementation @_cdecl("recurrent_graph_scale")
public func recurrent_graph_scale(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ factor: Double, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  record(graph, m, out) { (g, m) throws(RecurrentError) in try g.scale(m, by: factor) }
}

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

private func checked(_ axis: Int32) throws(RecurrentError) -> Axis {
  guard let axis = Axis(rawValue: axis) else {
    throw RecurrentError(.badValue, "axis is \(axis); expected -1 (all), 0 (rows) or 1 (columns)")
  }
  return axis
}

private func checked(reduction: Int32) throws(RecurrentError) -> Reduction {
  guard let reduction = Reduction(rawValue: reduction) else {
    throw RecurrentError(.badValue, "reduction is \(reduction); expected 0 (mean) or 1 (sum)")
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
  _ graph: recurrent_graph, _ m: recurrent_mat, _ rate: Double, _ random: recurrent_random,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), random = try call.random(random)
    try give(.mat(try call.graph(graph).dropout(call.mat(m, "m"), rate: rate, random)), out)
  }
}

// MARK: With indices

@implementation @_cdecl("recurrent_graph_row_pluck")
public func recurrent_graph_row_pluck(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ rows: UnsafePointer<Int64>!, _ count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), rows = try input(rows, count, "rows")
    let graph = try call.graph(graph), m = try call.mat(m, "m")
    try give(.mat(try graph.rowPluck(m, rows.lazy.map { Int($0) })), out)
  }
}

@implementation @_cdecl("recurrent_graph_cross_entropy")
public func recurrent_graph_cross_entropy(
  _ graph: recurrent_graph, _ scores: recurrent_mat, _ targets: UnsafePointer<Int64>!, _ count: Int64,
  _ reduction: recurrent_reduction, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), targets = try input(targets, count, "targets")
    let graph = try call.graph(graph), scores = try call.mat(scores, "scores")
    let reduction = try checked(reduction: reduction)
    try give(.mat(try graph.crossEntropy(scores, targets.lazy.map { Int($0) }, reduction)), out)
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
    try give(.mat(try graph.concatRows(call.mats(mats, count))), out)
  }
}

@implementation @_cdecl("recurrent_graph_concat_columns")
public func recurrent_graph_concat_columns(
  _ graph: recurrent_graph, _ mats: UnsafePointer<recurrent_mat>!, _ count: Int64,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.graph(graph)
    try give(.mat(try graph.concatColumns(call.mats(mats, count))), out)
  }
}

@implementation @_cdecl("recurrent_graph_layer_norm")
public func recurrent_graph_layer_norm(
  _ graph: recurrent_graph, _ m: recurrent_mat, _ gain: recurrent_mat, _ bias: recurrent_mat, _ epsilon: Double,
  _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out"), graph = try call.graph(graph)
    let m = try call.mat(m, "m"), gain = try call.mat(gain, "gain"), bias = try call.mat(bias, "bias")
    try give(.mat(try graph.layerNorm(m, gain: gain, bias: bias, epsilon: epsilon)), out)
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
    try give(.mat(try graph.rnn(x, h, Wx: Wx, Wh: Wh, b: b)), next)
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
    try give([(next.h, nextH), (next.c, nextC)])
  }
}
