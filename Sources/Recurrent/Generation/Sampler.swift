// The selection of a token from scores: repetition penalty, temperature, softmax, filters, draw.

import Kernels

/// The settings of a draw. Applied in order: repetition penalty, temperature, softmax, then top-k, top-p and min-p,
/// each on the tokens that the previous filter kept. At the defaults a draw is from the softmax of the scores.
public struct Sampler: Equatable, Sendable {
  /// Divides the scores, at least 0: below 1 sharpens the distribution, above 1 flattens it; 0 selects the largest score.
  public let temperature: Double
  /// Keeps the `topK` most probable tokens, of equals the first; nil keeps all.
  public let topK: Int?
  /// Keeps the most probable tokens until their probabilities sum to `topP`, above 0; 1 keeps all.
  ///
  /// Reference: Holtzman et al., arXiv:1904.09751.
  public let topP: Double
  /// Keeps tokens with p ≥ minP·max p, 0 to 1; 0 keeps all.
  ///
  /// Reference: Nguyen et al., arXiv:2407.01082.
  public let minP: Double
  /// Divides the positive score of a recent token and multiplies a negative one; above 0, 1 for no penalty.
  ///
  /// Reference: Keskar et al., arXiv:1909.05858 (CTRL), section 4.1.
  public let repetitionPenalty: Double
  /// The number of latest tokens that are penalized.
  public let repetitionWindow: Int

  /// - Throws: `.badValue` for a setting outside its range.
  public init(
    temperature: Double = 1, topK: Int? = nil, topP: Double = 1, minP: Double = 0, repetitionPenalty: Double = 1,
    repetitionWindow: Int = 64
  ) throws(RecurrentError) {
    func check(_ condition: Bool, _ name: String, _ expected: String, _ value: some Any) throws(RecurrentError) {
      try require(condition, .badValue, "\(name) is out of range; expected \(expected), got \(value)")
    }
    try check(temperature.isFinite && temperature >= 0, "temperature", "a finite number of at least 0", temperature)
    if let topK { try check(topK >= 1, "top_k", "at least 1", topK) }
    try check(topP > 0 && topP <= 1, "top_p", "above 0 and at most 1", topP)
    try check(minP >= 0 && minP <= 1, "min_p", "0 to 1", minP)
    try check(
      repetitionPenalty.isFinite && repetitionPenalty > 0, "repetition_penalty", "a finite number above 0",
      repetitionPenalty)
    try require(temperature, "temperature", fits: .float32)
    try require(repetitionPenalty, "repetition_penalty", fits: .float32)
    try check(repetitionWindow >= 0, "repetition_window", "at least 0", repetitionWindow)
    (self.temperature, self.topK, self.topP, self.minP) = (temperature, topK, topP, minP)
    (self.repetitionPenalty, self.repetitionWindow) = (repetitionPenalty, repetitionWindow)
  }

  /// From a JSON object; absent keys take the defaults shown:
  ///
  ///     {"temperature": 1, "top_k": null, "top_p": 1, "min_p": 0, "repetition_penalty": 1, "repetition_window": 64}
  ///
  /// - Throws: `.badValue` for text that is not JSON, or naming a setting that is unknown, of the wrong type
  ///   or out of range.
  public init(json: String) throws(RecurrentError) {
    var reader = try SettingsReader(json, owner: "sampler")
    try self.init(&reader)
    try reader.finish()
  }

  init(_ reader: inout SettingsReader) throws(RecurrentError) {
    try self.init(
      temperature: reader.number("temperature", default: 1), topK: reader.optionalInteger("top_k"),
      topP: reader.number("top_p", default: 1), minP: reader.number("min_p", default: 0),
      repetitionPenalty: reader.number("repetition_penalty", default: 1),
      repetitionWindow: reader.optionalInteger("repetition_window") ?? 64)
  }

