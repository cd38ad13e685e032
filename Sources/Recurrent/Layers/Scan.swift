// A whole layer over a whole sequence as one node: recorded here, computed in the two files beside this one.

import Kernels

/// What a sequence node needs to know beyond its operands.
struct Scan {
  let cell: Cell
  /// Steps, and sequences side by side.
  let T: Int, B: Int
  /// Whether the input is tokens, one for each column: rows of operand 0, a table; or, one-hot, columns of Wx.
  let tokens: UnsafeMutablePointer<Int32>?
  /// Whether a token stands for a column of zeros with a single 1: the input's product is a column of Wx.
  let oneHot: Bool
  /// Valid steps of each sequence; all of them where nil.
  let lengths: UnsafeMutablePointer<Int32>?
  /// Whether the input's gradient is wanted.
  let wantsInput: Bool
  /// Whether the input product is done for all steps at once, before the first.
  let hoisted: Bool
  /// How many threads share the work.
  let threads: Int

  /// The columns of `ScanRun.product` that the steps start from; nil where z holds each step's own.
  var looked: UnsafeMutablePointer<Int32>? { hoisted ? nil : tokens }
}

/// The weights of a layer, gates stacked.
struct Weights {
  /// [G·H × I], [G·H × H], [G·H × 1].
  let Wx: Mat, Wh: Mat, b: Mat
  /// [H × 1], a GRU's second bias.
  let resetBias: Mat?
}

extension Graph {
  /// A layer over T steps of B sequences side by side.
  ///
  /// - Parameters:
  ///   - cell: the kind of layer.
  ///   - input: x, [I × T·B], column t·B + b; or with `tokens` a table [V × I] of which they name the rows; nil for
  ///     one-hot tokens, which name columns of Wx.
  ///   - tokens: T·B row numbers, or nil.
  ///   - h: the output before the first step, [H × B].
  ///   - c: an LSTM's cell before the first step, [H × B].
  ///   - weights: the layer's.
  ///   - lengths: valid steps of each sequence, 0 to T. Later outputs are 0, and the final state is that of the last
  ///     valid step.
  ///   - wantsInput: false where nobody will look at x's gradient.
  /// - Returns: outputs [H × T·B], and the final state.
  func sequence(
    _ cell: Cell, _ input: Mat?, tokens: UnsafeMutablePointer<Int32>? = nil, steps T: Int, h: Mat, c: Mat?,
    _ weights: Weights, lengths: UnsafeMutablePointer<Int32>? = nil, wantsInput: Bool = true
  ) throws(RecurrentError) -> (y: Mat, h: Mat, c: Mat?) {
    let (H, B) = (h.n, h.d), oneHot = input == nil, x = input ?? weights.Wx
    let inputs = oneHot ? 0 : tokens == nil ? x.n : x.d
    let gates = cell.gates.count
    try require(
      tokens != nil || x.d == T * B, .badShape,
      "x is \(x.shape); expected \(T * B) columns, \(T) steps of \(B) sequences")
    try checkWeights(weights, gates: gates, inputs: oneHot ? weights.Wx.d : inputs, units: H)
    // few columns: weights would be read anew at every step, so the input's are read once for all
    let hoisted = oneHot ? weights.Wx.d > T * B : tokens == nil && B < 12
    // enough work in a step for each thread, or the waiting would cost more than it gives
    let work = 2 * gates * H * (H + inputs) * B
    let threads = max(1, min(ThreadPool.count, (H + 7) / 8, work / 400_000))
    let node = Scan(
      cell: cell, T: T, B: B, tokens: tokens, oneHot: oneHot, lengths: lengths, wantsInput: wantsInput && !oneHot,
      hoisted: hoisted, threads: threads)
    let plan = ScanWorkspace(node, dtype: h.dtype, H: H, I: inputs, V: oneHot ? x.d : tokens == nil ? 0 : x.n)
    let all = try recording { () throws(RecurrentError) in
      let mark = operands.count
      try adopt(x, "x")
      try adopt(h, "h")
      try adopt(c ?? h, "c")
      try adopt(weights.Wx, "Wx")
      try adopt(weights.Wh, "Wh")
      try adopt(weights.b, "b")
      try adopt(weights.resetBias ?? weights.b, "the reset's bias")
      // the start, all outputs, the final state
      return try emit(.sequence(node), since: mark, n: H, d: (T + 3) * B, scratch: plan.count)
    }
    return (
      try all.view(row: 0, column: B, n: H, d: T * B),
      try all.view(row: 0, column: (T + 1) * B, n: H, d: B),
      cell.hasCell ? try all.view(row: 0, column: (T + 2) * B, n: H, d: B) : nil
    )
  }

