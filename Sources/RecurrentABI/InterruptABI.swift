// Interruption of long calls.
// Documented in recurrent.h.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

import CRecurrent
import Recurrent

@implementation @_cdecl("recurrent_set_interrupt_check")
public func recurrent_set_interrupt_check(_ check: recurrent_interrupt_check!) -> recurrent_status {
  Interrupt.setCheck(check)
  return recurrent_status(RECURRENT_OK)
}

@implementation @_cdecl("recurrent_is_interrupt_check")
public func recurrent_is_interrupt_check() -> Int32 { Interrupt.isChecking ? 1 : 0 }

@implementation @_cdecl("recurrent_python_set_interrupt_check")
public func recurrent_python_set_interrupt_check(
  _ gil_state_ensure: UnsafeRawPointer!, _ gil_state_release: UnsafeRawPointer!,
  _ err_check_signals: UnsafeRawPointer!, _ err_fetch: UnsafeRawPointer!, _ err_restore: UnsafeRawPointer!
) -> recurrent_status {
  call { (_) throws(RecurrentError) in
    let functions = [gil_state_ensure, gil_state_release, err_check_signals, err_fetch, err_restore]
    if functions.contains(nil) {
      throw RecurrentError(.nullArgument, "a function of CPython is NULL; expected five functions, got NULL")
    }
    cr_python_set(functions)
    Interrupt.setCheck(cr_python_check)
  }
}

@implementation @_cdecl("recurrent_python_raise")
public func recurrent_python_raise() -> Int32 { cr_python_raise() }