  /// Computes the probabilities of a draw, which sum to 1.
  ///
  /// - Parameters:
  ///   - scores: one per token.
  ///   - recent: earlier tokens in the order of time.
  ///   - p: receives one probability per token; as long as `scores`.
  /// - Throws: `.badShape` for no scores or another length of `p`, `.badIndex` for a token without a score,
  ///   `.notFinite`.
  package func probabilities<T: Real>(
    of scores: UnsafeBufferPointer<T>, recent: UnsafeBufferPointer<Int64>, to p: UnsafeMutableBufferPointer<T>
  ) throws(RecurrentError) {
    guard let start = scores.baseAddress, !scores.isEmpty else {
      throw RecurrentError(.badShape, "scores is empty; expected at least 1, got 0")
    }
    if p.count != scores.count { throw wrongLength("probabilities", expected: scores.count, p.count) }
    let tokens = try Sampler.tokens(recent, below: scores.count, "history")
    let copy = try Buffer(UnsafeBufferPointer(start: start, count: scores.count)), work = copy.elements
    try applyRepetitionPenalty(work, UnsafeBufferPointer(tokens.elements))
    try applyTemperature(work)
    try truncate(work)
    let total = work.reduce(0) { $0 + Double($1) }
    try require(
      total.isFinite && total > 0, .notFinite, "scores are not finite; expected finite scores, got an infinity or NaN"
    )
    for i in 0..<work.count { p[i] = T(Double(work[i]) / total) }
  }

  /// Selects a token by its scores, which are overwritten; the largest score without `random` or at temperature 0.
  func choose<T: Real>(
    _ scores: UnsafeMutableBufferPointer<T>, recent: UnsafeBufferPointer<Int64>, _ random: Random?
  ) throws(RecurrentError) -> Int {
    try applyRepetitionPenalty(scores, recent)
    guard let random, temperature != 0 else { return try argmax(UnsafeBufferPointer(scores)) }
    try applyTemperature(scores)
    try truncate(scores)
    return try sample(UnsafeBufferPointer(scores), random)
  }

  /// Copies tokens, which are 0 to `bound` − 1.
  static func tokens(
    _ tokens: some Collection<Int64>, below bound: Int, _ name: StaticString
  ) throws(RecurrentError) -> Buffer<Int64> {
    // each token is read once: another thread may write into the caller's array
    var copy = try Buffer<Int64>(capacity: tokens.count), count = 0
    for token in tokens {
      try require(
        token >= 0 && token < bound, .badIndex,
        "\(name)[\(count)] is out of range; expected 0 to \(bound - 1), got \(token)")
      try copy.append(token)
      count += 1
    }
    return copy
  }

  /// Penalizes each token of the window once, however often it occurs.
  private func applyRepetitionPenalty<T: Real>(
    _ scores: UnsafeMutableBufferPointer<T>, _ recent: UnsafeBufferPointer<Int64>
  ) throws(RecurrentError) {
    if repetitionPenalty == 1 || recent.isEmpty { return }
    var isPenalized = try Buffer(repeating: false, count: scores.count)
    let penalty = T(repetitionPenalty)
    for token in recent.suffix(repetitionWindow).lazy.map({ Int($0) }) where !isPenalized[token] {
      isPenalized[token] = true
      scores[token] = scores[token] > 0 ? scores[token] / penalty : scores[token] * penalty
    }
  }

  /// Replaces scores by probabilities.
  private func applyTemperature<T: Real>(_ scores: UnsafeMutableBufferPointer<T>) throws(RecurrentError) {
    guard let start = scores.baseAddress else { return }
    if temperature == 0 {
      let largest = try argmax(UnsafeBufferPointer(scores))
      for i in 0..<scores.count { scores[i] = i == largest ? 1 : 0 }
      return
    }
    if temperature != 1 {
      // the largest becomes 0 first: it stays 0 at any temperature, and the others go to −∞
      let top = scores[try argmax(UnsafeBufferPointer(scores))], divisor = max(T(temperature), T.leastNormalMagnitude)
      for i in 0..<scores.count { scores[i] = (scores[i] - top) / divisor }
    }
    let column = MatrixView(start, rows: scores.count, columns: 1, columnStride: scores.count)
    Kernels.softmax(column, to: column)
  }

