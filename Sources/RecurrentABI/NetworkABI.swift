// Networks, and one time step on a graph.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_network_create")
public func recurrent_network_create(
  _ settings: UnsafePointer<CChar>!, _ length: Int64, _ random: recurrent_random,
  _ network: UnsafeMutablePointer<recurrent_network>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(network, "network"), settings = try Network.Settings(json: text(settings, length, "settings"))
    try register(try Network(settings, random: call.random(random)), out)
  }
}

@implementation @_cdecl("recurrent_network_describe")
public func recurrent_network_describe(
  _ network: recurrent_network, _ settings: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(call.readNetwork(network).settings.json, settings, capacity, length, "settings")
  }
}

@implementation @_cdecl("recurrent_network_program")
public func recurrent_network_program(
  _ network: recurrent_network, _ index: Int64, _ program: UnsafeMutablePointer<recurrent_program>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(program, "program"), network = try call.network(network)
    try register(try network.program(layer: Int(index)), out)
  }
}

@implementation @_cdecl("recurrent_network_set_dropout")
public func recurrent_network_set_dropout(
  _ network: recurrent_network, _ p: Double, _ random: recurrent_random
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), random = p == 0 && random == 0 ? nil : try call.random(random)
    network.dropout = try random.map { (random) throws(RecurrentError) in try Dropout(rate: p, random: random) }
  }
}

@implementation @_cdecl("recurrent_network_initialize")
public func recurrent_network_initialize(
  _ network: recurrent_network, _ settings: UnsafePointer<CChar>!, _ length: Int64, _ random: recurrent_random
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network), random = try call.random(random)
    try network.initialize(Network.Initialization(json: text(settings, length, "settings")), random: random)
  }
}

@implementation @_cdecl("recurrent_network_free")
public func recurrent_network_free(_ network: recurrent_network) -> recurrent_status { free(network, .network) }

@implementation @_cdecl("recurrent_network_parameter")
public func recurrent_network_parameter(
  _ network: recurrent_network, _ name: UnsafePointer<CChar>!, _ length: Int64,
  _ mat: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(mat, "mat"), network = try call.readNetwork(network), name = try text(name, length, "name")
    guard let mat = network.parameters[name] else {
      throw RecurrentError(
        .badIndex,
        "name is unknown; expected one of \(network.parameters.names.joined(separator: " ")), got '\(name)'")
    }
    try register(mat, out)
  }
}

@implementation @_cdecl("recurrent_network_parameter_count")
public func recurrent_network_parameter_count(
  _ network: recurrent_network, _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(count, "count")
    out.pointee = Int64(try call.readNetwork(network).parameters.names.count)
  }
}

@implementation @_cdecl("recurrent_network_parameter_name")
public func recurrent_network_parameter_name(
  _ network: recurrent_network, _ index: Int64, _ name: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(
      element(index, of: call.readNetwork(network).parameters.names, "parameter"), name, capacity, length, "name")
  }
}

@implementation @_cdecl("recurrent_network_flat")
public func recurrent_network_flat(
  _ network: recurrent_network, _ flat: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(flat, "flat")
    try register(try call.readNetwork(network).parameters.flat, out)
  }
}

@implementation @_cdecl("recurrent_network_forward")
public func recurrent_network_forward(
  _ network: recurrent_network, _ graph: recurrent_graph, _ x: recurrent_mat, _ h: UnsafePointer<recurrent_mat>!,
  _ c: UnsafePointer<recurrent_mat>!, _ next_h: UnsafeMutablePointer<recurrent_mat>!,
  _ next_c: UnsafeMutablePointer<recurrent_mat>!, _ out: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let nextH = try output(next_h, "next_h"), out = try output(out, "out")
    let network = try call.network(network), graph = try call.graph(graph), x = try call.mat(x, "x")
    // c holds the handles of all states after the first
    let layers = network.hiddenSizes.count * (network.options.bidirectional ? 2 : 1)
    let others = network.cell.states.count - 1
    let nextC = others > 0 ? try output(next_c, "next_c") : nil
    var state: Network.State?
    if h != nil || c != nil {
      let all = try others > 0 ? call.mats(c, Int64(layers * others)) : []
      var mats = [try call.mats(h, Int64(layers))]
      for s in 0..<others { mats.append(Array(all[s * layers..<(s + 1) * layers])) }
      state = Network.State(mats)
    }
    let (o, next) = try network.forward(graph, x, state)
    var results = [(o, out)]
    for (k, h) in next.h.enumerated() { results.append((h, nextH + k)) }
    if let nextC {
      for (i, c) in next.mats.dropFirst().joined().enumerated() { results.append((c, nextC + i)) }
    }
    try register(results)
  }
}

@implementation @_cdecl("recurrent_network_beam_search")
public func recurrent_network_beam_search(
  _ network: recurrent_network, _ prompt: UnsafePointer<Int64>!, _ prompt_length: Int64, _ max_tokens: Int64,
  _ beams: Int64, _ end: Int64, _ state: UnsafeRawPointer!, _ tokens: UnsafeMutablePointer<Int64>!,
  _ lengths: UnsafeMutablePointer<Int64>!, _ log_probabilities: UnsafeMutablePointer<Double>!,
  _ count: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.readNetwork(network), prompt = try input(prompt, prompt_length, "prompt")
    let out = try output(count, "count"), lengths = try output(lengths, "lengths")
    let logProbabilities = try output(log_probabilities, "log_probabilities")
    guard end >= -1, end < network.inputSize else {
      throw RecurrentError(.badIndex, "end is out of range; expected -1 to \(network.inputSize - 1), got \(end)")
    }
    // a number of beams that is not positive is refused by the search
    let maxTokens = try size(max_tokens, "max_tokens")
    let (capacity, overflow) = Int64(maxTokens).multipliedReportingOverflow(by: max(1, beams))
    guard !overflow else {
      throw RecurrentError(
        .badShape, "beams * max_tokens is out of range; expected what memory holds, got \(beams) * \(maxTokens)")
    }
    _ = try input(UnsafePointer(tokens), capacity, "tokens")
    let found = try network.continuations(
      of: prompt, count: maxTokens, beams: Int(beams),
      state: elements(state, network.stateCount(batchSize: 1), network.dtype, "state"),
      until: end == -1 ? nil : Int(end))
    for i in 0..<found.count {
      let length = found.length(i)
      var at = i * maxTokens + length
      found.forEachToken(i) { token in
        at -= 1
        tokens[at] = token
      }
      for j in length..<maxTokens { tokens[i * maxTokens + j] = -1 }
      lengths[i] = Int64(length)
      logProbabilities[i] = found.logProbability(i)
    }
    out.pointee = Int64(found.count)
  }
}

/// Returns the name at an index.
func element(_ index: Int64, of names: [String], _ what: StaticString) throws(RecurrentError) -> String {
  guard index >= 0, index < names.count else {
    throw RecurrentError(
      .badIndex, "\(what) index is out of range; expected 0 to \(names.count - 1), got \(index)")
  }
  return names[Int(index)]
}
