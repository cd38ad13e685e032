// A scan node with views of its operands, its result and its scratch.

import Kernels

/// A scan node with views of its operands, its result and its scratch.
///
/// The result, [H × (T + 3)·B], holds the initial output, the outputs of all steps, and the final output and cell.
struct ScanRun<Scalar: Real> {
  let scan: Scan, plan: ScanPlan, workspace: ScanWorkspace
  /// Units, inputs, tokens of the table, time steps, batch size.
  let H: Int, I: Int, V: Int, T: Int, B: Int
  private let operands: Operands<Scalar>
  /// Memory for packed weights.
  let packs: UnsafeMutablePointer<Scalar>

  init(_ scan: Scan, _ operands: Operands<Scalar>) {
    self.scan = scan
    self.operands = operands
    (H, T, B) = (operands[1].rows, scan.T, scan.B)
    if scan.oneHot {
      (I, V) = (0, operands[0].columns)
    } else if scan.tokens != nil {
      (I, V) = (operands[0].columns, operands[0].rows)
    } else {
      (I, V) = (operands[0].rows, 0)
    }
    plan = ScanPlan(scan.cell, H: H)
    workspace = ScanWorkspace(scan, H: H, I: I, V: V, Scalar.self)
    packs = operands.scratch(1, 1, at: workspace.packs).p
  }

  // MARK: Operands and their gradients

  /// The input vectors, [I × T·B], or the token table, [V × I].
  var x: MatrixView<Scalar> { operands[0] }
  /// The initial output and cell, [H × B].
  var initialH: MatrixView<Scalar> { operands[1] }
  var initialC: MatrixView<Scalar> { operands[2] }
  var Wx: MatrixView<Scalar> { operands[3] }
  var Wh: MatrixView<Scalar> { operands[4] }
  var b: MatrixView<Scalar> { operands[5] }
  var resetBias: MatrixView<Scalar> { operands[6] }

  var dx: MatrixView<Scalar> { operands.gradient(0) }
  var dInitialH: MatrixView<Scalar> { operands.gradient(1) }
  var dInitialC: MatrixView<Scalar> { operands.gradient(2) }
  var dWx: MatrixView<Scalar> { operands.gradient(3) }
  var dWh: MatrixView<Scalar> { operands.gradient(4) }
  var db: MatrixView<Scalar> { operands.gradient(5) }
  var dResetBias: MatrixView<Scalar> { operands.gradient(6) }

  // MARK: Time steps

  /// The input of time step t.
  func x(_ t: Int) -> MatrixView<Scalar> { step(x, t) }
  func dx(_ t: Int) -> MatrixView<Scalar> { step(dx, t) }
  /// The output of time step t; the initial output for t = −1.
  func y(_ t: Int) -> MatrixView<Scalar> { step(operands.y, t + 1) }
  func dy(_ t: Int) -> MatrixView<Scalar> { step(operands.dy, t + 1) }
  /// The outputs of all time steps, [H × T·B].
  var y: MatrixView<Scalar> { operands.y.columns(B, T * B) }
  /// The output before each time step, [H × T·B].
  var previousY: MatrixView<Scalar> { operands.y.columns(0, T * B) }
  /// The final output and cell, and their gradients.
  var finalH: MatrixView<Scalar> { step(operands.y, T + 1) }
  var finalC: MatrixView<Scalar> { step(operands.y, T + 2) }
  var dFinalH: MatrixView<Scalar> { step(operands.dy, T + 1) }
  var dFinalC: MatrixView<Scalar> { step(operands.dy, T + 2) }
  /// Valid time steps of sequence j.
  func length(_ j: Int) -> Int { scan.lengths.map { Int($0[j]) } ?? T }

  private func step(_ m: MatrixView<Scalar>, _ t: Int) -> MatrixView<Scalar> { m.columns(t * B, B) }

  /// Operations of a time step.
  var stepWork: Int { scan.cell.gates.count * H * (H + I) * B }

  // MARK: Scratch

  /// Rows of z.
  var rows: Int { scan.cell.blocks * H }
  /// z of time step t; of all time steps.
  func z(_ t: Int) -> MatrixView<Scalar> { scratch(rows, B, workspace.z + t * B * rows) }
  var z: MatrixView<Scalar> { scratch(rows, T * B, workspace.z) }
  /// The cell of time step t; the initial cell for t = −1.
  func c(_ t: Int) -> MatrixView<Scalar> { scratch(H, B, workspace.c + (t + 1) * B * H) }
  /// The cells of all time steps, [H × T·B].
  var c: MatrixView<Scalar> { scratch(H, T * B, workspace.c + B * H) }
  /// The transposed token table, [I × V], and its gradient.
  var table: MatrixView<Scalar> { scratch(I, V, workspace.table) }
  var dTable: MatrixView<Scalar> { scratch(I, V, workspace.dTable) }
  /// Token products: Wx·table + b, one-hot Wx + b, [rows × V]; and their gradient.
  var tokenProducts: MatrixView<Scalar> { scratch(rows, V, workspace.product) }
  var dTokenProducts: MatrixView<Scalar> { scratch(rows, V, workspace.dProduct) }
  /// The gradients that the backward pass carries from time step to time step.
  var carriedH: (MatrixView<Scalar>, MatrixView<Scalar>) {
    (scratch(H, B, workspace.dh), scratch(H, B, workspace.dhNext))
  }
  var carriedC: MatrixView<Scalar> { scratch(H, B, workspace.dc) }
  /// The gradient of a GRU's reset output.
  var dResetOutput: MatrixView<Scalar> { scratch(H, B, workspace.da) }
  /// Scratch of the weights' gradients, one region per thread.
  func gradientScratch(_ thread: Int) -> UnsafeMutablePointer<Scalar> {
    scratch(1, 1, workspace.outer + thread * workspace.outerSize).p
  }

  private func scratch(_ n: Int, _ d: Int, _ offset: Int) -> MatrixView<Scalar> {
    operands.scratch(n, d, at: offset)
  }
}

extension MatrixView {
  /// Rows `from ..< from + count`.
  func rows(_ from: Int, _ count: Int) -> MatrixView {
    MatrixView(p + from, rows: count, columns: columns, columnStride: columnStride)
  }

  /// Columns `from ..< from + count`.
  func columns(_ from: Int, _ count: Int) -> MatrixView {
    MatrixView(p + from * columnStride, rows: rows, columns: count, columnStride: columnStride)
  }
}
