// Activations: their values satisfy the equations; they are available between forward and backward.

import Testing

@testable import Recurrent

@Suite struct NetworkActivationsTests {
  private func activation(_ s: ScanCase, _ name: String, width: Int) throws -> [Double] {
    var values = [Double](repeating: .nan, count: s.T * s.B * width)
    try s.model.activation(name, to: .float64(values.mutableSpan))
    return values
  }

  /// Outputs follow from the gates, for every kind of input, few columns and many.
  @Test(arguments: Cell.builtin) func gatesMakeTheOutputs(_ cell: Cell) throws {
    for (T, B, oneHot, embedding) in [
      (4, 2, false, nil), (3, 13, false, nil), (2, 1, true, nil), (4, 13, true, nil), (4, 3, true, 3), (1, 2, true, 3),
    ] as [(Int, Int, Bool, Int?)] {
      let s = try ScanCase(
        cell, inputs: 5, hidden: [9, 4], outputs: nil, T: T, B: B, embedding: embedding, lengths: true, oneHot: oneHot,
        seed: 3)
      let y = try s.run().y, lengths = try #require(s.lengths)
      #expect(try activation(s, "h1", width: 4) == y)
      for (k, H) in [9, 4].enumerated() {
        var before = 0
        for below in 0..<k { before += s.model.hiddenSizes[below] * B }
        let h = try activation(s, "h\(k)", width: H)
        // the output of the previous step, or the initial one
        func old(_ i: Int) -> Double { i < B * H ? s.state[before + i] : h[i - B * H] }
        let valid = h.indices.filter { Int64($0 / (B * H)) < lengths[$0 / H % B] }
        switch cell {
        case .lstm:
          let i = try activation(s, "i\(k)", width: H), f = try activation(s, "f\(k)", width: H),
            o = try activation(s, "o\(k)", width: H)
          let g = try activation(s, "g\(k)", width: H), c = try activation(s, "c\(k)", width: H)
          let cells = s.state.count / 2
          for at in valid {
            let oldC = at < B * H ? s.state[cells + before + at] : c[at - B * H]
            #expect(abs(c[at] - (f[at] * oldC + i[at] * g[at])) < 1e-14)
            #expect(abs(h[at] - o[at] * hyperbolicTangent(c[at])) < 1e-14)
          }
        case .gru, .gruResetBefore:
          let z = try activation(s, "z\(k)", width: H), n = try activation(s, "n\(k)", width: H),
            r = try activation(s, "r\(k)", width: H)
          for at in valid { #expect(abs(h[at] - ((1 - z[at]) * n[at] + z[at] * old(at))) < 1e-14) }
          #expect(valid.allSatisfy { r[$0] > 0 && r[$0] < 1 })
        default: break
        }
        for name in s.model.activationNames where name.hasSuffix("\(k)") {
          let values = try activation(s, name, width: H)
          #expect(values.indices.allSatisfy { valid.contains($0) || values[$0] == 0 }, "\(name)")
        }
      }
    }
  }

  private func hyperbolicTangent(_ x: Double) -> Double {
    let graph = Graph()
    return (try? graph.tanh(Mat(1, 1, .float64, rows: [x])).rows()[0]) ?? .nan
  }

  @Test func activationsRefused() throws {
    let s = try ScanCase(.gru, inputs: 3, hidden: [4, 2], outputs: 2, T: 2, B: 2, seed: 1)
    #expect(s.model.activationNames == ["h0", "r0", "z0", "n0", "h1", "r1", "z1", "n1"])
    refused(.invalidated, "unavailable") { try activation(s, "h0", width: 4) }
    let run = try s.run()
    for name in ["", "h", "h2", "c0", "h01", "a0", "H0", "h-1"] {
      refused(.badIndex, "'\(name)'", "h0 r0 z0 n0 h1") { try activation(s, name, width: 4) }
    }
    #expect(try activation(s, "h0", width: 4).allSatisfy { $0.isFinite })
    // backward overwrites the gates
    _ = try s.back(dy: run.y, dEnd: run.end)
    refused(.invalidated, "unavailable") { try activation(s, "r0", width: 4) }
  }
}
