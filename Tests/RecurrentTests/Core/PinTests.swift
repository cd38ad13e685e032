// Pins: memory that a graph's reset leaves as it is.

import Testing

@testable import Recurrent

@Suite struct PinTests {
  private func result(_ graph: Graph, _ value: Double) throws -> Mat {
    try graph.scale(Mat(1, 1, .float64, rows: [value]), by: 2)
  }

  @Test func pinnedResultsStayAfterReset() throws {
    let graph = Graph()
    var kept: [(pin: Pin, w: UnsafeMutableRawPointer)] = []
    for step in 0..<5 {
      graph.reset()
      kept.append(try result(graph, Double(step)).pinW())
    }
    #expect(kept.map { $0.w.load(as: Double.self) } == [0, 2, 4, 6, 8])
  }

  @Test func pinnedGradientsStayAfterReset() throws {
    let graph = Graph(), first = try result(graph, 1)
    try first.set(gradientRows: [7])
    let (pin, dw) = try first.pinDw()
    graph.reset()
    _ = try result(graph, 1).rows()
    #expect(dw.load(as: Double.self) == 7)
    withExtendedLifetime(pin) {}
  }

  @Test func aPinKeepsTheMemoryOfAFreedMat() throws {
    var graph: Graph? = Graph()
    let (pin, w) = try #require(try graph.map { try result($0, 3).pinW() })
    graph = nil
    for _ in 0..<100 { _ = try Mat(1, 1, .float64, rows: [9]) }
    #expect(w.load(as: Double.self) == 6)
    withExtendedLifetime(pin) {}
  }

  @Test func withoutPinsMemoryIsReused() throws {
    let graph = Graph()
    var addresses: Set<UnsafeMutableRawPointer> = []
    for step in 0..<5 {
      graph.reset()
      let (pin, w) = try result(graph, Double(step)).pinW()
      addresses.insert(w)
      withExtendedLifetime(pin) {}
    }
    #expect(addresses.count == 1)
  }

  @Test func theMatOfAPinnedResultIsInvalidAfterReset() throws {
    let graph = Graph(), y = try result(graph, 1), pin = try y.pinW().pin
    graph.reset()
    refused(.invalidated) { try y.rows() }
    refused(.invalidated) { try y.pinW() }
    refused(.invalidated) { try y.pinDw() }
    withExtendedLifetime(pin) {}
  }

  /// Any thread may release a pin, such as a finalizer's.
  @Test func pinsAreReleasedFromAnyThread() async throws {
    let mat = try Mat(4, 4, .float64)
    await withTaskGroup(of: Void.self) { group in
      for column in 0..<4 {
        let view = SendableMat(mat: try? mat.view(row: 0, column: column, n: 4, d: 1))
        group.addTask { for _ in 0..<1000 { _ = try? view.mat?.pinDw() } }
      }
    }
    #expect(mat.storage.pinCount.load(ordering: .relaxed) == 0)
    #expect(!mat.storage.isPinned(mat.span))
  }

  private struct SendableMat: @unchecked Sendable { let mat: Mat? }
}
