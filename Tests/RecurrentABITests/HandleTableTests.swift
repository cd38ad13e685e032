// The table of objects, when it is full.

import Recurrent
import Testing

@testable import RecurrentABI

@Suite struct HandleTableTests {
  @Test func aFullTableAddsAllOrNone() throws {
    var handles = Handles(capacity: 2)
    let mats = try (0..<3).map { _ in try Mat(1, 1) }
    let first = try handles.add(.mat(mats[0]))
    for count in 2...3 {
      do throws(RecurrentError) {
        _ = try handles.add(mats.prefix(count).map { Object.mat($0) })
        Issue.record("\(count) more were added")
      } catch {
        #expect(error.kind == .noMemory && error.description.contains("at most 2 objects"), "\(error)")
      }
      #expect(handles.count == 1)
    }
    let second = try handles.add([Object.mat(mats[1])])
    #expect(second.count == 1 && handles.count == 2)
    _ = try handles.remove(first, .mat)
    #expect(try handles.add([Object.mat(mats[2])]) != [first])
  }

  @Test func aHandleWithAnotherKindIsNone() throws {
    var handles = Handles()
    let mat = try handles.add(.mat(Mat(1, 1))), graph = try handles.add(.reference(Graph()))
    for (handle, own) in [(mat, Kind.mat), (graph, .graph)] {
      for bits in UInt64(0)..<16 where bits != own.rawValue {
        let forged = handle & ~(15 << 28) | bits << 28
        expectBadHandle { () throws(RecurrentError) in _ = try handles.object(forged, "it") }
        expectBadHandle { () throws(RecurrentError) in _ = try handles.mat(forged, "it") }
        expectBadHandle { () throws(RecurrentError) in let _: Graph = try handles.reference(forged, "it") }
        for kind in [Kind.mat, .graph, .pin] {
          expectBadHandle { () throws(RecurrentError) in _ = try handles.remove(forged, kind) }
        }
      }
    }
    #expect(handles.count == 2)
    _ = try (handles.remove(mat, .mat), handles.remove(graph, .graph))
  }

  private func expectBadHandle(_ body: () throws(RecurrentError) -> Void) {
    do throws(RecurrentError) {
      try body()
      Issue.record("a forged handle was accepted")
    } catch { #expect(error.kind == .badHandle, "\(error)") }
  }
}
