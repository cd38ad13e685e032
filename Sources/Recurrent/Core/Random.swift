// The Philox4x64-10 random number generator.

import Kernels

/// Philox4x64-10, a counter-based random number generator. The same seed gives the same numbers in every language.
///
/// `Random(seed: s)` and `numpy.random.Philox(key=s)` produce the same 64-bit words.
///
/// Reference: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
public final class Random {
  /// The complete state, eleven words.
  public struct State: Equatable, Sendable {
    /// The key, two words: the seed, then 0 unless set otherwise.
    public var key: (UInt64, UInt64) = (0, 0)
    /// The counter of the last block of four words, least significant word first.
    public var counter: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// The last block.
    public var block: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    /// The number of used words of the block, 0 to 4.
    public var used: Int = 4

    /// The state before the first word.
    public init() {}

    /// A saved state.
    public init(
      key: (UInt64, UInt64), counter: (UInt64, UInt64, UInt64, UInt64), block: (UInt64, UInt64, UInt64, UInt64),
      used: Int
    ) {
      (self.key, self.counter, self.block, self.used) = (key, counter, block, used)
    }

    /// The next 64-bit word.
    mutating func next() -> UInt64 {
      if used >= 4 {
        increment()
        block = philox(counter, key)
        used = 0
      }
      defer { used += 1 }
      switch used {
      case 0: return block.0
      case 1: return block.1
      case 2: return block.2
      default: return block.3
      }
    }

    /// Writes the next `count` words.
    mutating func fill(_ words: UnsafeMutablePointer<UInt64>, count: Int) {
      var i = 0
      while i < count && used < 4 {
        words[i] = next()
        i += 1
      }
      // blocks that follow each other do not wait for each other
      while i + 4 <= count {
        increment()
        block = philox(counter, key)
        (words[i], words[i + 1], words[i + 2], words[i + 3]) = block
        i += 4
      }
      while i < count {
        words[i] = next()
        i += 1
      }
    }

    /// A number in [0, 1) with 53 random bits.
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    private mutating func increment() {
      counter.0 &+= 1
      if counter.0 == 0 { counter.1 &+= 1 } else { return }
      if counter.1 == 0 { counter.2 &+= 1 } else { return }
      if counter.2 == 0 { counter.3 &+= 1 }
    }

    /// Compares all words.
    public static func == (a: State, b: State) -> Bool {
      a.key == b.key && a.counter == b.counter && a.block == b.block && a.used == b.used
    }
  }

  /// The state; assigning a saved one resumes its sequence.
  public var state = State()
  /// Exclusive-use lock: a second thread gets `.busy`.
  public let lock = Lock()

  /// Creates a generator at the start of the sequence of `seed`.
  public init(seed: UInt64) { state.key = (seed, 0) }

  /// The next 64-bit word.
  public func next() -> UInt64 { state.next() }

  /// A number in [0, 1) with 53 random bits.
  public func uniform() -> Double { state.uniform() }

  /// A number in [`low`, `high`).
  public func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * uniform() }

  /// A standard normal number, by Marsaglia's polar method.
  ///
  /// The method produces two numbers; the second is discarded, so that the state needs no cached number.
  public func gaussian() -> Double {
    while true {
      let u = 2 * uniform() - 1, v = 2 * uniform() - 1
      let s = u * u + v * v
      if s > 0 && s < 1 { return u * (-2 * naturalLog(s) / s).squareRoot() }
    }
  }

  /// A number of the normal distribution with `mean` and standard deviation `std`.
  public func gaussian(_ mean: Double, _ std: Double) -> Double { mean + std * gaussian() }

  /// Runs `body`; if it fails, the state of `random` is as before.
  static func restoring<R>(
    _ random: Random?, _ body: () throws(RecurrentError) -> R
  ) throws(RecurrentError) -> R {
    let before = random?.state
    do throws(RecurrentError) {
      return try body()
    } catch {
      if let random, let before { random.state = before }
      throw error
    }
  }
}

/// The block cipher: ten rounds of multiplication and exclusive or.
private func philox(
  _ counter: (UInt64, UInt64, UInt64, UInt64), _ key: (UInt64, UInt64)
) -> (UInt64, UInt64, UInt64, UInt64) {
  var (c, k) = (counter, key)
  for _ in 0..<10 {
    let a = (0xD2E7_470E_E14C_6C93 as UInt64).multipliedFullWidth(by: c.0)
    let b = (0xCA5A_8263_9512_1157 as UInt64).multipliedFullWidth(by: c.2)
    c = (b.high ^ c.1 ^ k.0, b.low, a.high ^ c.3 ^ k.1, a.low)
    k = (k.0 &+ 0x9E37_79B9_7F4A_7C15, k.1 &+ 0xBB67_AE85_84CA_A73B)
  }
  return c
}
