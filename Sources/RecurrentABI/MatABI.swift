// Mats.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_mat_create")
public func recurrent_mat_create(
  _ dtype: recurrent_dtype, _ n: Int64, _ d: Int64, _ mat: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(mat, "mat")
    try register(try Mat(Int(n), Int(d), RecurrentABI.dtype(dtype)), out)
  }
}

@implementation @_cdecl("recurrent_mat_create_from")
public func recurrent_mat_create_from(
  _ dtype: recurrent_dtype, _ n: Int64, _ d: Int64, _ w: UnsafeRawPointer!, _ count: Int64,
  _ mat: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let out = try output(mat, "mat"), dtype = try RecurrentABI.dtype(dtype)
    guard let w = try elements(w, size(count, "count"), dtype, "w") else {
      throw RecurrentError(.nullArgument, "w is NULL; expected \(count) values, got none")
    }
    try register(try Mat(Int(n), Int(d), columns: w), out)
  }
}

@implementation @_cdecl("recurrent_mat_free")
public func recurrent_mat_free(_ mat: recurrent_mat) -> recurrent_status { free(mat, .mat) }

@implementation @_cdecl("recurrent_mat_view")
public func recurrent_mat_view(
  _ mat: recurrent_mat, _ row: Int64, _ column: Int64, _ n: Int64, _ d: Int64,
  _ view: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(view, "view"), mat = try call.mat(mat, "mat")
    try register(try mat.view(row: Int(row), column: Int(column), n: Int(n), d: Int(d)), out)
  }
}

@implementation @_cdecl("recurrent_mat_copy")
public func recurrent_mat_copy(
  _ mat: recurrent_mat, _ copy: UnsafeMutablePointer<recurrent_mat>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(copy, "copy")
    try register(try call.mat(mat, "mat").copy(), out)
  }
}

@implementation @_cdecl("recurrent_mat_describe")
public func recurrent_mat_describe(
  _ mat: recurrent_mat, _ info: UnsafeMutablePointer<recurrent_mat_info>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(info, "info"), mat = try call.mat(mat, "mat")
    out.pointee = recurrent_mat_info(
      n: Int64(mat.n), d: Int64(mat.d), stride: Int64(mat.stride), dtype: mat.dtype.rawValue)
  }
}

@implementation @_cdecl("recurrent_mat_w")
public func recurrent_mat_w(
  _ mat: recurrent_mat, _ w: UnsafeMutablePointer<UnsafeMutableRawPointer?>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(w, "w")
    out.pointee = try call.mat(mat, "mat").wPointer()
  }
}

@implementation @_cdecl("recurrent_mat_dw")
public func recurrent_mat_dw(
  _ mat: recurrent_mat, _ dw: UnsafeMutablePointer<UnsafeMutableRawPointer?>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let out = try output(dw, "dw")
    out.pointee = try call.mat(mat, "mat").dwPointer()
  }
}

@implementation @_cdecl("recurrent_mat_pin_w")
public func recurrent_mat_pin_w(
  _ mat: recurrent_mat, _ w: UnsafeMutablePointer<UnsafeMutableRawPointer?>!,
  _ pin: UnsafeMutablePointer<recurrent_pin>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let address = try output(w, "w"), out = try output(pin, "pin")
    let pinned = try call.mat(mat, "mat").pinW()
    try register(pinned.pin, out)
    address.pointee = pinned.w
  }
}

@implementation @_cdecl("recurrent_mat_pin_dw")
public func recurrent_mat_pin_dw(
  _ mat: recurrent_mat, _ dw: UnsafeMutablePointer<UnsafeMutableRawPointer?>!,
  _ pin: UnsafeMutablePointer<recurrent_pin>!
) -> recurrent_status {
  call { (call) throws(RecurrentError) in
    let address = try output(dw, "dw"), out = try output(pin, "pin")
    let pinned = try call.mat(mat, "mat").pinDw()
    try register(pinned.pin, out)
    address.pointee = pinned.dw
  }
}

@implementation @_cdecl("recurrent_pin_free")
public func recurrent_pin_free(_ pin: recurrent_pin) -> recurrent_status { free(pin, .pin) }

@implementation @_cdecl("recurrent_mat_fill")
public func recurrent_mat_fill(_ mat: recurrent_mat, _ value: Double) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.mat(mat, "mat").fill(value) }
}

@implementation @_cdecl("recurrent_mat_zero_gradient")
public func recurrent_mat_zero_gradient(_ mat: recurrent_mat) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.mat(mat, "mat").zeroGradient() }
}

@implementation @_cdecl("recurrent_mat_fill_uniform")
public func recurrent_mat_fill_uniform(
  _ mat: recurrent_mat, _ low: Double, _ high: Double, _ random: recurrent_random
) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.mat(mat, "mat").fillUniform(low, high, call.random(random)) }
}

@implementation @_cdecl("recurrent_mat_fill_gaussian")
public func recurrent_mat_fill_gaussian(
  _ mat: recurrent_mat, _ mean: Double, _ std: Double, _ random: recurrent_random
) -> recurrent_status {
  call { (call) throws(RecurrentError) in try call.mat(mat, "mat").fillGaussian(mean, std, call.random(random)) }
}
