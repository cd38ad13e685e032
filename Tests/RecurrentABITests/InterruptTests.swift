// The interrupt check: it stops a call, and may not use the call's objects.

import CRecurrent
import Campaigns
import Foundation
import Synchronization
import Testing

/// What the check does on the thread of the test, and what it saw.
private let thread = Atomic<UInt>(0), network = Atomic<UInt64>(0)
private let status = Atomic<Int32>(0), other = Atomic<Int32>(0), isCheck = Atomic<Int32>(0)

extension ABITests {
  @Suite(.serialized) struct InterruptTests {
    @Test func theCheckStopsACallAndMayNotUseItsObjects() {
      let net = newNetwork(#""cell": "gru", "input_size": 64, "hidden_sizes": [128]"#)
      defer { ok(recurrent_network_free(net)) }
      let T = 400, B = 8, x = [Double](repeating: 0.5, count: T * B * 64)
      var y = [Double](repeating: 7, count: T * B * 128)
      thread.store(UInt(bitPattern: pthread_self().hashValue), ordering: .relaxed)
      network.store(net, ordering: .relaxed)
      withInterruptCheck {
        ok(
          recurrent_set_interrupt_check {
            guard thread.load(ordering: .relaxed) == UInt(bitPattern: pthread_self().hashValue) else { return 0 }
            var count: Int64 = 0, mat: UInt64 = 0, graph: UInt64 = 0, a: UInt64 = 0, b: UInt64 = 0
            isCheck.store(recurrent_is_interrupt_check(), ordering: .relaxed)
            status.store(
              recurrent_network_state_count(network.load(ordering: .relaxed), 1, &count), ordering: .relaxed)
            // a graph of its own, whose results share the lock of the graph
            other.store(
              recurrent_mat_create(0, 2, 2, &mat) | recurrent_graph_create(1, &graph)
                | recurrent_graph_unary(graph, 0, mat, 0, &a) | recurrent_graph_binary(graph, 0, a, a, &b),
              ordering: .relaxed)
            for object in [mat, a, b] { recurrent_mat_free(object) }
            recurrent_graph_free(graph)
            return 1
          })
        fails(RECURRENT_INTERRUPTED, "interrupted", "got") {
          recurrent_network_forward_sequence(net, x, nil, Int64(T), Int64(B), nil, nil, nil, 0, &y, nil)
        }
        ok(recurrent_set_interrupt_check(nil))
      }
      #expect(y.allSatisfy { $0 == 7 })
      #expect(isCheck.load(ordering: .relaxed) == 1 && recurrent_is_interrupt_check() == 0)
      #expect(status.load(ordering: .relaxed) == RECURRENT_BUSY && other.load(ordering: .relaxed) == 0)
      ok(recurrent_network_forward_sequence(net, x, nil, Int64(T), Int64(B), nil, nil, nil, 0, &y, nil))
    }

    @Test func pythonsFunctionsAreAllNeeded() {
      fails(RECURRENT_NULL_ARGUMENT, "function of CPython is NULL", "five functions") {
        recurrent_python_set_interrupt_check(nil, nil, nil, nil, nil)
      }
      #expect(recurrent_python_raise() == 0)
    }

    /// An interpreter without a signal: calls run to their end.
    @Test func pythonsFunctionsAreTheCheck() {
      typealias Pointer = UnsafeMutableRawPointer?
      let ensure: @convention(c) () -> Int32 = { 0 }, release: @convention(c) (Int32) -> Void = { _ in }
      let signals: @convention(c) () -> Int32 = { 0 }
      let exception: @convention(c) (Pointer, Pointer, Pointer) -> Void = { _, _, _ in }
      func pointer<F>(_ function: F) -> UnsafeRawPointer { unsafeBitCast(function, to: UnsafeRawPointer.self) }
      withInterruptCheck {
        ok(
          recurrent_python_set_interrupt_check(
            pointer(ensure), pointer(release), pointer(signals), pointer(exception), pointer(exception)))
        ArgumentKind.ranNetwork.with { _ in }
        ok(recurrent_set_interrupt_check(nil))
      }
      #expect(recurrent_python_raise() == 0)
    }
  }
}
