// Beam search: the likeliest whole texts, not the likeliest next token each time.

import Kernels

extension Network {
  /// A text that a search found.
  public struct Hypothesis: Equatable, Sendable {
    /// The tokens after the prime, without the token that ended them.
    public var tokens: [Int]
    /// Σ ln p over them and over the token that ended them, if one did.
    public var logProbability: Double
  }

  /// The most beginnings that a search keeps.
  public static let maximumBeams = 4096

  /// The likeliest texts of `count` tokens, as far as a search that keeps `beams` beginnings at each step finds them.
  ///
  /// With as many beams as there are beginnings it finds them all; with 1 it takes the likeliest token each time. Draws
  /// nothing. Of equal texts the one whose beginning was likelier comes first, then the one whose token is lower.
  ///
  /// - Parameters:
  ///   - prime: at least one token.
  ///   - count: tokens of a text, at most.
  ///   - beams: beginnings to keep, 1 to `maximumBeams`.
  ///   - state: `stateCount(batchSize: 1)` numbers, which stay as they are; nil for zeros.
  ///   - end: a token that ends a text, or nil. A text that has ended keeps its place against those that go on.
  /// - Returns: at most `beams` texts, the likeliest first.
  /// - Throws: `.badValue` for a model whose outputs are not its tokens or for the number of beams, `.badIndex`,
  ///   `.notFinite`.
  public func beamSearch(
    prime: UnsafeBufferPointer<Int64>, count: Int, beams: Int, state: UnsafeRawPointer? = nil, until end: Int? = nil
  ) throws(RecurrentError) -> [Hypothesis] {
    let prime = try primed(prime)
    try require(
      beams >= 1 && beams <= Network.maximumBeams, .badValue, "beams is \(beams); expected 1 to \(Network.maximumBeams)"
    )
    try require(count >= 0, .badShape, "count is \(count); expected 0 or more")
    switch dtype {
    case .float32: return try search(Float.self, prime, count, beams, state, end)
    case .float64: return try search(Double.self, prime, count, beams, state, end)
    }
  }

  private func search<T: Real>(
    _: T.Type, _ prime: [Int], _ count: Int, _ beams: Int, _ state: UnsafeRawPointer?, _ end: Int?
  ) throws(RecurrentError) -> [Hypothesis] {
    let ticker = try InferenceStep<T>(self)
    let width = stateCount(batchSize: 1)
    var start = [T](repeating: 0, count: width)
    if let state {
      start = Array(UnsafeBufferPointer(start: state.assumingMemoryBound(to: T.self), count: width))
    }
    func read(_ token: Int, _ state: inout [T]) {
      state.withUnsafeMutableBufferPointer { ticker.read(token, $0.baseAddress.unsafelyUnwrapped) }
    }
    for token in prime.dropLast() { read(token, &start) }
    // a beginning, the token to read next, and the state before it
    var beginnings = [Beginning(text: Hypothesis(tokens: [], logProbability: 0), state: start)]
    for _ in 0..<count {
      if beginnings.allSatisfy({ $0.hasEnded }) { break }
      var best = Best(beams)
      for (at, beginning) in beginnings.enumerated() {
        if beginning.hasEnded {
          best.offer(beginning.text.logProbability, at, token: nil)
          continue
        }
        read(beginning.text.tokens.last ?? prime[prime.count - 1], &beginnings[at].state)
        ticker.decode()
        ticker.logSoftmax()
        for token in 0..<topSize {
          let p = Double(ticker.logProbabilities[token])
          try require(!p.isNaN, .notFinite, "the model's scores are not finite; its weights have diverged")
          best.offer(beginning.text.logProbability + p, at, token: token)
        }
      }
      beginnings = best.places.map { place in
        var next = beginnings[place.beginning]
        next.text.logProbability = place.logProbability
        if let token = place.token {
          next.hasEnded = token == end
          if !next.hasEnded { next.text.tokens.append(token) }
        }
        return next
      }
    }
    return beginnings.map { $0.text }
  }
}

private struct Beginning<T: Real> {
  var text: Network.Hypothesis
  var state: [T]
  var hasEnded = false
}

/// The likeliest continuations so far, at most `size` of them, the likeliest first and of equals the earliest.
private struct Best {
  let size: Int
  private(set) var places: [(logProbability: Double, beginning: Int, token: Int?)] = []

  init(_ size: Int) { self.size = size }

  mutating func offer(_ logProbability: Double, _ beginning: Int, token: Int?) {
    if let last = places.last, places.count == size, logProbability <= last.logProbability { return }
    var (low, high) = (0, places.count)
    while low < high {
      let middle = (low + high) / 2
      if places[middle].logProbability >= logProbability { low = middle + 1 } else { high = middle }
    }
    places.insert((logProbability, beginning, token), at: low)
    if places.count > size { places.removeLast() }
  }
}
