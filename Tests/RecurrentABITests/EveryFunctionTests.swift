// Every function with every handle and output wrong in every way: a status, a sentence, and nothing written.

import CRecurrent
import Foundation
import Testing

/// Where a model is saved while tests run; removed when they end.
let scratchFile: String = {
  atexit { try? FileManager.default.removeItem(atPath: scratchFile) }
  return NSTemporaryDirectory() + "recurrent-abi-\(UUID().uuidString).json"
}()

extension ABITests {
  @Suite struct EveryFunctionTests {
    /// Makes a function's objects, calls `body`, and frees everything.
    private func with(_ f: Function, _ body: (inout [UInt64]) throws -> Void) rethrows {
      var handles: [UInt64] = []
      for ingredient in f.takes { handles.append(ingredient.handle(after: handles)) }
      let made = handles
      try body(&handles)
      for (ingredient, handle) in zip(f.takes, made) { ok(ingredient.free(handle)) }
    }

    /// Calls with what must be refused.
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
        for (i, ingredient) in f.takes.enumerated() {
          func attempt(_ codes: [Int], _ handle: UInt64, _ what: String) {
            var handles = good
            handles[i] = handle
            refused(f, codes, handles, Outputs(f.outputs), "handle \(i) \(what)")
          }
          if !f.optional.contains(i) { attempt([RECURRENT_NULL_ARGUMENT], 0, "0") }
          let freed = ingredient.handle(after: [UInt64](good[..<i]))
          ok(ingredient.free(freed))
          attempt([RECURRENT_BAD_HANDLE], freed, "freed")
          ingredient.other.with { attempt([RECURRENT_WRONG_KIND], $0, "of another kind") }
          for forged in [
            1, .max, good[i] ^ 1 << 63, good[i] ^ 1 << 32, good[i] ^ 1 << 27, good[i] ^ 1 << 30, 1 << 63,
          ] {
            attempt([RECURRENT_BAD_HANDLE], forged, "forged \(forged)")
          }
        }
        // and none of it has hurt
        let outputs = Outputs(f.outputs)
        ok(f.call(good, outputs))
        f.freeOutputs(outputs)
      }
    }

    @Test(arguments: Function.all) func refusesMisalignedOutputs(_ f: Function) {
      // text has no alignment
      guard f.outputs > 0,
        ![
          "model_parameter_name", "solver_describe", "solver_name", "solver_slot_name", "sentence_model_predict",
          "text_model_notes", "text_model_decode", "text_model_sample",
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
