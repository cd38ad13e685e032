// Which operations a backward pass runs.

import Recurrent
import Testing

@Suite struct GraphRunTests {
  private func leaf(_ values: Double...) throws -> Mat { try Mat(values.count, 1, .float64, rows: values) }

  /// Operations whose derivative is infinite or NaN, times a gradient of 0: NaN if they ran.
  private static let dead: [@Sendable (Graph, Mat) throws -> Mat] = [
    { g, x in try g.exp(g.scale(x, by: 1000)) },
    { g, x in try g.log(g.relu(g.neg(x))) },
    { g, x in try g.div(x, Mat(2, 1, .float64)) },
    { g, x in try g.sqrt(g.relu(g.neg(x))) },
    { g, x in try g.sqrt(g.neg(x)) },
    { g, x in try g.sum(g.sqrt(g.neg(x))) },
  ]

  @Test(arguments: dead.indices) func anOperationThatNoLossDependsOnIsSkipped(_ index: Int) throws {
    let g = Graph(), x = try leaf(2, 3)
    _ = try Self.dead[index](g, x)
    let loss = try g.sum(g.scale(x, by: 2))
    // after the loss as well
    _ = try Self.dead[index](g, x)
    try g.backward(from: loss)
    #expect(try x.gradientRows() == [2, 2])
  }

  /// The rule for gradients that the caller sets, as in RecurrentJS.
  @Test(arguments: dead.indices) func anOperationWithoutAGradientIsSkipped(_ index: Int) throws {
    let g = Graph(), x = try leaf(2, 3)
    _ = try Self.dead[index](g, x)
    let y = try g.scale(x, by: 2), part = try g.sliceRows(y, 1, 1)
    try part.set(gradientRows: [5])
    try g.backward()
    #expect(try x.gradientRows() == [0, 10])
  }

  @Test func nothingIsReachedWithoutAGradient() throws {
    let g = Graph(), x = try leaf(-2, 3)
    _ = try g.sqrt(x)
    try g.backward()
    #expect(try x.gradientRows() == [0, 0])
  }

  @Test func nanIsAGradient() throws {
    let g = Graph(), x = try leaf(2, 3), y = try g.scale(g.scale(x, by: 2), by: 3)
    try y.set(gradientRows: [.nan, 0])
    try g.backward()
    let dx = try x.gradientRows()
    #expect(dx[0].isNaN && dx[1] == 0)
  }

  /// As in PyTorch: an operation that the loss depends on runs, even where its gradient is 0.
  @Test func anOperationOfTheLossRunsWithAGradientOfZero() throws {
    let g = Graph(), x = try leaf(0, 4), y = try g.sqrt(x)
    try g.backward(from: g.sum(g.sliceRows(y, 1, 1)))
    var dx = try x.gradientRows()
    #expect(dx[0].isNaN && dx[1] == 0.25)
    g.reset()
    try x.zeroGradient()
    try g.backward(from: g.sum(g.scale(g.sqrt(x), by: 0)))
    dx = try x.gradientRows()
    #expect(dx[0].isNaN && dx[1] == 0)
  }

  @Test func aNegativeZeroIsNoGradient() throws {
    let g = Graph(), x = try leaf(0, 4), y = try g.sqrt(x)
    try y.set(gradientRows: [-0.0, -0.0])
    try g.backward()
    #expect(try x.gradientRows() == [0, 0])
  }

  /// Every kind of recording starts without marks of the last one.
  @Test func eachRecordingIsMarkedAnew() throws {
    let g = Graph(), x = try leaf(-1, 4)
    for _ in 0..<3 {
      _ = try g.sqrt(x)
      try g.backward(from: g.sum(x))
      #expect(try x.gradientRows() == [1, 1])
      try x.zeroGradient()
      g.reset()
      try g.backward(from: g.sum(g.sqrt(x)))
      #expect(try x.gradientRows()[1] == 0.25)
      try x.zeroGradient()
      g.reset()
    }
  }
}
