// Choosing.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_softmax")
public func recurrent_softmax(_ m: recurrent_mat, _ out: UnsafeMutablePointer<recurrent_mat>!) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(out, "out")
    try give(.mat(try softmax(call.mat(m, "m"))), out)
  }
}

@implementation @_cdecl("recurrent_argmax")
public func recurrent_argmax(
  _ dtype: recurrent_dtype, _ w: UnsafeRawPointer!, _ count: Int64, _ index: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(index, "index")
    switch try RecurrentABI.dtype(dtype) {
    case .float32: out.pointee = Int64(try argmax(input(w?.assumingMemoryBound(to: Float.self), count, "w")))
    case .float64: out.pointee = Int64(try argmax(input(w?.assumingMemoryBound(to: Double.self), count, "w")))
    }
  }
}

@implementation @_cdecl("recurrent_sample")
public func recurrent_sample(
  _ dtype: recurrent_dtype, _ p: UnsafeRawPointer!, _ count: Int64, _ random: recurrent_random,
  _ index: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(index, "index"), random = try call.random(random)
    switch try RecurrentABI.dtype(dtype) {
    case .float32:
      out.pointee = Int64(try sample(input(p?.assumingMemoryBound(to: Float.self), count, "p"), random))
    case .float64:
      out.pointee = Int64(try sample(input(p?.assumingMemoryBound(to: Double.self), count, "p"), random))
    }
  }
}
