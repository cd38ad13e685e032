// The built-in cells: names.

import Testing

@testable import Recurrent

@Suite struct CellTests {
  @Test func names() throws {
    for cell in Cell.builtin { #expect(try Cell(name: cell.name) == cell) }
    #expect(Cell.builtin.map { $0.name } == ["rnn_tanh", "rnn_relu", "lstm", "gru", "gru_reset_before"])
    for name in ["LSTM", "rnn", "", "gru_before"] {
      refused(.badValue, "cell is unknown; expected one of rnn_tanh, rnn_relu, lstm", "got '\(name)'") {
        try Cell(name: name)
      }
    }
  }

  /// LeakSanitizer finds an object by its address: a static cell holds one without the tag of an enum.
  @Test(arguments: Cell.steps) func theObjectOfAStaticCellIsFound(_ cell: Cell) throws {
    guard case .step(let step) = cell.kind else { throw RecurrentError(.badType, "\(cell) is no step") }
    let word = withUnsafeBytes(of: cell.kind) { $0.load(as: UInt.self) }
    #expect(word == UInt(bitPattern: Unmanaged.passUnretained(step).toOpaque()))
  }

  /// Every gate has its three parameters; a second bias and a forget bias exist where the equations have them.
  @Test(arguments: BuiltinCell.allCases) func parameterNames(_ cell: BuiltinCell) {
    let names = cell.names(layer: "3")
    #expect(names.count == cell.gates.count)
    #expect(names.allSatisfy { $0.Wx.hasSuffix("3") && $0.Wh.hasSuffix("3") && $0.b.hasSuffix("3") })
    #expect(cell.resetBias(layer: "3") == (cell == .gru ? "bnh3" : nil))
    #expect(Cell(cell).forgetBias.map { $0.name + "3" } == (cell == .lstm ? names[1].b : nil))
  }

  /// Settings hold the programs of the layers: a network from them computes the same.
  @Test(arguments: TestCells.all.map { $0.cell }, DType.allCases)
  func programsAreSettings(_ cell: Cell, _ dtype: DType) throws {
    let settings = Network.Settings(cell, inputSize: 3, hiddenSizes: [5, 4], outputSize: 2, dtype: dtype)
    let network = try Network(settings, random: Random(seed: 1))
    #expect(network.settings.cell.name == cell.name && network.cell.states == cell.states)
    let read = try Network.Settings(json: network.settings.json)
    #expect(read == network.settings)
    let twin = try Network(read, random: Random(seed: 1))
    #expect(try twin.parameters.flat.rows() == network.parameters.flat.rows())
    let graph = Graph(), x = try Mat(3, 2, dtype)
    try x.fillUniform(-1, 1, Random(seed: 2))
    #expect(try network.forward(graph, x).o.rows() == twin.forward(graph, x).o.rows())
  }

  private func settings(_ change: (inout [(key: String, value: JSON)]) -> Void) throws -> Network.Settings {
    let cell = try Network(
      Network.Settings(TestCells.peephole.cell, inputSize: 3, hiddenSizes: [5, 4]), random: Random(seed: 1)
    ).cell
    guard case .object(let members) = cell.json else { return try #require(nil) }
    var changed = Array(members)
    change(&changed)
    let text = JSON.object(JSON.List(changed)).text
    return try Network.Settings(json: #"{"cell": \#(text), "input_size": 3, "hidden_sizes": [5, 4]}"#)
  }

  @Test func objectsAreChecked() throws {
    func network(_ change: (inout [(key: String, value: JSON)]) -> Void) throws {
      _ = try Network(self.settings(change), random: Random(seed: 1))
    }
    func layers(_ change: ([JSON]) -> [JSON]) throws {
      try network { members in
        guard case .array(let layers) = members[2].value else { return }
        members[2].value = .array(JSON.List(change(Array(layers))))
      }
    }
    try network { _ in }
    refused(.badValue, "name of the cell is taken", "got 'lstm'") { try network { $0[0].value = .string("lstm") } }
    for name in ["", "a b", "1a", "é", String(repeating: "a", count: 65)] {
      refused(.badValue, "name of the cell is unusable") { try network { $0[0].value = .string(name) } }
    }
    refused(.badValue, "states is empty") { try network { $0[1].value = .array([]) } }
    refused(.badValue, "states[1] is used twice", "got 'h'") {
      try network { $0[1].value = .array([.string("h"), .string("h")]) }
    }
    refused(.badValue, "states[0] is unusable", "not a digit") { try network { $0[1].value = .array([.string("h0")]) } }
    refused(.badShape, "layer 0 of peephole has the wrong number of states", "expected 1, got 2") {
      try network { $0[1].value = .array([.string("h")]) }
    }
    refused(.badShape, "layers of peephole has the wrong length; expected 2, got 1") {
      try layers { Array($0.prefix(1)) }
    }
    refused(.badShape, "layer 0 of peephole has the wrong inputs; expected 3 rows, got 5") {
      try layers { $0.reversed() }
    }
    refused(.badValue, "cell.layers[1]") { try layers { [$0[0], .string("lstm")] } }
    refused(.badValue, "cell.layers[0]: states is missing") {
      try layers { [.object([("inputs", .number(3))]), $0[1]] }
    }
    refused(.badValue, "more is not a setting of the cell") { try network { $0.append(("more", .null)) } }
    refused(.badType, "layer 0 of peephole has the wrong dtype; expected float64, got float32") {
      var settings = try self.settings { _ in }
      settings.dtype = .float64
      _ = try Network(settings, random: Random(seed: 1))
    }
  }

  @Test func stepsThatFailAreNamed() throws {
    func network(
      _ states: [Int], _ step: @escaping TestCell.Step, parameters: [Program.Parameter] = [], output: Int? = 2
    ) throws {
      let cell = try Cell("own", states: ["h"]) { (_, _) throws(RecurrentError) in
        Cell.Sizes(states: states, parameters: parameters)
      } step: { (g, x, s, p) throws(RecurrentError) in
        try step(g, x, s, p)
      }
      _ = try Network(
        Network.Settings(cell, inputSize: 3, hiddenSizes: [4], outputSize: output), random: Random(seed: 1))
    }
    try network([3]) { (_, x, _, _) throws(RecurrentError) in [x] }
    refused(.badShape, "layer 0 of own: step returns the wrong number of states; expected 1, got 2") {
      try network([3]) { (_, x, _, _) throws(RecurrentError) in [x, x] }
    }
    refused(.badShape, "layer 0 of own: states is empty") {
      try network([]) { (_, x, _, _) throws(RecurrentError) in [] }
    }
    refused(.badShape, "layer 0 of own has the wrong number of states; expected 1, got 2") {
      try network([4, 4]) { (_, _, s, _) throws(RecurrentError) in s }
    }
    refused(.badShape, "the network has no parameters") {
      try network([3], { (_, x, _, _) throws(RecurrentError) in [x] }, output: nil)
    }
    nonisolated(unsafe) let outside = try Mat(4, 1)
    refused(.badValue, "layer 0 of own reads a Mat from outside") {
      try network([4]) { (g, _, s, _) throws(RecurrentError) in [try g.add(s[0], outside)] }
    }
    refused(.badValue, "parameter of layer 0 of own is unusable", "got 'W1'") {
      try network([4], { (_, _, s, _) throws(RecurrentError) in s }, parameters: [.init("W1", 2, 2)])
    }
    refused(.badValue, "initial of a parameter") {
      try network([4], { (_, _, s, _) throws(RecurrentError) in s }, parameters: [.init("b", 2, 1, initial: 1e300)])
    }
  }
}
