// The generator.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_random_create")
public func recurrent_random_create(
  _ seed: UInt64, _ random: UnsafeMutablePointer<recurrent_random>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(random, "random")
    try register(Random(seed: seed), out)
  }
}

@implementation @_cdecl("recurrent_random_free")
public func recurrent_random_free(_ random: recurrent_random) -> recurrent_status { free(random, .random) }

@implementation @_cdecl("recurrent_random_words")
public func recurrent_random_words(
  _ random: recurrent_random, _ words: UnsafeMutablePointer<UInt64>!, _ count: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let random = try call.random(random)
    for i in try input(words, count, "words").indices { words[i] = random.next() }
  }
}

@implementation @_cdecl("recurrent_random_uniform")
public func recurrent_random_uniform(
  _ random: recurrent_random, _ low: Double, _ high: Double, _ values: UnsafeMutablePointer<Double>!, _ count: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let random = try call.random(random)
    guard low.isFinite, high.isFinite, (high - low).isFinite else {
      throw RecurrentError(.badValue, "low and high are not finite; expected finite numbers, got \(low) and \(high)")
    }
    for i in try input(values, count, "values").indices { values[i] = random.uniform(low, high) }
  }
}

@implementation @_cdecl("recurrent_random_gaussian")
public func recurrent_random_gaussian(
  _ random: recurrent_random, _ mean: Double, _ std: Double, _ values: UnsafeMutablePointer<Double>!, _ count: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let random = try call.random(random)
    guard mean.isFinite, std.isFinite, std >= 0 else {
      throw RecurrentError(
        .badValue, "mean or std is out of range; expected finite numbers, std at least 0, got \(mean) and \(std)")
    }
    for i in try input(values, count, "values").indices { values[i] = random.gaussian(mean, std) }
  }
}

@implementation @_cdecl("recurrent_random_get_state")
public func recurrent_random_get_state(
  _ random: recurrent_random, _ state: UnsafeMutablePointer<UInt64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let p = try output(state, "state"), s = try call.random(random).state
    (p[0], p[1]) = s.key
    (p[2], p[3], p[4], p[5]) = s.counter
    (p[6], p[7], p[8], p[9]) = s.block
    p[10] = UInt64(s.used)
  }
}

@implementation @_cdecl("recurrent_random_set_state")
public func recurrent_random_set_state(
  _ random: recurrent_random, _ state: UnsafePointer<UInt64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    // a copy: the words that are checked are the words that are used
    let random = try call.random(random), p = try Array(input(state, 11, "state"))
    guard p[10] <= 4 else {
      throw RecurrentError(.badValue, "state[10] is out of range; expected 0 to 4, got \(p[10])")
    }
    random.state = Random.State(
      key: (p[0], p[1]), counter: (p[2], p[3], p[4], p[5]), block: (p[6], p[7], p[8], p[9]), used: Int(p[10]))
  }
}
