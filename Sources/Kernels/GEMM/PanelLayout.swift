// The rows of packed panels.

/// The mapping from the rows of packed panels to the rows of a matrix.
///
/// A panel has four segments of one vector each. Segment s of panel p begins at row `p · panelStride + s · vectorStride`.
/// Its lane l is a row of the matrix if `p · unitsPerPanel + s · unitStride + l < rowCount`, else padding.
///
///     contiguous: n rows                      interleavedGates: four blocks of n rows
///
///     panel 0   segment 0   rows 0 ..< L      panel 0   segment 0   block 0, rows 0 ..< L
///               segment 1   rows L ..< 2L               segment 1   block 1, rows 0 ..< L
///               segment 2   rows 2L ..< 3L              segment 2   block 2, rows 0 ..< L
///               segment 3   rows 3L ..< 4L              segment 3   block 3, rows 0 ..< L
///     panel 1   segment 0   rows 4L ..< 5L    panel 1   segment 0   block 0, rows L ..< 2L
///
/// With the gates of an LSTM interleaved, one micro-tile holds all four gates of its units.
public struct PanelLayout: Sendable {
  let panelStride: Int, vectorStride: Int, unitStride: Int, rowCount: Int
  /// The number of rows of one block that a panel covers.
  public let unitsPerPanel: Int

  /// Returns the layout of `n` rows in order.
  public static func contiguous<T: Real>(_ n: Int, _: T.Type) -> PanelLayout {
    let lanes = T.V.count
    return PanelLayout(
      panelStride: 4 * lanes, vectorStride: lanes, unitStride: lanes, rowCount: n, unitsPerPanel: 4 * lanes)
  }

  /// Returns the layout of four blocks of `n` rows each, the same rows of every block in one panel.
  public static func interleavedGates<T: Real>(_ n: Int, _: T.Type) -> PanelLayout {
    let lanes = T.V.count
    return PanelLayout(panelStride: lanes, vectorStride: n, unitStride: 0, rowCount: n, unitsPerPanel: lanes)
  }

  /// The number of panels that hold all rows.
  public var panels: Int { (rowCount + unitsPerPanel - 1) / unitsPerPanel }

  /// The row at which segment `s` of panel `p` begins.
  @inline(__always) func offset(_ p: Int, _ s: Int) -> Int { p &* panelStride &+ s &* vectorStride }

  /// The number of lanes of segment `s` of panel `p` that are rows, of `count` lanes.
  @inline(__always) func lanes(_ p: Int, _ s: Int, of count: Int) -> Int {
    max(0, min(count, rowCount &- (p &* unitsPerPanel &+ s &* unitStride)))
  }

  /// Whether only the first segment of panel `p` holds rows.
  @inline(__always) func isEdge<T: Real>(_ p: Int, _: T.Type) -> Bool { lanes(p, 1, of: T.V.count) == 0 }
}
