// The parameters of a network: one flat buffer and named views of it.

/// Named Mats in creation order, all of them views of one flat buffer.
///
/// Gate matrices that a kernel uses together are stacked: `Wix0` is a block of rows of a taller Mat, and its name costs
/// nothing. `flat` is the whole buffer as one column, for optimizers, averaging and external minimizers.
public struct Parameters {
  /// Names in creation order.
  public let names: [String]
  /// All values and all gradients, [count × 1].
  public let flat: Mat

  private let mats: [String: Mat]
  private let layout: Layout

  /// Zeros in the regions of `layout`.
  init(_ layout: Layout, _ dtype: DType) throws(RecurrentError) {
    self.layout = layout
    names = layout.names
    flat = try Mat(layout.count, 1, dtype)
    var mats: [String: Mat] = [:]
    for (name, region) in layout.regions { mats[name] = flat.view(region) }
    self.mats = mats
  }

  /// The parameter `name`, or nil.
  public subscript(name: String) -> Mat? { mats[name] }

  /// All parameters with their names, in creation order.
  public var all: [(name: String, mat: Mat)] {
    names.compactMap { name in mats[name].map { (name, $0) } }
  }

  /// The indices in `names` of the blocks of each stack, in the order of the buffer.
  var stacks: [[Int]] {
    let indices = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
    return layout.stacks.map { blocks in blocks.compactMap { indices[$0] } }.filter { !$0.isEmpty }
  }

  /// The region of a parameter.
  func region(_ index: Int) -> Layout.Region {
    layout.regions[names[index]] ?? Layout.Region(start: 0, n: 0, d: 0, stride: 0)
  }

  /// The parameters' views of another flat buffer of this layout, in the order of `names`.
  func views(of flat: Mat) -> [Mat] { names.compactMap { name in layout.regions[name].map { flat.view($0) } } }

  /// Zeros of the same names and layout, such as an optimizer's state.
  func zerosLike() throws(RecurrentError) -> Parameters { try Parameters(layout, flat.dtype) }

  /// A stack of matrices, as kernels use it.
  func stack(_ region: Layout.Region) -> Mat { flat.view(region) }

  /// Sets the initial values: those of the layout, else what `fill` sets, name by name in creation order.
  func initialize(_ fill: (_ name: String, _ mat: Mat) throws(RecurrentError) -> Void) throws(RecurrentError) {
    for (name, mat) in all {
      if let value = layout.initial[name] { try mat.fill(value) } else { try fill(name, mat) }
    }
  }
}

/// Names and regions of matrices in one flat buffer.
struct Layout {
  /// A column-major matrix in the buffer.
  struct Region {
    let start: Int, n: Int, d: Int, stride: Int
  }

  /// Names in creation order.
  private(set) var names: [String] = []
  private(set) var regions: [String: Region] = [:]
  /// Elements in total.
  private(set) var count = 0
  /// The names of each stack, top block first, in the order of the buffer.
  private(set) var stacks: [[String]] = []
  /// The initial values of matrices that are not drawn.
  private(set) var initial: [String: Double] = [:]

  /// Appends blocks of [n × d], stacked one below the other, one per name.
  ///
  /// - Returns: the region of the whole stack.
  /// - Throws: `.badShape` if the buffer exceeds the elements of a Mat.
  mutating func stack(_ blocks: [String], n: Int, d: Int) throws(RecurrentError) -> Region {
    let (rows, overflowsRows) = n.multipliedReportingOverflow(by: blocks.count)
    let (size, overflowsSize) = rows.multipliedReportingOverflow(by: d)
    let (end, overflowsEnd) = count.addingReportingOverflow(size)
    try require(
      !overflowsRows && !overflowsSize && !overflowsEnd && end <= Mat.maxCount, .badShape,
      "the network is too large; expected at most \(Mat.maxCount) parameters, got more")
    for (i, name) in blocks.enumerated() {
      regions[name] = Region(start: count + i * n, n: n, d: d, stride: rows)
    }
    stacks.append(blocks)
    defer { count = end }
    return Region(start: count, n: rows, d: d, stride: rows)
  }

  /// Appends names to the creation order; those of `initial` start at its values.
  mutating func create(_ names: [String], initial: [String: Double] = [:]) {
    self.names += names
    self.initial.merge(initial) { $1 }
  }
}

extension Mat {
  /// A matrix view of a flat column.
  fileprivate func view(_ region: Layout.Region) -> Mat {
    let offset = region.start * dtype.size
    return Mat(
      region.n, region.d, stride: region.stride, dtype, storage, w: wStart + offset, dw: dwStart + offset, node: -1,
      generation: 0)
  }
}
