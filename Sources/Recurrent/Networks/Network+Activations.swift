// What goes on inside: the outputs, cells and gates of every layer over the last sequence.

import Kernels

extension Network {
  /// The names of what can be tapped, layer by layer: `h0`, for an LSTM then `c0 i0 f0 o0 g0`, for a GRU `r0 z0 n0`.
  ///
  /// h is the output and c the cell after a step; i, f, o, r and z are gates, 0 to 1; g and n are the candidates, −1
  /// to 1.
  public var taps: [String] { hiddenSizes.indices.flatMap { k in tapLetters.map { "\($0.letter)\(k)" } } }

  /// Copies what one place of one layer did in the last `forward`, for as long as that has not been walked back.
  ///
  /// - Parameters:
  ///   - name: one of `taps`.
  ///   - p: receives T·B·H numbers, as a C-contiguous array (T, B, H); 0 beyond each sequence's end.
  /// - Throws: `.badIndex` for a name that is none, `.stale` if there is no `forward` to look into.
  public func tap(_ name: String, to p: UnsafeMutableRawPointer) throws(RecurrentError) {
    let found = taps.firstIndex(of: name)
    guard let found else {
      throw RecurrentError(.badIndex, "there is no tap '\(name)'; there are \(taps.joined(separator: " "))")
    }
    guard let run = recorded else {
      throw RecurrentError(.stale, "a tap needs a forward before it that has not been walked back")
    }
    let (layer, place) = (found / tapLetters.count, tapLetters[found % tapLetters.count].place)
    switch dtype {
    case .float32: copy(place, ofLayer: layer, run, to: p.assumingMemoryBound(to: Float.self))
    case .float64: copy(place, ofLayer: layer, run, to: p.assumingMemoryBound(to: Double.self))
    }
  }

  private enum Place {
    case output, cell
    /// A block of z's rows.
    case gate(Int)
  }

  private var tapLetters: [(letter: Character, place: Place)] {
    switch cell {
    case .rnn, .rnnTanh: [("h", .output)]
    case .lstm: [("h", .output), ("c", .cell), ("i", .gate(0)), ("f", .gate(1)), ("o", .gate(2)), ("g", .gate(3))]
    case .gru, .gruBefore: [("h", .output), ("r", .gate(0)), ("z", .gate(1)), ("n", .gate(3))]
    }
  }

  private func copy<T: Real>(_ place: Place, ofLayer layer: Int, _ run: Recorded, to p: UnsafeMutablePointer<T>) {
    graph.operands.withUnsafeBufferPointer { operands in
      var k = 0
      for node in graph.nodes {
        guard case .sequence(let s) = node.operation else { continue }
        if k == layer {
          let sequence = ScanRun(s, node, Operands<T>(operands, node)), H = sequence.H
          let from =
            switch place {
            case .output: sequence.x.y.columns(run.B, run.T * run.B)
            case .cell: MatrixView(sequence.c(0).p, rows: H, columns: run.T * run.B, columnStride: H)
            case .gate(let block): sequence.z.rows(block * H, H)
            }
          let to = MatrixView(p, rows: H, columns: run.T * run.B, columnStride: H)
          Kernels.copy(from, to: to)
          guard let lengths = run.lengths else { return }
          for j in 0..<to.d where j / run.B >= lengths[j % run.B] { fill(to.column(j), with: 0) }
        }
        k += 1
      }
    }
  }
}