  private func checkWeights(_ w: Weights, gates: Int, inputs: Int, units H: Int) throws(RecurrentError) {
    let rows = gates * H
    try require(w.Wx.n == rows && w.Wx.d == inputs, .badShape, "Wx is \(w.Wx.shape); expected \(rows) x \(inputs)")
    try require(w.Wh.n == rows && w.Wh.d == H, .badShape, "Wh is \(w.Wh.shape); expected \(rows) x \(H)")
    try require(w.b.n == rows && w.b.d == 1, .badShape, "b is \(w.b.shape); expected \(rows) x 1")
  }
}

/// How a sequence node's scratch is divided, in numbers from its start.
struct ScanWorkspace {
  /// Packed weights: forward's, then the transposes that backward needs.
  let packs: Int
  /// Pre-activations, gates, then their gradients: [blocks·H × T·B].
  let z: Int
  /// An LSTM's cells, the start's first, [H × (T + 1)·B].
  let c: Int
  /// Tokens: the table upright [I × V], its product with Wx [blocks·H × V], and their gradients.
  let table: Int, product: Int, dTable: Int, dProduct: Int
  /// Gradients carried from step to step: of h twice, of c; and one more for what a GRU resets.
  let dh: Int, dhNext: Int, dc: Int, da: Int
  /// Scratch of the weights' gradients, for each thread.
  let outer: Int, outerSize: Int
  /// Numbers in all.
  let count: Int

  init(_ s: Scan, dtype: DType, H: Int, I: Int, V: Int) {
    switch dtype {
    case .float32: self.init(s, H: H, I: I, V: V, Float.self)
    case .float64: self.init(s, H: H, I: I, V: V, Double.self)
    }
  }

  init<T: Real>(_ s: Scan, H: Int, I: Int, V: Int, _: T.Type) {
    var at = 0
    func take(_ count: Int) -> Int {
      defer { at += (count + 15) & ~15 }
      return at
    }
    let gates = s.cell.gates.count, rows = s.cell.blocks * H, columns = s.T * s.B
    let forward =
      gates * packedCount(.contiguous(H, T.self), k: H + I, T.self) + packedCount(.interleavedGates(H, T.self), k: H + I, T.self)
    let backward =
      packedCount(.contiguous(H, T.self), k: gates * H, T.self) + packedCount(.contiguous(I, T.self), k: gates * H, T.self)
    packs = take(max(forward, backward))
    z = take(rows * columns)
    c = take(s.cell.hasCell ? H * (columns + s.B) : 0)
    let tokens = s.tokens != nil && !s.oneHot
    table = take(tokens ? I * V : 0)
    product = take(s.looked != nil ? rows * V : 0)
    dTable = take(tokens ? I * V : 0)
    dProduct = take(tokens ? rows * V : 0)
    dh = take(H * s.B)
    dhNext = take(H * s.B)
    dc = take(H * s.B)
    da = take(s.cell == .gruBefore ? H * s.B : 0)
    outerSize = (rankKUpdateScratch(rows: gates * H, columns: I + H, T.self) + 15) & ~15
    outer = take(s.threads * outerSize)
    count = at
  }
}

/// Blocks of a weight matrix's rows and where their products lie in z.
struct RowRange {
  let row: Int, count: Int, z: Int
}

/// A sequence node with all its matrix views at hand.
struct ScanRun<T: Real> {
  let s: Scan, plan: ScanWorkspace
  let H: Int, I: Int, V: Int, T_: Int, B: Int
  let x: Operands<T>
  let packs: UnsafeMutablePointer<T>

