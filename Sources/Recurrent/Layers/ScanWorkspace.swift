// The scratch memory of a scan node.

import Kernels

/// The regions of a scan node's scratch, as offsets in elements.
struct ScanWorkspace {
  /// Packed weights: the forward pass's, then the transposes that the backward pass needs.
  let packs: Int
  /// Pre-activations, then gates, then their gradients: [blocks·H × T·B].
  let z: Int
  /// An LSTM's cells, the initial ones first, [H × (T + 1)·B].
  let c: Int
  /// Tokens: the transposed table [I × V], its product with Wx [blocks·H × V], and the gradients of both.
  let table: Int, product: Int, dTable: Int, dProduct: Int
  /// Gradients carried from time step to time step: of h in two buffers, of c; and of a GRU's reset output.
  let dh: Int, dhNext: Int, dc: Int, da: Int
  /// Scratch of the weights' gradients, for each thread.
  let outer: Int, outerSize: Int
  /// Elements in total.
  let count: Int

  init(_ scan: Scan, dtype: DType, H: Int, I: Int, V: Int) {
    switch dtype {
    case .float32: self.init(scan, H: H, I: I, V: V, Float.self)
    case .float64: self.init(scan, H: H, I: I, V: V, Double.self)
    }
  }

  init<Scalar: Real>(_ scan: Scan, H: Int, I: Int, V: Int, _: Scalar.Type) {
    var end = 0
    func allocate(_ count: Int) -> Int {
      // 16 elements: regions start at multiples of 64 bytes
      defer { end += (count + 15) & ~15 }
      return end
    }
    let cell = scan.cell, gates = cell.gates.count, rows = cell.blocks * H, columns = scan.T * scan.B
    let forward =
      gates * packedCount(.contiguous(H, Scalar.self), k: H + I, Scalar.self)
      + packedCount(.interleavedGates(H, Scalar.self), k: H + I, Scalar.self)
    let backward =
      packedCount(.contiguous(H, Scalar.self), k: gates * H, Scalar.self)
      + packedCount(.contiguous(I, Scalar.self), k: gates * H, Scalar.self)
    packs = allocate(max(forward, backward))
    z = allocate(rows * columns)
    c = allocate(cell.hasCell ? H * (columns + scan.B) : 0)
    let hasTable = scan.hasTable
    table = allocate(hasTable ? I * V : 0)
    product = allocate(scan.lookupTokens != nil ? rows * V : 0)
    dTable = allocate(hasTable ? I * V : 0)
    dProduct = allocate(hasTable ? rows * V : 0)
    dh = allocate(H * scan.B)
    dhNext = allocate(H * scan.B)
    dc = allocate(H * scan.B)
    da = allocate(cell == .gruResetBefore ? H * scan.B : 0)
    outerSize = (rankKUpdateScratch(rows: gates * H, columns: I + H, Scalar.self) + 15) & ~15
    outer = allocate(scan.threads * outerSize)
    count = end
  }
}
