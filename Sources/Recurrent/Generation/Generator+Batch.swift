// Several generators of one network at once: each time step is one product of matrices for all of them.

import Kernels

extension Generator {
  /// The largest number of generators of one call.
  public static let maximumCount = 4096

  /// Produces at most `maxTokens` tokens of each of several generators of one network.
  ///
  /// Each produces what it would alone, bit for bit. The generators' prompts, samplers and options may differ; those whose
  /// sequence has ended take no time. Threads share the generators.
  ///
  /// - Parameters:
  ///   - generators: at most `maximumCount`, each once, each with a `Random` of its own or none.
  ///   - maxTokens: at least 0.
  /// - Returns: as `next(_:)` of each.
  /// - Throws: as `next(_:)`; `.badValue` for generators of different networks, for one that occurs twice, and for a
  ///   `Random` that two of them draw from. All generators are then unchanged.
  public static func next(_ generators: [Generator], _ maxTokens: Int) throws(RecurrentError) -> [Tokens] {
    try produce(generators, maxTokens, isText: false).map {
      Tokens(
        tokens: $0.production.tokens.elements.map { Int($0) },
        logProbabilities: $0.production.logProbabilities.array())
    }
  }

  /// Produces at most `maxTokens` tokens of each of several generators of text, and returns the bytes that are certain.
  ///
  /// - Returns: as `nextBytes(_:)` of each.
  /// - Throws: as `next(_:_:)`; `.badValue` for a generator of tokens.
  public static func nextBytes(_ generators: [Generator], _ maxTokens: Int) throws(RecurrentError) -> [[UInt8]] {
    try produce(generators, maxTokens, isText: true).map { $0.production.text.array() }
  }

  /// What each generator produces.
  package static func produce(
    _ generators: [Generator], _ maxTokens: Int, isText: Bool
  ) throws(RecurrentError) -> [BatchMember] {
    try check(generators)
    for generator in generators { try generator.check(maxTokens, isText: isText) }
    var members: [BatchMember] = []
    for generator in generators { members.append(try BatchMember(generator, isText: isText)) }
    do throws(RecurrentError) {
      let active = members.filter { !$0.generator.hasEnded }
      if active.count < 2 || maxTokens == 0 {
        for member in active { try member.generator.produce(maxTokens, &member.production) }
      } else {
        try readCommonPrompt(of: active)
        switch active[0].generator.network.dtype {
        case .float32: try produce(Float.self, active, maxTokens)
        case .float64: try produce(Double.self, active, maxTokens)
        }
      }
      if isText {
        for member in members { try member.generator.releaseHeld(to: &member.production) }
      }
      return members
    } catch {
      for member in members { member.restore() }
      throw error
    }
  }

  private static func check(_ generators: [Generator]) throws(RecurrentError) {
    try require(
      !generators.isEmpty && generators.count <= maximumCount, .badShape,
      "generators has the wrong length; expected 1 to \(maximumCount), got \(generators.count)")
    var seen: [ObjectIdentifier: Int] = [:]
    for (i, generator) in generators.enumerated() {
      try require(
        generator.network === generators[0].network, .badValue,
        "generators[\(i)] has another network; expected that of generators[0], got a different one")
      if let other = seen.updateValue(i, forKey: ObjectIdentifier(generator)) {
        throw RecurrentError(
          .badValue, "generators[\(i)] is repeated; expected each generator once, got that of index \(other)")
      }
      guard let random = generator.random else { continue }
      if let other = seen.updateValue(i, forKey: ObjectIdentifier(random)) {
        throw RecurrentError(
          .badValue,
          "random of generators[\(i)] is shared; expected one for each generator, got that of generators[\(other)]")
      }
    }
  }

  /// Reads a prompt that all generators begin with once, but for its last token.
  private static func readCommonPrompt(of members: [BatchMember]) throws(RecurrentError) {
    let first = members[0].generator
    guard first.position.unread.count > 1,
      members.allSatisfy({ $0.generator === first || $0.generator.position.isSameBefore(first.position) })
    else { return }
    try first.produce(0, &members[0].production)
    for member in members.dropFirst() {
      member.generator.position.state = try first.position.state.copy()
      try member.generator.setUnread(first.position.unread[0])
    }
  }

