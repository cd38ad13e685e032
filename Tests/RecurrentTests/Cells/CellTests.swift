// The built-in cells: names.

import Testing

@testable import Recurrent

@Suite struct CellTests {
  @Test func names() throws {
    for cell in Cell.allCases { #expect(try Cell(name: cell.name) == cell) }
    #expect(Cell.allCases.map { $0.name } == ["rnn_tanh", "rnn_relu", "lstm", "gru", "gru_reset_before"])
    for name in ["LSTM", "rnn", "", "gru_before"] {
      refused(.badValue, "cell is unknown; expected one of rnn_tanh, rnn_relu, lstm", "got '\(name)'") {
        try Cell(name: name)
      }
    }
  }

  /// Every gate has its three parameters; a second bias and a forget bias exist where the equations have them.
  @Test(arguments: Cell.allCases) func parameterNames(_ cell: Cell) {
    let names = cell.names(layer: 3)
    #expect(names.count == cell.gates.count)
    #expect(names.allSatisfy { $0.Wx.hasSuffix("3") && $0.Wh.hasSuffix("3") && $0.b.hasSuffix("3") })
    #expect(cell.resetBias(layer: 3) == (cell == .gru ? "bnh3" : nil))
    #expect(cell.forgetBias(layer: 3) == (cell == .lstm ? names[1].b : nil))
  }
}
