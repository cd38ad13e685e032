// The gradient checker detects planted bugs: a layer differentiated by hand, with one bug at a time.

import Recurrent
import Testing

@Suite struct PlantedBugTests {
  enum Bug: CaseIterable {
    case none
    case droppedTerm, wrongSign, notAccumulated, transposedIndex, scaled, columnOff, rowOff, missingBias
    case slopeOfInput, forgottenFactor, oneBatchColumn, slightlyScaled
  }

  /// y = tanh(W·x + b) ⊙ s, where s also stands in x: s is used twice.
  private struct Layer {
    let n: Int, d: Int
    let W: Mat, s: Mat, b: Mat

    init(_ dice: Dice) throws {
      n = dice.integer(2...4)
      d = dice.integer(2...4)
      (W, s, b) = (try dice.leaf(n, n), try dice.leaf(n, d), try dice.leaf(n, 1))
    }

    var leaves: [Mat] { [W, s, b] }

    private func hidden() throws -> [Double] {
      let (W, s, b) = (try W.rows(), try s.rows(), try b.rows())
      let graph = Graph(needsBackprop: false)
      var z = [Double](repeating: 0, count: n * d)
      for i in 0..<n {
        for j in 0..<d { z[i * d + j] = (0..<n).reduce(b[i]) { $0 + W[i * n + $1] * s[$1 * d + j] } }
      }
      return try graph.tanh(Mat(n, d, .float64, rows: z)).rows()
    }

    func value() throws -> [Double] { try zip(hidden(), s.rows()).map { $0 * $1 } }

    func gradients(_ r: [Double], _ bug: Bug) throws -> [[Double]] {
      let (W, s, h) = (try W.rows(), try s.rows(), try hidden())
      var dW = [Double](repeating: 0, count: n * n), ds = [Double](repeating: 0, count: n * d)
      var db = [Double](repeating: 0, count: n)
      for i in 0..<n {
        for j in 0..<d {
          let at = i * d + j
          let slope =
            bug == .slopeOfInput ? 1 - s[at] * s[at] : bug == .forgottenFactor ? 1 : 1 - h[at] * h[at]
          let dz = r[at] * (bug == .droppedTerm ? 1 : s[at]) * slope
          ds[at] += r[at] * h[at]
          if bug == .oneBatchColumn && j > 0 { continue }
          for k in 0..<n {
            let column = bug == .columnOff ? (j + 1) % d : j, row = bug == .rowOff ? (k + 1) % n : k
            let product = dz * s[row * d + column]
            dW[bug == .transposedIndex ? k * n + i : i * n + k] += bug == .wrongSign ? -product : product
            if bug == .notAccumulated {
              ds[k * d + j] = W[i * n + k] * dz
            } else {
              ds[k * d + j] += W[i * n + k] * dz
            }
          }
          if bug != .missingBias { db[i] += dz }
        }
      }
      let factor = bug == .scaled ? 2.0 : bug == .slightlyScaled ? 1 + 1e-5 : 1
      return [dW.map { $0 * factor }, ds, db]
    }
  }

  @Test(arguments: Bug.allCases) func caught(_ bug: Bug) throws {
    for seed in 0..<20 as Range<UInt64> {
      let layer = try Layer(Dice(seed))
      let error = try gradientError(layer.leaves, value: layer.value) { try layer.gradients($0, bug) }
      if bug == .none {
        #expect(error < GradientTests.bound)
      } else {
        #expect(error > GradientTests.bound, "\(bug) went unnoticed")
      }
    }
  }
}
