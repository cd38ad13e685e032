// How a token is chosen from scores: warmed, penalized and cut, in that order, then drawn.

import Kernels

/// The settings of a draw. Each is off at its default, and all of them off draw from the softmax of the scores.
///
/// First the tokens that were seen lately are penalized, then scores are divided by the temperature; of the
/// probabilities that they make, `topK`, `topP` and `minP` each cut what the one before has left.
public struct Sampler: Equatable, Sendable {
  /// Scores are divided by it, above 0: below 1 is cautious, above 1 is wild.
  public let temperature: Double
  /// Keep so many of the likeliest tokens, at least 1; nil keeps all. Of equals the first are kept.
  public let topK: Int?
  /// Keep the likeliest tokens until their share reaches this, above 0; 1 keeps all.
  ///
  /// Reference: Holtzman et al., arXiv:1904.09751.
  public let topP: Double
  /// Keep tokens at least so likely, measured by the likeliest, 0 to 1; 0 keeps all.
  ///
  /// Reference: Nguyen et al., arXiv:2407.01082.
  public let minP: Double
  /// A seen token's score is divided by it where it is above 0, else multiplied; above 0, 1 for none.
  ///
  /// Reference: Keskar et al., arXiv:1909.05858 (CTRL), section 4.1.
  public let repetitionPenalty: Double
  /// How many of the latest tokens count as seen.
  public let repetitionWindow: Int

  /// - Throws: `.badValue` for a setting outside its range.
  public init(
    temperature: Double = 1, topK: Int? = nil, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1,
    repetitionWindow: Int = 64
  ) throws(RecurrentError) {
    try require(temperature, isPositive: "temperature")
    if let topK { try require(topK >= 1, .badValue, "top_k is \(topK); expected at least 1") }
    try require(topP > 0 && topP <= 1, .badValue, "top_p is \(topP); expected above 0 and at most 1")
    try require(minP >= 0 && minP <= 1, .badValue, "min_p is \(minP); expected 0 to 1")
    try require(repetitionPenalty, isPositive: "repetition_penalty")
    try require(
      repetitionWindow >= 0, .badValue, "repetition_window is \(repetitionWindow); expected 0 or more tokens")
    (self.temperature, self.topK, self.topP, self.minP) = (temperature, topK, topP, minP)
    (self.repetitionPenalty, self.repetitionWindow) = (repetitionPenalty, repetitionWindow)
  }

  /// The probabilities that a token is drawn with, summing to 1.
  ///
  /// - Parameters:
  ///   - scores: one for each token.
  ///   - seen: tokens read or written before, the latest last.
  ///   - p: receives as many numbers.
  /// - Throws: `.badShape` if there are no scores, `.badIndex` for a seen token that has none, `.notFinite`.
  public func probabilities<T: Real>(
    of scores: UnsafeBufferPointer<T>, seen: UnsafeBufferPointer<Int64>, to p: UnsafeMutablePointer<T>
  ) throws(RecurrentError) {
    guard let start = scores.baseAddress, !scores.isEmpty else {
      throw RecurrentError(.badShape, "there are no scores to choose from")
    }
    let tokens = try Sampler.tokens(seen, below: scores.count, "history")
    var work = Array(UnsafeBufferPointer(start: start, count: scores.count))
    try work.withUnsafeMutableBufferPointer { (work) throws(RecurrentError) in
      penalize(work, tokens)
      try warm(work)
      cut(work)
      let total = work.reduce(0) { $0 + Double($1) }
      try require(total.isFinite && total > 0, .notFinite, "the scores are not finite: one is infinite or NaN")
      for i in 0..<work.count { p[i] = T(Double(work[i]) / total) }
    }
  }

  /// A token by its scores, which are overwritten; the likeliest where nothing draws.
  func choose<T: Real>(
    _ scores: UnsafeMutableBufferPointer<T>, seen: [Int], _ random: Random?
  ) throws(RecurrentError) -> Int {
    penalize(scores, seen)
    guard let random else { return try argmax(UnsafeBufferPointer(scores)) }
    try warm(scores)
    cut(scores)
    return try sample(UnsafeBufferPointer(scores), random)
  }

  /// Token numbers, checked.
  static func tokens(
    _ numbers: UnsafeBufferPointer<Int64>, below bound: Int, _ name: StaticString
  ) throws(RecurrentError) -> [Int] {
    for (at, token) in numbers.enumerated() {
      try require(token >= 0 && token < bound, .badIndex, "\(name) \(at) is \(token), outside 0..<\(bound)")
    }
    return numbers.map { Int($0) }
  }

  /// Each token of the window once, however often it was seen.
  private func penalize<T: Real>(_ scores: UnsafeMutableBufferPointer<T>, _ seen: [Int]) {
    if repetitionPenalty == 1 { return }
    let penalty = T(repetitionPenalty), window = seen.suffix(repetitionWindow)
    for token in Set(window) {
      scores[token] = scores[token] > 0 ? scores[token] / penalty : scores[token] * penalty
    }
  }

  /// Probabilities in place of scores.
  private func warm<T: Real>(_ scores: UnsafeMutableBufferPointer<T>) throws(RecurrentError) {
    guard let start = scores.baseAddress else { return }
    if temperature != 1 {
      // the largest becomes 0 first: however cold, it stays, and the others go to −∞
      let top = scores[try argmax(UnsafeBufferPointer(scores))], divisor = max(T(temperature), T.leastNormalMagnitude)
      for i in 0..<scores.count { scores[i] = (scores[i] - top) / divisor }
    }
    let column = MatrixView(start, rows: scores.count, columns: 1, columnStride: scores.count)
    Kernels.softmax(column, to: column)
  }

  /// 0 for what is not kept.
  private func cut<T: Real>(_ p: UnsafeMutableBufferPointer<T>) {
    if (topK ?? p.count) < p.count || topP < 1 {
      let order = p.indices.sorted { p[$0] > p[$1] || p[$0] == p[$1] && $0 < $1 }
      let best = order.prefix(topK ?? p.count)
      let total = best.reduce(0) { $0 + Double(p[$1]) }
      var kept = 0, sum = 0.0
      while kept < best.count && (kept == 0 || topP == 1 || sum < topP * total) {
        sum += Double(p[order[kept]])
        kept += 1
      }
      for i in order[kept...] { p[i] = 0 }
    }
    if minP > 0 {
      let least = T(minP) * (p.max() ?? 0)
      for i in p.indices where p[i] < least { p[i] = 0 }
    }
  }
}
