// Networks in files and in memory, and the kinds of files.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_file_kind")
public func recurrent_file_kind(
  _ path: UnsafePointer<CChar>!, _ path_length: Int64, _ kind: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    try write(Checkpoint.kind(of: RecurrentABI.path(path, path_length)), kind, capacity, length, "kind")
  }
}

@implementation @_cdecl("recurrent_network_save")
public func recurrent_network_save(
  _ network: recurrent_network, _ optimizer: recurrent_optimizer, _ random: recurrent_random,
  _ path: UnsafePointer<CChar>!, _ length: Int64, _ overwrite: Int32
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let (network, optimizer, random) = try saved(&call, network, optimizer, random)
    try network.save(
      RecurrentABI.path(path, length), optimizer: optimizer, random: random, overwrite: flag(overwrite, "overwrite"))
  }
}

@implementation @_cdecl("recurrent_network_load")
public func recurrent_network_load(
  _ path: UnsafePointer<CChar>!, _ length: Int64, _ network: UnsafeMutablePointer<recurrent_network>!,
  _ optimizer: UnsafeMutablePointer<recurrent_optimizer>!, _ random: UnsafeMutablePointer<recurrent_random>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(network, "network")
    try register(try Network.load(.file(RecurrentABI.path(path, length))), out, optimizer, random)
  }
}

@implementation @_cdecl("recurrent_network_write")
public func recurrent_network_write(
  _ network: recurrent_network, _ optimizer: recurrent_optimizer, _ random: recurrent_random,
  _ bytes: UnsafeMutablePointer<CChar>!, _ capacity: Int64, _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let (network, optimizer, random) = try saved(&call, network, optimizer, random)
    try writeFile(network.bytes(optimizer: optimizer, random: random), bytes, capacity, length)
  }
}

@implementation @_cdecl("recurrent_network_read")
public func recurrent_network_read(
  _ bytes: UnsafePointer<CChar>!, _ length: Int64, _ network: UnsafeMutablePointer<recurrent_network>!,
  _ optimizer: UnsafeMutablePointer<recurrent_optimizer>!, _ random: UnsafeMutablePointer<recurrent_random>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(network, "network")
    let memory = UnsafeRawBufferPointer(try RecurrentABI.bytes(bytes, length, "bytes"))
    try register(try Network.load(.memory(memory)), out, optimizer, random)
  }
}

@implementation @_cdecl("recurrent_network_get_metadata")
public func recurrent_network_get_metadata(
  _ network: recurrent_network, _ metadata: UnsafeMutablePointer<CChar>!, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    try write(call.network(network).metadataJSON, metadata, capacity, length, "metadata")
  }
}

@implementation @_cdecl("recurrent_network_set_metadata")
public func recurrent_network_set_metadata(
  _ network: recurrent_network, _ metadata: UnsafePointer<CChar>!, _ length: Int64
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let network = try call.network(network)
    try network.setMetadata(json: text(metadata, length, "metadata"))
  }
}

/// The objects that a file of a network has: an optimizer and a generator of 0 are none.
private func saved(
  _ call: inout Call, _ network: UInt64, _ optimizer: UInt64, _ random: UInt64
) throws(RecurrentError) -> (Network, Optimizer?, Random?) {
  let network = try call.trainableNetwork(network)
  return (
    network, optimizer == 0 ? nil : try call.optimizer(optimizer), random == 0 ? nil : try call.random(random)
  )
}

/// Writes new handles of what a file of a network has: all of them or none. Outputs but the first may be NULL.
private func register(
  _ file: (network: Network, optimizer: Optimizer?, random: Random), _ network: UnsafeMutablePointer<UInt64>,
  _ optimizer: UnsafeMutablePointer<UInt64>?, _ random: UnsafeMutablePointer<UInt64>?
) throws(RecurrentError) {
  var objects = [(Object.reference(file.network), network)]
  if let out = try optimizer.map({ (out) throws(RecurrentError) in try output(out, "optimizer") }) {
    if let optimizer = file.optimizer { objects.append((.reference(optimizer), out)) }
  }
  if let out = try random.map({ (out) throws(RecurrentError) in try output(out, "random") }) {
    objects.append((.reference(file.random), out))
  }
  try register(objects)
  if file.optimizer == nil { optimizer?.pointee = 0 }
}

/// Copies the bytes of a file into the caller's buffer; NULL with capacity 0 receives their number alone.
func writeFile(
  _ file: borrowing Buffer<UInt8>, _ bytes: UnsafeMutablePointer<CChar>?, _ capacity: Int64,
  _ length: UnsafeMutablePointer<Int64>?
) throws(RecurrentError) {
  if bytes == nil && capacity == 0 {
    try output(length, "length").pointee = Int64(file.count)
  } else {
    try write(file, bytes, capacity, length, "bytes")
  }
}
