// Forged handles, and handles that were freed.

import CRecurrent
import Campaigns
import Testing

extension ABITests {
  @Suite struct HandleTests {
    /// A 64-bit word of a hash.
    private static func mix(_ i: Int) -> UInt64 {
      var x = UInt64(i) &* 0x9E37_79B9_7F4A_7C15
      x = (x ^ x >> 30) &* 0xBF58_476D_1CE4_E5B9
      x = (x ^ x >> 27) &* 0x94D0_49BB_1331_11EB
      return x ^ x >> 31
    }

    @Test func noForgedHandleIsAccepted() {
      let kept: [(ArgumentKind, UInt64)] = ArgumentKind.kinds
        .map { ($0, $0.handle(after: [])) }
      let real = Set(kept.map { $0.1 }), objects = recurrent_object_count(), most = harden ? 1_000_000 : 100_000
      campaign("Random and freed handles accepted") { count in
        for i in 1...most {
          // half of them arbitrary, half with two bits of a valid handle changed
          let forged =
            i % 2 == 0
            ? Self.mix(i)
            : kept[i / 2 % kept.count].1 ^ (1 << (Self.mix(i) % 64)) ^ (1 << (Self.mix(i + 7) % 64))
          // 0 may be freed
          if forged == 0 || real.contains(forged) { continue }
          // as the kind in its bits, and as another one
          let statuses = use(Int(forged >> 28 & 15), forged) + use(1 + i % ArgumentKind.kinds.count, forged)
          count.cases += 1
          if !statuses.allSatisfy({ [RECURRENT_BAD_HANDLE, RECURRENT_NULL_ARGUMENT].contains(Int($0)) }) {
            count.failures += 1
            Issue.record("\(forged) is accepted")
          }
        }
      }
      #expect(recurrent_object_count() == objects)
      for (kind, handle) in kept { ok(kind.free(handle)) }
    }

    /// Uses a handle as one of a kind, and frees it.
    private func use(_ kind: Int, _ handle: UInt64) -> [recurrent_status] {
      var info = recurrent_mat_info()
      var number: Int64 = 0
      var word: UInt64 = 0
      switch kind {
      case 1: return [recurrent_random_words(handle, &word, 1), recurrent_random_free(handle)]
      case 2: return [recurrent_mat_describe(handle, &info), recurrent_mat_free(handle)]
      case 3: return [recurrent_graph_count(handle, &number), recurrent_graph_free(handle)]
      case 4: return [recurrent_network_parameter_count(handle, &number), recurrent_network_free(handle)]
      case 5: return [recurrent_optimizer_name_count(handle, &number), recurrent_optimizer_free(handle)]
      case 6: return [recurrent_text_model_reset_state(handle), recurrent_text_model_free(handle)]
      case 7: return [recurrent_generator_state(handle, &word), recurrent_generator_free(handle)]
      case 8: return [recurrent_pin_free(handle)]
      case 9: return [recurrent_step_finish(handle, nil, 0, &word), recurrent_step_free(handle)]
      default: return [recurrent_program_describe(handle, nil, 0, &number), recurrent_program_free(handle)]
      }
    }

    @Test func freedHandlesStayInvalid() {
      var past: [UInt64] = []
      for i in 0..<1000 {
        // always another kind in the same slot
        let kind = i % 2 == 0 ? ArgumentKind.random : .graph
        let handle = kind.handle(after: [])
        #expect(handle != 0 && !past.contains(handle))
        ok(kind.free(handle))
        past.append(handle)
      }
      ArgumentKind.random.with { _ in
        for handle in past {
          fails(RECURRENT_BAD_HANDLE) { recurrent_random_free(handle) }
          fails(RECURRENT_BAD_HANDLE) { recurrent_graph_free(handle) }
        }
      }
    }

    @Test(arguments: ArgumentKind.kinds.map { Boxed($0) })
    func freeing(_ boxed: Boxed) {
      let kind = boxed.kind
      ok(kind.free(0))
      let handle = kind.handle(after: [])
      ok(kind.free(handle))
      fails(RECURRENT_BAD_HANDLE) { kind.free(handle) }
      fails(RECURRENT_BAD_HANDLE) { kind.free(.max) }
      kind.other.with { other in
        fails(RECURRENT_WRONG_KIND, "expected a") { kind.free(other) }
      }
    }

    struct Boxed: Sendable, CustomTestStringConvertible {
      let kind: ArgumentKind
      init(_ kind: ArgumentKind) { self.kind = kind }
      var testDescription: String { "\(kind)" }
    }
  }
}
