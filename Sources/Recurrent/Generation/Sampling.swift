// From scores to a choice.

import Kernels

/// softmax of each column, as a Mat of its own; no graph records it.
///
/// Parity: as in RecurrentJS there is no backward pass; set the scores' `dw` to p − onehot yourself, or use
/// `Graph.crossEntropy`.
public func softmax(_ m: Mat) throws(RecurrentError) -> Mat {
  try m.synchronize()
  let p = try Mat(m.n, m.d, m.dtype)
  switch m.dtype {
  case .float32: Kernels.softmax(m.operandRef.w(Float.self), to: p.operandRef.w(Float.self))
  case .float64: Kernels.softmax(m.operandRef.w(Double.self), to: p.operandRef.w(Double.self))
  }
  return p
}

/// The place of the largest number; of the first one where several are equal.
///
/// - Throws: `.badShape` if there are none, `.badValue` naming a NaN.
public func argmax<T: Real>(_ w: UnsafeBufferPointer<T>) throws(RecurrentError) -> Int {
  try require(!w.isEmpty, .badShape, "there are no numbers to choose from")
  var best = 0
  for i in 0..<w.count {
    try require(!w[i].isNaN, .badValue, "number \(i) is NaN")
    if w[i] > w[best] { best = i }
  }
  return best
}

/// An index drawn with the probability that `p` gives it.
///
/// `p` need not sum to exactly 1: the draw is in proportion. It never runs off the end, and never chooses an index of
/// probability 0.
///
/// - Throws: `.badShape` if there are none, `.badValue` naming a number that is negative or not finite, or if all
///   are 0.
public func sample<T: Real>(_ p: UnsafeBufferPointer<T>, _ random: Random) throws(RecurrentError) -> Int {
  try require(!p.isEmpty, .badShape, "there are no probabilities to draw from")
  var total = 0.0
  for i in 0..<p.count {
    try require(
      p[i].isFinite && p[i] >= 0, .badValue, "probability \(i) is \(p[i]); expected a finite number of at least 0")
    total += Double(p[i])
  }
  try require(total > 0 && total.isFinite, .badValue, "the probabilities sum to \(total); expected more than 0")
  let r = random.uniform() * total
  var sum = 0.0
  var last = 0
  for i in 0..<p.count where p[i] > 0 {
    sum += Double(p[i])
    last = i
    if r < sum { return i }
  }
  return last
}
