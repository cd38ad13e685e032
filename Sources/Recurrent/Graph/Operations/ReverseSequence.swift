// The reversal of sequences in time, each within its length.

import Kernels

extension Graph {
  /// Records the time steps of sequences in reverse order, each sequence within its length; its later steps stay.
  ///
  /// - Parameters:
  ///   - m: [n × T·B], column t·B + b is time step t of sequence b.
  ///   - T: time steps, at least 1.
  ///   - lengths: valid time steps of each of the B sequences, 0 to T; nil for T.
  /// - Throws: `.badShape` for columns that are no multiple of T, or another number of lengths; `.badIndex`.
  public func reverseSequence(_ m: Mat, steps T: Int, lengths: [Int]? = nil) throws(RecurrentError) -> Mat {
    try require(
      T >= 1 && m.d % T == 0, .badShape,
      "steps is out of range; expected a divisor of the number of columns \(m.d), got \(T)")
    let mark = arena.mark
    do throws(RecurrentError) {
      let copied: UnsafeMutablePointer<Int32>? =
        if let lengths { try copyIndices(lengths, count: m.d / T, below: T + 1, "lengths") } else { nil }
      return try reverseSequence(m, steps: T, lengths: copied)
    } catch {
      if nodes.isEmpty { arena.release(to: mark) }
      throw error
    }
  }

  /// Records the reversal with lengths in the graph's memory.
  func reverseSequence(
    _ m: Mat, steps T: Int, lengths: UnsafeMutablePointer<Int32>?
  ) throws(RecurrentError) -> Mat {
    try record(ReverseSequence(T: T, lengths: lengths), m, n: m.n, d: m.d)
  }
}

private struct ReverseSequence: GraphOperation {
  let T: Int
  let lengths: UnsafeMutablePointer<Int32>?

  var name: String { "reverse_sequence" }

  func forward<Scalar: Real>(_ args: Operands<Scalar>) {
    let m = args[0], y = args.y
    forEachBlock(m.columns) { from, to, count in copy(m.columns(from, count), to: y.columns(to, count)) }
  }

  func backward<Scalar: Real>(_ args: Operands<Scalar>) {
    let dm = args.gradient(0), dy = args.dy
    forEachBlock(dm.columns) { from, to, count in
      accumulate(dy.columns(to, count), times: 1, into: dm.columns(from, count))
    }
  }

  var backwardReads: BackwardReads { BackwardReads() }

  /// Visits blocks of neighbouring columns of m, with the first column of each in m and in the result.
  private func forEachBlock(_ columns: Int, _ body: (_ from: Int, _ to: Int, _ count: Int) -> Void) {
    let B = columns / T
    for t in 0..<T {
      guard let lengths else {
        body((T - 1 - t) * B, t * B, B)
        continue
      }
      for b in 0..<B { body(reversedStep(t, length: Int(lengths[b])) * B + b, t * B + b, 1) }
    }
  }
}

/// The time step that takes the place of step t.
func reversedStep(_ t: Int, length: Int) -> Int { t < length ? length - 1 - t : t }
