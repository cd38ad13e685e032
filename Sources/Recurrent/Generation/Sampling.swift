// Softmax, argmax and the draw of an index.

import Kernels

/// Computes the softmax of each column as a new Mat; no graph records it.
///
/// Parity: as in RecurrentJS there is no backward pass. Set the scores' `dw` to p − onehot, or use
/// `Graph.crossEntropy`.
public func softmax(_ m: Mat) throws(RecurrentError) -> Mat {
  try m.evaluate()
  let p = try Mat(m.n, m.d, m.dtype)
  switch m.dtype {
  case .float32: Kernels.softmax(m.operandRef.w(Float.self), to: p.operandRef.w(Float.self))
  case .float64: Kernels.softmax(m.operandRef.w(Double.self), to: p.operandRef.w(Double.self))
  }
  return p
}

/// Returns the index of the largest value, the first of equals.
///
/// - Throws: `.badShape` for no values, `.badValue` naming a NaN.
package func argmax<T: Real>(_ values: UnsafeBufferPointer<T>) throws(RecurrentError) -> Int {
  try require(!values.isEmpty, .badShape, "values is empty; expected at least 1, got 0")
  var best = 0
  for i in 0..<values.count {
    try require(!values[i].isNaN, .badValue, "values[\(i)] is not a number; expected one, got NaN")
    if values[i] > values[best] { best = i }
  }
  return best
}

/// Draws an index with probability proportional to its weight. An index of weight 0 is never drawn.
///
/// - Throws: `.badShape` for no weights; `.badValue` naming a weight that is negative or not finite, or if all are 0.
package func sample<T: Real>(_ weights: UnsafeBufferPointer<T>, _ random: Random) throws(RecurrentError) -> Int {
  try require(!weights.isEmpty, .badShape, "weights is empty; expected at least 1, got 0")
  var total = 0.0
  for i in 0..<weights.count {
    try require(
      weights[i].isFinite && weights[i] >= 0, .badValue,
      "weights[\(i)] is out of range; expected a finite number of at least 0, got \(weights[i])")
    total += Double(weights[i])
  }
  try require(
    total > 0 && total.isFinite, .badValue, "weights have no finite sum above 0; expected one, got \(total)")
  let r = random.uniform() * total
  var sum = 0.0, last = 0
  for i in 0..<weights.count where weights[i] > 0 {
    sum += Double(weights[i])
    last = i
    if r < sum { return i }
  }
  // the sum may be rounded below the draw
  return last
}

/// Returns the index of the largest value, the first of equals.
///
/// - Throws: `.badShape` for no values, `.badValue` naming a NaN.
public func argmax<T: Real>(_ values: Span<T>) throws(RecurrentError) -> Int {
  try values.withUnsafeBufferPointer { (values) throws(RecurrentError) in try argmax(values) }
}

/// Draws an index with probability proportional to its weight. An index of weight 0 is never drawn.
///
/// - Throws: `.badShape` for no weights; `.badValue` naming a weight that is negative or not finite, or if all are 0.
public func sample<T: Real>(_ weights: Span<T>, _ random: Random) throws(RecurrentError) -> Int {
  try weights.withUnsafeBufferPointer { (weights) throws(RecurrentError) in try sample(weights, random) }
}
