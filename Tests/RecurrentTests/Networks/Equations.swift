// The naive reference of every cell: one graph operation per sign of the equations, by the parameters' names.

import Recurrent
import Testing

/// Time steps of a network by the cells' equations.
struct Equations {
  let model: Network, graph: Graph
  /// The states, for each a Mat per layer.
  var states: [[Mat]]
  var h: [Mat] {
    get { states[0] }
    set { states[0] = newValue }
  }
  var c: [Mat] {
    get { states.count > 1 ? states[1] : [] }
    set { states[1] = newValue }
  }

  /// From an initial state; nil for zeros.
  init(_ model: Network, _ graph: Graph, columns: Int, _ state: Network.State? = nil) throws {
    (self.model, self.graph) = (model, graph)
    let start: Network.State
    if let state { start = state } else { start = try model.initialState(graph, batchSize: columns) }
    states = start.mats
  }

  /// The input of a token: a row of the embedding, or a one-hot column.
  func input(_ token: Int) throws -> Mat {
    if let Wil = model.parameters["Wil"] { return try graph.rowPluck(Wil, token) }
    return try Mat(
      model.inputSize, 1, .float64, rows: (0..<model.inputSize).map { $0 == token ? 1 : 0 })
  }

  /// One time step of all layers and the decoder.
  mutating func step(_ x: Mat) throws -> Mat {
    var input = x
    for k in states[0].indices {
      let old = states[0][k]
      switch model.cell {
      case .rnnRelu: h[k] = try graph.relu(z("Wxh\(k)", input, "Whh\(k)", old, "bhh\(k)"))
      case .rnnTanh: h[k] = try graph.tanh(z("Wxh\(k)", input, "Whh\(k)", old, "bhh\(k)"))
      case .lstm:
        let i = try gate("i", k, input, old), f = try gate("f", k, input, old),
          o = try gate("o", k, input, old)
        let write = try graph.tanh(z("Wcx\(k)", input, "Wch\(k)", old, "bc\(k)"))
        c[k] = try graph.add(graph.eltmul(f, c[k]), graph.eltmul(i, write))
        h[k] = try graph.eltmul(o, graph.tanh(c[k]))
      case .gru:
        let r = try gate("r", k, input, old), keep = try gate("z", k, input, old)
        let inner = try graph.add(graph.mul(W("Wnh\(k)"), old), W("bnh\(k)"))
        let outer = try graph.add(graph.mul(W("Wnx\(k)"), input), W("bn\(k)"))
        h[k] = try mix(keep, graph.tanh(graph.add(outer, graph.eltmul(r, inner))), old)
      case .gruResetBefore:
        let r = try gate("r", k, input, old), keep = try gate("z", k, input, old)
        h[k] = try mix(keep, graph.tanh(z("Wnx\(k)", input, "Wnh\(k)", graph.eltmul(r, old), "bn\(k)")), old)
      default:
        let own = try #require(TestCells.named(model.cell.name))
        let parameters = try own.names.map { try W("\($0)\(k)") }
        let after = try own.step(graph, input, states.map { $0[k] }, parameters)
        for s in after.indices { states[s][k] = after[s] }
      }
      input = h[k]
    }
    guard model.outputSize != nil else { return input }
    return try graph.add(graph.mul(W(model.isTied ? "Wil" : "Whd"), input), W("bd"))
  }

  private func W(_ name: String) throws -> Mat { try #require(model.parameters[name]) }

  private func z(_ Wx: String, _ x: Mat, _ Wh: String, _ h: Mat, _ b: String) throws -> Mat {
    try graph.add(graph.add(graph.mul(W(Wx), x), graph.mul(W(Wh), h)), W(b))
  }

  private func gate(_ name: String, _ k: Int, _ x: Mat, _ h: Mat) throws -> Mat {
    try graph.sigmoid(z("W\(name)x\(k)", x, "W\(name)h\(k)", h, "b\(name)\(k)"))
  }

  /// (1 − z) ⊙ n + z ⊙ h.
  private func mix(_ z: Mat, _ n: Mat, _ h: Mat) throws -> Mat {
    try graph.add(graph.sub(n, graph.eltmul(z, n)), graph.eltmul(z, h))
  }
}
