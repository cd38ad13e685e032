// The products of a cell's time step: which rows of the weights make which rows of the pre-activations.

/// Rows of a weight matrix, and of the pre-activations that they produce.
struct RowRange {
  /// The first row in Wx, Wh and b.
  let w: Int
  /// The first row in z.
  let z: Int
  /// The number of rows.
  let count: Int
}

/// The products of one time step of a cell with H units, derived from the cell once.
///
/// z, [blocks·H × B], holds a block of H rows per gate. A GRU's blocks are r, z, a and n: a = Wnh·h + bnh, or a = r ⊙ h
/// if it resets before the product.
struct ScanPlan {
  /// The operand of the rows of Wh.
  enum RecurrentSource {
    /// The output of the previous time step.
    case output
    /// The reset output r ⊙ h, block a of z; the product belongs to the second stage of the step.
    case resetOutput
  }

  /// One product of a step: z rows = Wx rows·x + Wh rows·source + b rows.
  struct Product {
    let rows: RowRange
    /// Whether the input's term exists. Products without it start from the reset bias.
    let readsInput: Bool
    /// The recurrent term; nil without one.
    let source: RecurrentSource?
  }

  /// Units.
  let H: Int
  /// The products of the forward pass, at most four, in the order of z's blocks.
  let products: InlineArray<4, Product?>
  /// The same products with adjacent ones of equal operands merged: those of the weights' gradients.
  let merged: InlineArray<4, Product?>
  /// Rows of z that read the input: one range, for a GRU two.
  let inputRows: (RowRange, RowRange?)
  /// Rows of z that read the previous output.
  let outputRows: RowRange

  init(_ cell: BuiltinCell, H: Int) {
    func both(_ k: Int) -> Product {
      Product(rows: RowRange(w: k * H, z: k * H, count: H), readsInput: true, source: .output)
    }
    let candidate = RowRange(w: 2 * H, z: 3 * H, count: H)
    let gates = Product(rows: RowRange(w: 0, z: 0, count: 2 * H), readsInput: true, source: .output)
    self.H = H
    switch cell {
    case .rnnTanh, .rnnRelu, .lstm:
      let all = Product(
        rows: RowRange(w: 0, z: 0, count: cell.blocks * H), readsInput: true, source: .output)
      products = [all, nil, nil, nil]
      merged = products
      inputRows = (all.rows, nil)
      outputRows = all.rows
    case .gru:
      let recurrent = Product(
        rows: RowRange(w: 2 * H, z: 2 * H, count: H), readsInput: false, source: .output)
      let input = Product(rows: candidate, readsInput: true, source: nil)
      products = [both(0), both(1), recurrent, input]
      merged = [gates, recurrent, input, nil]
      inputRows = (gates.rows, candidate)
      outputRows = RowRange(w: 0, z: 0, count: 3 * H)
    case .gruResetBefore:
      let reset = Product(rows: candidate, readsInput: true, source: .resetOutput)
      products = [both(0), both(1), nil, reset]
      merged = [gates, reset, nil, nil]
      inputRows = (gates.rows, candidate)
      outputRows = gates.rows
    }
  }
}
