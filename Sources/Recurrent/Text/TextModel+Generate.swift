// A text model writes.

extension TextModel {
  /// The most tokens that are written at once.
  public static let maxCount = 1 << 24

  /// Reads `prime`, then writes.
  ///
  /// - Parameters:
  ///   - prime: what the text begins with; it is not part of what is returned. Where it is empty, `opening` is read.
  ///   - unknown: what to do with characters of the prime that have no number.
  ///   - count: the most tokens to write.
  ///   - sampler: how they are chosen.
  ///   - stops: texts that end the writing; the one that does is not part of what is returned.
  ///   - random: draws the tokens; nil takes the likeliest each time.
  /// - Returns: what was written. Of bytes, what is no UTF-8 became U+FFFD, and half a character at the end is left out.
  /// - Throws: `.badValue` naming what is out of range or has no number, `.notFinite`.
  public func sample(
    prime: String = "", unknown: Tokenizer.Unknown = .refuse, count: Int, _ sampler: Sampler, stops: [String] = [],
    _ random: Random?
  ) throws(RecurrentError) -> String {
    try require(
      count >= 0 && count <= TextModel.maxCount, .badValue,
      "the number of tokens to write is \(count); expected 0 to \(TextModel.maxCount)")
    var ends: [[Int64]] = []
    for (i, stop) in stops.enumerated() {
      try require(!stop.isEmpty, .badValue, "stop \(i) is empty; expected at least one character")
      // what has a character without a number is never written
      if let tokens = try? alphabet.encode(stop) { ends.append(tokens) }
    }
    var text = try alphabet.encode(prime, unknown: unknown)
    if text.isEmpty { text = [Int64(opening)] }
    let primes = text.count, state = try newState(columns: 1), before = random?.state
    // one at a time where each may be the last
    let most = ends.isEmpty ? count : 1
    do throws(RecurrentError) {
      while text.count - primes < count {
        let read = text.count == primes ? 0 : text.count - 1
        let written = try write(most, after: text, from: read, sampler, state, random)
        text += written
        if let end = ends.first(where: { text.count - primes >= $0.count && text.suffix($0.count).elementsEqual($0) }) {
          text.removeLast(end.count)
          break
        }
      }
    } catch {
      if let random, let before { random.state = before }
      throw error
    }
    return try text[primes...].withUnsafeBufferPointer { (tokens) throws(RecurrentError) in
      try alphabet.decode(tokens)
    }
  }

  /// What is read where there is no prime: a line's end if the alphabet has it, else a space, else token 0.
  public var opening: Int { alphabet.token(of: "\n") ?? alphabet.token(of: " ") ?? 0 }

  /// Reads `text` from a place on, and writes.
  private func write(
    _ count: Int, after text: [Int64], from read: Int, _ sampler: Sampler, _ state: Storage, _ random: Random?
  ) throws(RecurrentError) -> [Int64] {
    var tokens = [Int64](repeating: 0, count: count), written = 0
    let seen = text[max(0, read - sampler.repetitionWindow)..<read]
    try seen.withUnsafeBufferPointer { (seen) throws(RecurrentError) in
      try text[read...].withUnsafeBufferPointer { (prime) throws(RecurrentError) in
        try tokens.withUnsafeMutableBufferPointer { (tokens) throws(RecurrentError) in
          guard let start = tokens.baseAddress else { return }
          written = try model.generate(
            prime: prime, history: seen, count: count, sampler, state: state.start, random, to: start)
        }
      }
    }
    tokens.removeLast(count - written)
    return tokens
  }
}
