// Models.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_model_create")
public func recurrent_model_create(
  _ cell: recurrent_cell, _ dtype: recurrent_dtype, _ input_size: Int64, _ embedding: Int64,
  _ hidden_sizes: UnsafePointer<Int64>!, _ layers: Int64, _ output_size: Int64, _ random: recurrent_random,
  _ model: UnsafeMutablePointer<recurrent_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(model, "model"), hiddenSizes = try input(hidden_sizes, layers, "hidden_sizes")
    let model = try Network(
      Network.Settings(
        RecurrentABI.cell(cell), inputSize: Int(input_size), embedding: embedding == 0 ? nil : Int(embedding),
        hiddenSizes: hiddenSizes.map { Int($0) }, outputSize: output_size == 0 ? nil : Int(output_size),
        dtype: RecurrentABI.dtype(dtype)), random: call.random(random))
    try give(.model(model), out)
  }
}

@implementation @_cdecl("recurrent_model_create_tied")
public func recurrent_model_create_tied(
  _ cell: recurrent_cell, _ dtype: recurrent_dtype, _ input_size: Int64, _ hidden_sizes: UnsafePointer<Int64>!,
  _ layers: Int64, _ random: recurrent_random, _ model: UnsafeMutablePointer<recurrent_model>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(model, "model"), hiddenSizes = try input(hidden_sizes, layers, "hidden_sizes")
    let model = try Network(
      Network.Settings(
        RecurrentABI.cell(cell), inputSize: Int(input_size), embedding: hiddenSizes.last.map { Int($0) },
        hiddenSizes: hiddenSizes.map { Int($0) }, outputSize: Int(input_size), tied: true,
        dtype: RecurrentABI.dtype(dtype)), random: call.random(random))
    try give(.model(model), out)
  }
}

@implementation @_cdecl("recurrent_model_set_dropout")
public func recurrent_model_set_dropout(
  _ model: recurrent_model, _ rate: Double, _ random: recurrent_random
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let model = try call.model(model), random = rate == 0 && random == 0 ? nil : try call.random(random)
    model.dropout = try random.map { (random) throws(RecurrentError) in try Dropout(rate: rate, random: random) }
  }
}

@implementation @_cdecl("recurrent_model_free")
public func recurrent_model_free(_ model: recurrent_model) -> recurrent_status { free(model, .model) }

@implementation @_cdecl("recurrent_model_parameter")
public func recurrent_model_parameter(
  _ model: recurrent_model, _ name: UnsafePointer<CChar>!, _ length: Int64, _ mat: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(mat, "mat"), model = try call.model(model), name = try text(name, length, "name")
    guard let mat = model.parameters[name] else {
      throw RecurrentError(
        .badIndex,
        "there is no parameter '\(name)'; there are \(model.parameters.names.joined(separator: " "))")
    }
    try give(.mat(mat), out)
  }
}

@implementation @_cdecl("recurrent_model_parameter_count")
public func recurrent_model_parameter_count(
  _ model: recurrent_model, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.model(model).parameters.names.count)
  }
}

@implementation @_cdecl("recurrent_model_parameter_name")
public func recurrent_model_parameter_name(
  _ model: recurrent_model, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(element(index, of: call.model(model).parameters.names, "parameter"), name, capacity, length, "name")
  }
}

@implementation @_cdecl("recurrent_model_flat")
public func recurrent_model_flat(
  _ model: recurrent_model, _ flat: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(flat, "flat")
    try give(.mat(try call.model(model).parameters.flat), out)
  }
}

@implementation @_cdecl("recurrent_model_forward")
public func recurrent_model_forward(
  _ model: recurrent_model, _ graph: recurrent_graph, _ x: recurrent_mat, _ h: UnsafePointer<recurrent_mat>!,
  _ c: UnsafePointer<recurrent_mat>!, _ next_h: UnsafeMutablePointer<recurrent_mat>!,
  _ next_c: UnsafeMutablePointer<recurrent_mat>!, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let nextH = try output(next_h, "next_h"), out = try output(out, "out")
    let model = try call.model(model), graph = try call.graph(graph), x = try call.mat(x, "x")
    let layers = Int64(model.hiddenSizes.count), isLSTM = model.cell.hasCell
    let nextC = isLSTM ? try output(next_c, "next_c") : nil
    var state: Network.State?
    if h != nil || c != nil {
      state = Network.State(h: try call.mats(h, layers), c: isLSTM ? try call.mats(c, layers) : [])
    }
    let (o, next) = try model.forward(graph, x, state)
    var results = [(o, out)]
    for (k, h) in next.h.enumerated() { results.append((h, nextH + k)) }
    if let nextC { for (k, c) in next.c.enumerated() { results.append((c, nextC + k)) } }
    try give(results)
  }
}

/// One of a list's names.
func element(_ index: Int64, of names: [String], _ what: StaticString) throws(RecurrentError) -> String {
  guard index >= 0, index < names.count else {
    throw RecurrentError(.badIndex, "\(what) \(index) is outside 0..<\(names.count)")
  }
  return names[Int(index)]
}