  init(_ s: Scan, _ node: Node, _ x: Operands<T>) {
    self.s = s
    self.x = x
    (H, T_, B) = (x[1].n, s.T, s.B)
    (I, V) = s.oneHot ? (0, x[0].d) : s.tokens == nil ? (x[0].n, 0) : (x[0].d, x[0].n)
    plan = ScanWorkspace(s, H: H, I: I, V: V, T.self)
    packs = x.scratch(1, 1, at: plan.packs).p
  }

  /// Rows of z.
  var rows: Int { s.cell.blocks * H }
  /// z of step t, or of all steps.
  func z(_ t: Int) -> MatrixView<T> { x.scratch(rows, B, at: plan.z + t * B * rows) }
  var z: MatrixView<T> { x.scratch(rows, T_ * B, at: plan.z) }
  /// The output and the cell of step t; of the start for t = −1.
  func y(_ t: Int) -> MatrixView<T> { step(x.y, t + 1) }
  func c(_ t: Int) -> MatrixView<T> { x.scratch(H, B, at: plan.c + (t + 1) * B * H) }
  func dy(_ t: Int) -> MatrixView<T> { step(x.dy, t + 1) }
  /// The outputs before each step, [H × T·B].
  var before: MatrixView<T> { MatrixView(x.y.p, rows: H, columns: T_ * B, columnStride: x.y.stride) }
  /// The input of step t.
  func input(_ t: Int) -> MatrixView<T> { step(x[0], t) }
  func dInput(_ t: Int) -> MatrixView<T> { step(x.d(0), t) }
  /// The final state's columns of a result or gradient.
  func finalH(_ y: MatrixView<T>) -> MatrixView<T> { columns(y, (T_ + 1) * B) }
  func finalC(_ y: MatrixView<T>) -> MatrixView<T> { columns(y, (T_ + 2) * B) }

  var Wx: MatrixView<T> { x[3] }
  var Wh: MatrixView<T> { x[4] }
  var b: MatrixView<T> { x[5] }
  var resetBias: MatrixView<T> { x[6] }
  /// The token table stood upright, [I × V].
  var table: MatrixView<T> { x.scratch(I, V, at: plan.table) }
  /// Wx·table + b, one-hot Wx + b, [rows × V].
  var product: MatrixView<T> { x.scratch(rows, V, at: plan.product) }

  /// Which rows of Wx make which rows of z: one part, for a GRU two.
  var inputParts: (RowRange, RowRange?) {
    switch s.cell {
    case .gru, .gruBefore: (RowRange(row: 0, count: 2 * H, z: 0), RowRange(row: 2 * H, count: H, z: 3 * H))
    default: (RowRange(row: 0, count: rows, z: 0), nil)
    }
  }

  /// Which rows of Wh make which rows of z from h; a GRU that resets before makes n from r ⊙ h instead.
  var outputPart: RowRange {
    switch s.cell {
    case .gru: RowRange(row: 0, count: 3 * H, z: 0)
    case .gruBefore: RowRange(row: 0, count: 2 * H, z: 0)
    default: RowRange(row: 0, count: rows, z: 0)
    }
  }

  func length(_ b: Int) -> Int { s.lengths.map { Int($0[b]) } ?? T_ }

  private func step(_ m: MatrixView<T>, _ t: Int) -> MatrixView<T> { columns(m, t * B) }

  private func columns(_ m: MatrixView<T>, _ from: Int) -> MatrixView<T> {
    MatrixView(m.p + from * m.stride, rows: m.n, columns: B, columnStride: m.stride)
  }
}

extension MatrixView {
  /// Rows `from ..< from + count`.
  func rows(_ from: Int, _ count: Int) -> MatrixView { MatrixView(p + from, rows: count, columns: d, columnStride: stride) }

  /// Columns `from ..< from + count`.
  func columns(_ from: Int, _ count: Int) -> MatrixView { MatrixView(p + from * stride, rows: n, columns: count, columnStride: stride) }
}