  /// Sets the probabilities of tokens that a filter removes to 0.
  private func truncate<T: Real>(_ p: UnsafeMutableBufferPointer<T>) throws(RecurrentError) {
    let most = min(topK ?? p.count, p.count)
    if most < p.count || topP < 1 {
      var order = try Descending(UnsafeBufferPointer(p)), total = 0.0
      for rank in 0..<most { total += Double(p[order.index(rank)]) }
      var kept = 0, sum = 0.0
      while kept < most && (kept == 0 || topP == 1 || sum < topP * total) {
        sum += Double(p[order.index(kept)])
        kept += 1
      }
      order.forEachIndex(after: kept) { p[$0] = 0 }
    }
    if minP > 0 {
      let least = T(minP) * (p.max() ?? 0)
      for i in p.indices where p[i] < least { p[i] = 0 }
    }
  }
}

/// The indices of values in descending order, of equals the first; sorted as far as they are read, by a heap.
private struct Descending<T: Real>: ~Copyable {
  private let values: UnsafeBufferPointer<T>
  /// The heap, its largest value first, then the indices that left it, the first of them last.
  private let indices: Buffer<Int32>
  private var heapCount: Int

  init(_ values: UnsafeBufferPointer<T>) throws(RecurrentError) {
    var indices = try Buffer<Int32>(capacity: values.count)
    for i in 0..<values.count { try indices.append(Int32(truncatingIfNeeded: i)) }
    heapCount = values.count
    self.indices = indices
    self.values = values
    for i in (0..<values.count / 2).reversed() { sink(i) }
  }

  /// The index of the value at a rank; the ranks are read one after another.
  mutating func index(_ rank: Int) -> Int {
    let p = indices.start.unsafelyUnwrapped
    while values.count - heapCount <= rank {
      heapCount -= 1
      (p[0], p[heapCount]) = (p[heapCount], p[0])
      sink(0)
    }
    return Int(p[values.count - 1 - rank])
  }

  /// Calls `body` with the indices of the values from a rank on.
  func forEachIndex(after rank: Int, _ body: (Int) -> Void) {
    for i in indices.elements.prefix(values.count - rank) { body(Int(i)) }
  }

  /// Restores the order of the heap below a place.
  private func sink(_ place: Int) {
    let p = indices.start.unsafelyUnwrapped
    var place = place
    while 2 * place + 1 < heapCount {
      var child = 2 * place + 1
      if child + 1 < heapCount && isBefore(p[child + 1], p[child]) { child += 1 }
      if !isBefore(p[child], p[place]) { return }
      (p[place], p[child]) = (p[child], p[place])
      place = child
    }
  }

  private func isBefore(_ a: Int32, _ b: Int32) -> Bool {
    let (x, y) = (values[Int(a)], values[Int(b)])
    return x > y || x == y && a < b
  }
}

extension Sampler {
  /// Computes the probabilities of a draw, which sum to 1.
  ///
  /// - Parameters:
  ///   - scores: one per token.
  ///   - recent: earlier tokens in the order of time.
  ///   - p: receives one probability per token; as long as `scores`.
  /// - Throws: `.badShape` for no scores or another length of `p`, `.badIndex` for a token without a score,
  ///   `.notFinite`.
  public func probabilities<T: Real>(
    of scores: Span<T>, recent: Span<Int64>, to p: inout MutableSpan<T>
  ) throws(RecurrentError) {
    try p.withUnsafeMutableBufferPointer { (p) throws(RecurrentError) in
      try scores.withUnsafeBufferPointer { (scores) throws(RecurrentError) in
        try recent.withUnsafeBufferPointer { (recent) throws(RecurrentError) in
          try probabilities(of: scores, recent: recent, to: p)
        }
      }
    }
  }
}
