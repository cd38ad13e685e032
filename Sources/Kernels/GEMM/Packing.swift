// Packing: the left operand of a product, copied into panels in the order in which the micro-kernel reads it.
//
// A panel is MR = 4 vectors of rows. It holds, for each column of the matrix, the elements of those rows:
//
//     panel 0: w[rows 0 ..< MR, 0]  w[rows 0 ..< MR, 1]  …  w[rows 0 ..< MR, k − 1]
//     panel 1: w[rows MR ..< 2 MR, 0]  …
//
// Reference: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, ACM TOMS 34 (2008); BLIS calls
// the panels micro-panels.

/// Returns the number of elements that `pack` writes for a matrix with the rows of `layout` and `k` columns.
public func packedCount<T: Real>(_ layout: PanelLayout, k: Int, _: T.Type) -> Int {
  layout.panels * k * 4 * T.V.count
}

/// Packs panels of w. Padding rows are 0.
///
/// - Parameters:
///   - w: [n × k].
///   - layout: the rows of the panels.
///   - panels: the panels to pack.
///   - p: room for `packedCount` elements, of which those of `panels` are written.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func pack<T: Real>(_ w: MatrixView<T>, _ layout: PanelLayout, panels: Range<Int>, to p: UnsafeMutablePointer<T>)
{
  let lanes = T.V.count
  for panel in panels {
    var out = p + panel &* w.columns &* 4 &* lanes
    let (o0, o1, o2, o3) = (
      layout.offset(panel, 0), layout.offset(panel, 1), layout.offset(panel, 2), layout.offset(panel, 3)
    )
    let (n0, n1) = (layout.lanes(panel, 0, of: lanes), layout.lanes(panel, 1, of: lanes))
    let (n2, n3) = (layout.lanes(panel, 2, of: lanes), layout.lanes(panel, 3, of: lanes))
    var k = 0
    while k < w.columns {
      let column = UnsafePointer(w.columnPointer(k))
      T.V.loadPartial(column + o0, count: n0).store(out)
      T.V.loadPartial(column + o1, count: n1).store(out + lanes)
      T.V.loadPartial(column + o2, count: n2).store(out + 2 &* lanes)
      T.V.loadPartial(column + o3, count: n3).store(out + 3 &* lanes)
      out += 4 &* lanes
      k &+= 1
    }
  }
}

/// Packs panels of wᵀ. Its rows, the columns of w, are contiguous.
///
/// - Parameters:
///   - w: [k × n].
///   - panels: the panels to pack.
///   - p: room for `packedCount` elements, of which those of `panels` are written.
@_specialize(exported:true,where T == Float)
@_specialize(exported:true,where T == Double)
@inline(never)
public func packTransposed<T: Real>(_ w: MatrixView<T>, panels: Range<Int>, to p: UnsafeMutablePointer<T>) {
  let lanes = T.V.count, width = 4 &* lanes
  for panel in panels {
    let out = p + panel &* w.rows &* width, first = panel &* width
    var k = 0
    while k &+ lanes <= w.rows {
      var j = 0
      while j < width {
        let columns = max(0, min(lanes, w.columns &- first &- j))
        T.V.transposeBlock(
          w.columnPointer(first &+ j) + k, w.columnStride, columns: columns, to: out + (k &* width &+ j), width)
        j &+= lanes
      }
      k &+= lanes
    }
    while k < w.rows {
      var j = 0
      while j < width {
        out[k &* width &+ j] = first &+ j < w.columns ? w.columnPointer(first &+ j)[k] : 0
        j &+= 1
      }
      k &+= 1
    }
  }
}
