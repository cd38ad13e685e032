// A model's weights: one run of memory, with names for its parts.

/// Named Mats in creation order, all of them views of one slab.
///
/// Gate matrices that a kernel uses together lie stacked, so `Wix0` is a block of rows of a taller Mat and its
/// name costs nothing. `flat` is everything as one column: for solvers, averaging and optimizers.
public struct Parameters {
  /// Names in creation order.
  public let names: [String]
  /// Every number and every gradient, [count × 1].
  public let flat: Mat

  private let mats: [String: Mat]
  private let layout: Layout

  /// Zeros, laid out as `layout` says.
  init(_ layout: Layout, _ dtype: DType) throws(RecurrentError) {
    self.layout = layout
    names = layout.names
    flat = try Mat(layout.count, 1, dtype)
    var mats: [String: Mat] = [:]
    for (name, place) in layout.places { mats[name] = flat.at(place) }
    self.mats = mats
  }

  /// The Mat called `name`, or nil.
  public subscript(name: String) -> Mat? { mats[name] }

  /// All of them with their names, in creation order.
  public var all: [(name: String, mat: Mat)] {
    names.compactMap { name in mats[name].map { (name, $0) } }
  }

  /// The Mats of a slab that is laid out as this one, in the order of `names`.
  func parts(of slab: Mat) -> [Mat] { names.compactMap { name in layout.places[name].map { slab.at($0) } } }

  /// A slab of zeros with the same names: a solver's cache.
  func twin() throws(RecurrentError) -> Parameters { try Parameters(layout, flat.dtype) }

  /// The whole of a stack, as kernels use it.
  func stack(_ place: Layout.Place) -> Mat { flat.at(place) }

  /// Weights uniform on ±`range`, drawn name by name in creation order; biases stay 0.
  func initialize(_ range: Double, _ random: Random) throws(RecurrentError) {
    for (name, mat) in all where !layout.biases.contains(name) { try mat.fillUniform(-range, range, random) }
  }
}

/// Where in a slab the parts of a model lie.
struct Layout {
  /// A matrix view of the slab.
  struct Place {
    let start: Int, n: Int, d: Int, stride: Int
  }

  /// Names in creation order.
  private(set) var names: [String] = []
  private(set) var places: [String: Place] = [:]
  /// Numbers in all.
  private(set) var count = 0
  /// Names of Mats that are initialized to zero.
  private(set) var biases: Set<String> = []

  /// Room for blocks of [n × d] one below the other, each called by a name.
  mutating func stack(_ blocks: [String], n: Int, d: Int) throws(RecurrentError) -> Place {
    let (rows, tall) = n.multipliedReportingOverflow(by: blocks.count)
    let (size, wide) = rows.multipliedReportingOverflow(by: d)
    let (end, long) = count.addingReportingOverflow(size)
    try require(
      !tall && !wide && !long && end <= Mat.maxCount, .badShape,
      "the model has more than \(Mat.maxCount) parameters, the most a Mat holds")
    for (i, name) in blocks.enumerated() {
      places[name] = Place(start: count + i * n, n: n, d: d, stride: rows)
    }
    defer { count = end }
    return Place(start: count, n: rows, d: d, stride: rows)
  }

  /// Adds names to the order of creation; biases start at zero.
  mutating func create(_ names: [String], biases: Set<String> = []) {
    self.names += names
    self.biases.formUnion(biases)
  }
}

extension Mat {
  /// A matrix view of a flat column.
  fileprivate func at(_ place: Layout.Place) -> Mat {
    let offset = place.start * dtype.size
    return Mat(
      place.n, place.d, stride: place.stride, dtype, storage, w: wStart + offset, dw: dwStart + offset, node: -1,
      generation: 0)
  }
}
