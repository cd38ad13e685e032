// Gradients against central differences.

import Recurrent

/// The largest relative L2 error of a function's gradients, over its tensors.
///
/// The loss is Σ r ⊙ y with fixed random r. The loss is evaluated with every element of every leaf moved by ±1e-5.
/// Differences below the rounding error of the loss count as 0.
///
/// - Parameters:
///   - leaves: the inputs of the function, float64.
///   - elements: the number of elements of a leaf to move, chosen at random; nil for all.
///   - value: computes the function's result from the current leaves.
///   - gradients: computes the leaves' gradients, in row-major order, for a gradient r of the result.
func gradientError(
  _ leaves: [Mat], elements: Int? = nil, value: () throws -> [Double],
  gradients: ([Double]) throws -> [[Double]]
) throws -> Double {
  let step = 1e-5, random = Random(seed: 99)
  let r = try value().map { _ in random.uniform(-1, 1) }
  func loss() throws -> Double { zip(r, try value()).reduce(0) { $0 + $1.0 * $1.1 } }
  let size = max(1, abs(try loss()))
  let analytic = try gradients(r)

  var worst = 0.0
  for (leaf, all) in zip(leaves, analytic) {
    var w = try leaf.rows()
    var indices = Array(w.indices)
    if let elements, elements < indices.count {
      indices = (0..<elements).map { _ in Int(random.next() % UInt64(w.count)) }
    }
    var numeric: [Double] = []
    for i in indices {
      let old = w[i]
      w[i] = old + step
      try leaf.set(rows: w)
      let above = try loss()
      w[i] = old - step
      try leaf.set(rows: w)
      let below = try loss()
      w[i] = old
      numeric.append((above - below) / (2 * step))
    }
    try leaf.set(rows: w)
    let ours = indices.map { all[$0] }
    let difference = norm(zip(numeric, ours).map { $0 - $1 })
    let error = difference == 0 ? 0 : 2 * difference / (norm(numeric) + norm(ours))
    // the rounding error of the losses, divided by the step, exceeds a gradient near 0
    if error > 1e-7 && difference <= 5e-11 * size * Double(indices.count).squareRoot() { continue }
    worst = error.isFinite ? max(worst, error) : .infinity
  }
  return worst
}

/// The largest relative L2 error of the gradients of a function that a graph records.
///
/// The leaves' gradients start at random values: backward must add to them.
func gradientError(
  _ leaves: [Mat], elements: Int? = nil, _ build: (Graph) throws -> Mat
) throws -> Double {
  let graph = Graph()
  return try gradientError(leaves, elements: elements) {
    graph.reset()
    return try build(graph).rows()
  } gradients: { r in
    graph.reset()
    let random = Random(seed: 5)
    let before = try leaves.map { leaf in
      let old = (0..<leaf.count).map { _ in random.uniform(-1, 1) }
      try leaf.set(gradientRows: old)
      return old
    }
    let y = try build(graph)
    try y.set(gradientRows: r)
    try graph.backward()
    return try zip(leaves, before).map { leaf, old in zip(try leaf.gradientRows(), old).map { $0 - $1 } }
  }
}

/// Random shapes and values for one check.
struct Dice {
  let random: Random

  init(_ seed: UInt64) { random = Random(seed: seed) }

  func integer(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(random.next() % UInt64(range.count))
  }

  /// A dimension, often 1.
  func size(_ most: Int = 5) -> Int { integer(0...3) == 0 ? 1 : integer(1...most) }

  /// A leaf with magnitudes in `range` and both signs; one in three is a view into a larger Mat.
  func leaf(_ n: Int, _ d: Int, _ range: ClosedRange<Double> = 0.002...1.5, positive: Bool = false) throws
    -> Mat
  {
    var m = try Mat(n, d, .float64)
    if integer(0...2) == 0 {
      let base = try Mat(n + integer(1...3), d + integer(0...2), .float64)
      m = try base.view(row: integer(0...base.n - n), column: integer(0...base.d - d), n: n, d: d)
    }
    try m.set(
      rows: (0..<m.count).map { _ in
        let x = random.uniform(range.lowerBound, range.upperBound)
        return positive || random.uniform() < 0.5 ? x : -x
      })
    return m
  }
}
