// Every function with invalid handles and outputs: a status, a message, and no output written.

import CRecurrent
import Foundation
import Testing

/// The path of saved models; removed at the end of the tests.
let scratchFile: String = {
  atexit { try? FileManager.default.removeItem(atPath: scratchFile) }
  return NSTemporaryDirectory() + "recurrent-abi-\(UUID().uuidString).json"
}()

extension ABITests {
  @Suite struct EveryFunctionTests {
    /// Creates a function's objects, calls `body`, and frees them.
    private func with(_ f: Function, _ body: (inout [UInt64]) throws -> Void) rethrows {
      var handles: [UInt64] = []
      for kind in f.takes { handles.append(kind.handle(after: handles)) }
      let made = handles
      try body(&handles)
      for (kind, handle) in zip(f.takes, made) { ok(kind.free(handle)) }
    }

    /// Makes a call that must fail.
    private func refused(
      _ f: Function, _ codes: [Int], _ handles: [UInt64], _ outputs: Outputs, _ what: String
    ) {
      let count = recurrent_object_count(), status = Int(f.call(handles, outputs))
      #expect(codes.contains(status), "\(f.name), \(what): \(status), \(lastError)")
      #expect(!lastError.isEmpty, "\(f.name), \(what): no message")
      #expect(recurrent_last_errno() == 0, "\(f.name), \(what)")
      #expect(outputs.areUntouched, "\(f.name), \(what): an output was written")
      #expect(recurrent_object_count() == count, "\(f.name), \(what): an object was left behind")
    }

    @Test(arguments: Function.all) func succeeds(_ f: Function) {
      let before = recurrent_object_count()
      with(f) { handles in
        let outputs = Outputs(f.outputs)
        ok(f.call(handles, outputs))
        #expect(f.outputs == 0 || !outputs.areUntouched, "\(f.name) wrote nothing")
        f.freeOutputs(outputs)
      }
      #expect(recurrent_object_count() == before, "\(f.name) leaks")
    }

    @Test(arguments: Function.all) func refusesNULLOutputs(_ f: Function) {
      with(f) { handles in
        for i in 0..<f.outputs {
          let outputs = Outputs(f.outputs)
          outputs.missing = i
          refused(f, [RECURRENT_NULL_ARGUMENT], handles, outputs, "output \(i) NULL")
        }
      }
    }

    @Test(arguments: Function.all) func refusesWrongHandles(_ f: Function) {
      with(f) { handles in
        let good = handles
        for (i, kind) in f.takes.enumerated() {
          func attempt(_ codes: [Int], _ handle: UInt64, _ what: String) {
            var handles = good
            handles[i] = handle
            refused(f, codes, handles, Outputs(f.outputs), "handle \(i) \(what)")
          }
          if !f.optional.contains(i) { attempt([RECURRENT_NULL_ARGUMENT], 0, "0") }
          let freed = kind.handle(after: [UInt64](good[..<i]))
          ok(kind.free(freed))
          attempt([RECURRENT_BAD_HANDLE], freed, "freed")
          kind.other.with { attempt([RECURRENT_WRONG_KIND], $0, "of another kind") }
          for forged in [
            1, .max, good[i] ^ 1 << 63, good[i] ^ 1 << 32, good[i] ^ 1 << 27, good[i] ^ 1 << 30, 1 << 63,
          ] {
            attempt([RECURRENT_BAD_HANDLE], forged, "forged \(forged)")
          }
        }
        // a valid call still succeeds
        let outputs = Outputs(f.outputs)
        ok(f.call(good, outputs))
        f.freeOutputs(outputs)
      }
    }

    @Test(arguments: Function.all) func refusesMisalignedOutputs(_ f: Function) {
      // some outputs are text alone, or begin with text
      guard f.outputs > 0,
        ![
          "network_describe", "network_parameter_name", "optimizer_describe", "optimizer_name", "optimizer_state_name",
          "text_model_describe", "text_model_get_metadata", "text_model_decode",
        ].contains(f.name)
      else {
        return
      }
      with(f) { handles in
        let outputs = Outputs(f.outputs)
        outputs.shift = 1
        refused(f, [RECURRENT_BAD_VALUE], handles, outputs, "misaligned")
      }
    }

    /// No function of the header is missing from the table.
    @Test func theTableIsComplete() throws {
      let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
      let header = try String(
        contentsOf: root.appending(path: "Sources/CRecurrent/include/recurrent.h"), encoding: .utf8)
      let code = header.replacing(/\/\*(.|\n)*?\*\//) { _ in "" }
      let declared = Set(code.matches(of: /recurrent_([a-z_0-9]+)\(/).map { String($0.1) })
      #expect(declared.count > 80)
      #expect(
        declared.subtracting(Function.all.map { $0.name }).subtracting(Function.infallible).sorted() == [])
      #expect(Set(Function.all.map { $0.name } + Function.infallible).subtracting(declared).sorted() == [])
    }
  }
}