  private static func produce<T: Real>(
    _: T.Type, _ members: [BatchMember], _ maxTokens: Int
  ) throws(RecurrentError) {
    // few sequences for each thread would read the weights too often
    let threads = max(1, min(ThreadPool.count, members.count / 8)), network = members[0].generator.network
    var groups: [BatchGroup<T>] = []
    for thread in 0..<threads {
      let mine = members[members.count * thread / threads..<members.count * (thread + 1) / threads]
      groups.append(try BatchGroup(network, Array(mine)))
    }
    var reads = 0
    for member in members {
      let (sum, overflow) = reads.addingReportingOverflow(max(member.generator.position.unread.count, maxTokens))
      reads = overflow ? .max : sum
    }
    let weights = try groups[0].weights(reads: reads), progress = Progress(), all = groups
    ThreadPool.run(threads) { thread, team in
      for i in team.share(threads, thread) { all[i].run(maxTokens, weights, progress, thread) }
    }
    for group in groups {
      if let error = group.error { throw error }
    }
    try Interrupt.ofThread.throwIfRequested()
  }
}

extension Generator.Position {
  /// Whether the same tokens are read from the same state.
  func isSameBefore(_ other: borrowing Generator.Position) -> Bool {
    guard unread.count == other.unread.count, state.count == other.state.count, let p = unread.start,
      let q = other.unread.start, let a = state.start, let b = other.state.start
    else { return false }
    return Storage.isEqual(p, q, unread.count * MemoryLayout<Int64>.stride) && Storage.isEqual(a, b, state.count)
  }
}

/// A generator of a batch, with what it produces and what it was before.
package final class BatchMember {
  package let generator: Generator
  package var production: Generator.Production
  /// The tokens that are read so far, and the next one.
  fileprivate var read = 0, token: Int64 = 0
  private var before: Generator.Position
  private let random: Random.State?

  /// Whether the next token is the last one that is known.
  fileprivate var isLast: Bool { read >= generator.position.unread.count - 1 }

  fileprivate init(_ generator: Generator, isText: Bool) throws(RecurrentError) {
    self.generator = generator
    production = Generator.Production(isText: isText)
    before = try generator.position.copy()
    random = generator.random?.state
  }

  /// Restores the generator.
  fileprivate func restore() {
    swap(&generator.position, &before)
    if let random { generator.random?.state = random }
  }
}

/// The generators of one thread.
private final class BatchGroup<T: Real>: @unchecked Sendable {
  /// Why the group stopped.
  private(set) var error: RecurrentError?
  private let network: Network
  private let batch: InferenceBatch<T>
  /// Those whose sequence goes on: column j of the batch.
  private var active: [BatchMember]

  init(_ network: Network, _ members: [BatchMember]) throws(RecurrentError) {
    (self.network, active) = (network, members)
    batch = try InferenceBatch(network, columns: members.count)
  }

  func weights(reads: Int) throws(RecurrentError) -> InferenceWeights<T> { try batch.weights(reads: reads) }

  /// Produces at most `maxTokens` tokens of each generator, until the call is to stop.
  func run(_ maxTokens: Int, _ weights: InferenceWeights<T>, _ progress: borrowing Progress, _ thread: Int) {
    do throws(RecurrentError) {
      for (j, member) in active.enumerated() {
        batch.load(UnsafePointer(state(of: member)), to: j)
        member.token = member.generator.position.unread[0]
      }
      while !active.isEmpty && !progress.isStopped {
        try step(maxTokens, weights)
        progress.count(network.parameters.flat.count * active.count, thread)
      }
    } catch {
      self.error = error
    }
  }

  /// One time step of all active generators.
  private func step(_ maxTokens: Int, _ weights: InferenceWeights<T>) throws(RecurrentError) {
    for (j, member) in active.enumerated() { batch.tokens[j] = Int32(truncatingIfNeeded: member.token) }
    batch.read(active.count, weights)
    if active.contains(where: { $0.isLast }) { batch.decode(active.count, weights) }
    // from the last column to the first: one that ends is replaced by the last column
    for j in (0..<active.count).reversed() {
      let member = active[j], generator = member.generator
      member.read += 1
      if member.read < generator.position.unread.count {
        member.token = generator.position.unread[member.read]
        continue
      }
      if !member.production.isText { batch.logSoftmax(j) }
      member.token = try generator.select(batch.scores(j), batch.logProbabilities(j), &member.production)
      if generator.hasEnded || member.production.tokens.count == maxTokens { try leave(j) }
    }
  }

  /// Removes column j.
  private func leave(_ j: Int) throws(RecurrentError) {
    let member = active[j], last = active.count - 1
    batch.store(j, to: state(of: member))
    try member.generator.setUnread(member.token)
    batch.move(last, to: j)
    active.swapAt(j, last)
    active.removeLast()
  }

  private func state(of member: BatchMember) -> UnsafeMutablePointer<T> {
    UnsafeMutableRawPointer(member.generator.position.state.start.unsafelyUnwrapped).assumingMemoryBound(to: T.self)
  }
}
