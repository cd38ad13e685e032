// Sampling.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_softmax")
public func recurrent_softmax(_ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out")
    try register(try softmax(call.mat(m, "m")), out)
  }
}

@implementation @_cdecl("recurrent_argmax")
public func recurrent_argmax(
  _ dtype: recurrent_dtype, _ values: UnsafeRawPointer!, _ count: Int64, _ index: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(index, "index")
    switch try RecurrentABI.dtype(dtype) {
    case .float32: out.pointee = Int64(try argmax(input(values?.assumingMemoryBound(to: Float.self), count, "values")))
    case .float64: out.pointee = Int64(try argmax(input(values?.assumingMemoryBound(to: Double.self), count, "values")))
    }
  }
}

@implementation @_cdecl("recurrent_sample")
public func recurrent_sample(
  _ dtype: recurrent_dtype, _ weights: UnsafeRawPointer!, _ count: Int64, _ random: recurrent_random,
  _ index: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(index, "index"), random = try call.random(random)
    switch try RecurrentABI.dtype(dtype) {
    case .float32:
      out.pointee = Int64(try sample(input(weights?.assumingMemoryBound(to: Float.self), count, "weights"), random))
    case .float64:
      out.pointee = Int64(try sample(input(weights?.assumingMemoryBound(to: Double.self), count, "weights"), random))
    }
  }
}

@implementation @_cdecl("recurrent_probabilities")
public func recurrent_probabilities(
  _ dtype: recurrent_dtype, _ scores: UnsafeRawPointer!, _ count: Int64, _ settings: UnsafePointer<CChar>!,
  _ settings_length: Int64, _ history: UnsafePointer<Int64>!, _ history_length: Int64,
  _ probabilities: UnsafeMutableRawPointer!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let sampler = try Sampler(json: RecurrentABI.settings(settings, settings_length))
    let history = try input(history, history_length, "history")
    switch try RecurrentABI.dtype(dtype) {
    case .float32:
      try sampler.probabilities(
        of: input(scores?.assumingMemoryBound(to: Float.self), count, "scores"), recent: history,
        to: UnsafeMutableBufferPointer(
          start: output(probabilities?.assumingMemoryBound(to: Float.self), "probabilities"), count: Int(count)))
    case .float64:
      try sampler.probabilities(
        of: input(scores?.assumingMemoryBound(to: Double.self), count, "scores"), recent: history,
        to: UnsafeMutableBufferPointer(
          start: output(probabilities?.assumingMemoryBound(to: Double.self), "probabilities"), count: Int(count)))
    }
  }
}
