// Threads.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_set_num_threads")
public func recurrent_set_num_threads(_ count: Int64) -> recurrent_status {
  call { (_) throws(RecurrentError) in try ThreadPool.set(Int(count)) }
}

@implementation @_cdecl("recurrent_get_num_threads")
public func recurrent_get_num_threads() -> Int64 { Int64(ThreadPool.count) }
