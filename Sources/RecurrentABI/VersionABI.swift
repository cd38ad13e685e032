// Versions and errors. The last error itself is kept in CRecurrent.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent

private let version: StaticString = "0.2.0"

@implementation @_cdecl("recurrent_abi_version")
public func recurrent_abi_version() -> Int32 { Int32(RECURRENT_ABI_VERSION) }

@implementation @_cdecl("recurrent_version")
public func recurrent_version() -> UnsafePointer<CChar>! {
  UnsafeRawPointer(version.utf8Start).assumingMemoryBound(to: CChar.self)
}

@implementation @_cdecl("recurrent_object_count")
public func recurrent_object_count() -> Int64 { Int64(HandleTable.withLock { $0.count }) }
