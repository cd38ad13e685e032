// Micro-programs: sequences of operations over the columns of one time step, element by element or column by column.
//
// An interpreted instruction is a loop over the rows and columns of its operands, written for one operation and compiled
// ahead. A program runs over a few columns at a time, so that its intermediate results stay in the first-level cache.
// The same method serves databases as vectorized execution: Boncz, Zukowski and Nes, MonetDB/X100 (CIDR 2005).

import CVector

/// Where an operand or a result lies: element i of column j of time step t is `p[t·step + j·stride + i]`.
public struct MicroOperand<T: Real> {
  var p: UnsafeMutablePointer<T>
  var step: Int
  var stride: Int
  /// Elements from a column to the next for the first column of a part: 0 where every part uses the same memory.
  var origin: Int

  /// A matrix of one time step.
  ///
  /// - Parameters:
  ///   - p: element 0 of column 0 of time step 0.
  ///   - step: elements from one time step to the next; 0 for memory that every step uses.
  ///   - stride: elements from one column to the next; 0 for a broadcast column.
  public init(_ p: UnsafeMutablePointer<T>, step: Int, stride: Int) {
    (self.p, self.step, self.stride, origin) = (p, step, stride, stride)
  }

  /// Scratch that every part of the columns uses again.
  public init(scratch p: UnsafeMutablePointer<T>, stride: Int) {
    (self.p, step, self.stride, origin) = (p, 0, stride, 0)
  }
}

/// One instruction of a micro-program. Trivial: programs lie in memory of the caller.
public struct MicroInstruction<T: Real> {
  var operation: MicroOperation
  var function: UnaryOperation
  var parameter: T
  var rows: Int
  var y: MicroOperand<T>
  var a: MicroOperand<T>, b: MicroOperand<T>, c: MicroOperand<T>, d: MicroOperand<T>, e: MicroOperand<T>
  /// The operands of a superinstruction from the sixth on.
  var rest: InlineArray<7, MicroOperand<T>>

  /// - Parameters:
  ///   - operation: what is computed.
  ///   - function: f of `.unary` and of slopes.
  ///   - parameter: the parameter of f, or of the operation.
  ///   - rows: of the operands, and of the result where it is not one row.
  ///   - y: the result. It may be an operand at the same place.
  ///   - operand: returns an operand by its index; called for those that `operation` has.
  @_specialize(exported:true,where T == Float)
  @_specialize(exported:true,where T == Double)
  public init(
    _ operation: MicroOperation, function: UnaryOperation = .neg, parameter: T = 0, rows: Int, to y: MicroOperand<T>,
    operand: (Int) -> MicroOperand<T>
  ) {
    (self.operation, self.function, self.parameter, self.rows, self.y) = (operation, function, parameter, rows, y)
    let count = operation.operands
    a = count > 0 ? operand(0) : y
    b = count > 1 ? operand(1) : a
    c = count > 2 ? operand(2) : a
    d = count > 3 ? operand(3) : a
    e = count > 4 ? operand(4) : a
    rest = InlineArray(repeating: y)
    for k in 5..<max(5, count) { rest[k - 5] = operand(k) }
  }
}

/// Rows of memory that a micro-program reads or writes.
public struct MicroRange<T: Real> {
  let operand: MicroOperand<T>, rows: Int

  /// - Parameters:
  ///   - operand: where the first of the rows lies.
  ///   - rows: how many.
  public init(_ operand: MicroOperand<T>, rows: Int) { (self.operand, self.rows) = (operand, rows) }

  /// Brings some columns to the second-level cache. A column's rows are often a page of their own, at whose end the
  /// processor's own prefetching stops.
  @inline(__always) func prefetch(_ t: Int, first: Int, columns: Int) {
    let line = 64 / MemoryLayout<T>.size
    var p = operand.p + (t &* operand.step &+ first &* operand.origin), j = 0
    while j < columns {
      var i = 0
      while i < rows {
        cv_prefetch(p + i)
        i &+= line
      }
      p += operand.stride
      j &+= 1
    }
  }
}

// MARK: Interpretation

/// The columns of one operand.
struct MicroColumns<T: Real> {
  let p: UnsafeMutablePointer<T>, stride: Int

  @inline(__always) init(_ operand: MicroOperand<T>, _ t: Int, _ first: Int, isSingle: Bool) {
    p = isSingle ? operand.p + t &* operand.step : operand.p + (t &* operand.step &+ first &* operand.origin)
    stride = isSingle ? 0 : operand.stride
  }

  @inline(__always) subscript(j: Int) -> UnsafeMutablePointer<T> { p + j &* stride }
}

/// A loop over some columns of an instruction's result. For a single column the strides are not read.
struct MicroLoop<T: Real> {
  let i: UnsafePointer<MicroInstruction<T>>
  let t: Int, first: Int, columns: Int, isSingle: Bool

  @inline(__always) func columns(_ operand: MicroOperand<T>) -> MicroColumns<T> {
    MicroColumns(operand, t, first, isSingle: isSingle)
  }

  @inline(__always) func forEachColumn(_ body: (_ j: Int) -> Void) {
    if isSingle { return body(0) }
    var j = 0
    while j < columns {
      body(j)
      j &+= 1
    }
  }

  /// Calls `body` for each column, or once for the elements of all columns if these follow each other in every operand.
  @inline(__always) func forEachRun(areContiguous: Bool, _ body: (_ j: Int, _ n: Int) -> Void) {
    let rows = i.pointee.rows
    if isSingle { return body(0, rows) }
    if areContiguous { return body(0, rows &* columns) }
    var j = 0
    while j < columns {
      body(j, rows)
      j &+= 1
    }
  }

  /// y = f(a).
  @inline(__always) func map(_ f: (T.V) -> T.V) {
    let rows = i.pointee.rows, y = columns(i.pointee.y), a = columns(i.pointee.a)
    forEachRun(areContiguous: y.stride == rows && a.stride == rows) { j, n in
      let y = y[j], a = a[j]
      forEachVector(n, T.self) { i, k in f(.loadPartial(a + i, count: k)).storePartial(y + i, count: k) }
    }
  }

  /// y = f(a, b).
  @inline(__always) func map(_ f: (T.V, T.V) -> T.V) {
    let rows = i.pointee.rows, y = columns(i.pointee.y), a = columns(i.pointee.a), b = columns(i.pointee.b)
    forEachRun(areContiguous: y.stride == rows && a.stride == rows && b.stride == rows) { j, n in
      let y = y[j], a = a[j], b = b[j]
      forEachVector(n, T.self) { i, k in
        f(.loadPartial(a + i, count: k), .loadPartial(b + i, count: k)).storePartial(y + i, count: k)
      }
    }
  }

  /// y = f(a, b, c).
  @inline(__always) func map(_ f: (T.V, T.V, T.V) -> T.V) {
    let rows = i.pointee.rows, y = columns(i.pointee.y), a = columns(i.pointee.a), b = columns(i.pointee.b)
    let c = columns(i.pointee.c)
    forEachRun(areContiguous: y.stride == rows && a.stride == rows && b.stride == rows && c.stride == rows) { j, n in
      let y = y[j], a = a[j], b = b[j], c = c[j]
      forEachVector(n, T.self) { i, k in
        f(.loadPartial(a + i, count: k), .loadPartial(b + i, count: k), .loadPartial(c + i, count: k))
          .storePartial(y + i, count: k)
      }
    }
  }

  /// y = f(a, b, c, d).
  @inline(__always) func map(_ f: (T.V, T.V, T.V, T.V) -> T.V) {
    let rows = i.pointee.rows, y = columns(i.pointee.y), a = columns(i.pointee.a), b = columns(i.pointee.b)
    let c = columns(i.pointee.c), d = columns(i.pointee.d)
    forEachColumn { j in
      let y = y[j], a = a[j], b = b[j], c = c[j], d = d[j]
      forEachVector(rows, T.self) { i, k in
        f(
          .loadPartial(a + i, count: k), .loadPartial(b + i, count: k), .loadPartial(c + i, count: k),
          .loadPartial(d + i, count: k)
        ).storePartial(y + i, count: k)
      }
    }
  }

  @inline(__always) func run() {
    switch i.pointee.operation {
    case .copy: map { $0 }
    case .zero: map { _ in 0.0 }
    case .unary: withFunctions(i.pointee.function, T.V(i.pointee.parameter), MicroValueLoop(loop: self))
    case .sum: map { $0 + $1 }
    case .difference: map { $0 - $1 }
    case .product: map { $0 * $1 }
    case .quotient: map { $0 / $1 }
    case .mulAdd: map { T.V.multiplyAdd($0, $1, $2) }
    case .mulSub: map { T.V.multiplyAdd(0.0 - $0, $1, $2) }
    case .mulMulAdd: map { T.V.multiplyAdd($0, $1, $2 * $3) }
    case .slope, .slopeMul, .slopeAdd, .slopeMulAdd:
      withFunctions(i.pointee.function, T.V(i.pointee.parameter), MicroSlopeLoop(loop: self))
    case .sumRows, .broadcastRow, .moments, .normalize, .normalizeBackward, .softmax, .softmaxBackward:
      forEachColumn { runColumn($0) }
    case .attend: attend()
    case .attendBackward: attendBackward()
    case .lstm: lstm()
    case .lstmBackward: lstmBackward()
    case .lstmCell: lstmCell()
    case .lstmCellBackward: lstmCellBackward()
    case .gru: gru()
    case .gruBackward: gruBackward()
    case .layerNorm: layerNorm()
    case .layerNormBackward: layerNormBackward()
    }
  }

  /// An operation of a column as a whole; not inlined, so that the loops above keep their registers.
  @inline(never) private func runColumn(_ j: Int) {
    let instruction = i.pointee, rows = instruction.rows, parameter = instruction.parameter
    func column(_ operand: MicroOperand<T>, rows: Int = rows) -> MatrixView<T> {
      MatrixView(columns(operand)[j], rows: rows, columns: 1, columnStride: rows)
    }
    let y = columns(instruction.y)[j], a = column(instruction.a)
    switch instruction.operation {
    case .sumRows: y[0] = parameter * sum(a)
    case .broadcastRow: fill(column(instruction.y), with: parameter * a.p[0])
    case .moments:
      let (mean, scale) = moments(a, epsilon: parameter)
      (y[0], y[1]) = (scale, mean)
    case .normalize:
      let moments = columns(instruction.b)[j]
      normalize(a, mean: moments[1], scale: moments[0], to: column(instruction.y))
    case .normalizeBackward:
      let normal = column(instruction.b), scale = T.V(columns(instruction.c)[j][0]), n = T(rows)
      let (total, product) = sumAndDot(a, normal), mean = T.V(total / n), projection = T.V(product / n)
      Kernels.map(a, normal, to: column(instruction.y)) { g, normal in scale * (g - mean - normal * projection) }
    case .softmax: softmax(a, to: column(instruction.y))
    case .softmaxBackward:
      let p = column(instruction.b), mean = T.V(dot(a, p))
      Kernels.map(a, p, to: column(instruction.y)) { dp, p in p * (dp - mean) }
    default: break
    }
  }
}

/// y = f(a).
private struct MicroValueLoop<T: Real>: UnaryLoop {
  let loop: MicroLoop<T>

  @inline(__always) func run(_ value: (_ x: T.V) -> T.V, _: (_ x: T.V, _ y: T.V) -> T.V) { loop.map { value($0) } }
}

/// y = a·b·f′(x, f(x)) + e, with or without b and e.
private struct MicroSlopeLoop<T: Real>: UnaryLoop {
  let loop: MicroLoop<T>

  @inline(__always) func run(_: (_ x: T.V) -> T.V, _ derivative: (_ x: T.V, _ y: T.V) -> T.V) {
    let i = loop.i, rows = i.pointee.rows, operation = i.pointee.operation
    let y = loop.columns(i.pointee.y), a = loop.columns(i.pointee.a), x = loop.columns(i.pointee.c)
    let fx = loop.columns(i.pointee.d)
    let hasFactor = operation == .slopeMul || operation == .slopeMulAdd
    if operation == .slopeAdd || operation == .slopeMulAdd {
      let b = loop.columns(i.pointee.b), e = loop.columns(i.pointee.e)
      loop.forEachColumn { j in
        let y = y[j], a = a[j], b = b[j], e = e[j], x = x[j], fx = fx[j]
        forEachVector(rows, T.self) { i, k in
          let slope = derivative(.loadPartial(x + i, count: k), .loadPartial(fx + i, count: k))
          var d = T.V.loadPartial(a + i, count: k)
          if hasFactor { d = d * .loadPartial(b + i, count: k) }
          T.V.multiplyAdd(d, slope, .loadPartial(e + i, count: k)).storePartial(y + i, count: k)
        }
      }
    } else if hasFactor {
      let b = loop.columns(i.pointee.b)
      loop.forEachColumn { j in
        let y = y[j], a = a[j], b = b[j], x = x[j], fx = fx[j]
        forEachVector(rows, T.self) { i, k in
          let slope = derivative(.loadPartial(x + i, count: k), .loadPartial(fx + i, count: k))
          let d = T.V.loadPartial(a + i, count: k) * .loadPartial(b + i, count: k)
          (d * slope).storePartial(y + i, count: k)
        }
      }
    } else {
      let areContiguous = y.stride == rows && a.stride == rows && x.stride == rows && fx.stride == rows
      loop.forEachRun(areContiguous: areContiguous) { j, n in
        let y = y[j], a = a[j], x = x[j], fx = fx[j]
        forEachVector(n, T.self) { i, k in
          let slope = derivative(.loadPartial(x + i, count: k), .loadPartial(fx + i, count: k))
          (T.V.loadPartial(a + i, count: k) * slope).storePartial(y + i, count: k)
        }
      }
    }
  }
}

@inline(__always)
private func runProgram<T: Real>(
  _ code: UnsafePointer<MicroInstruction<T>>, _ count: Int, _ t: Int, _ columns: Range<Int>, _ part: Int,
  _ ranges: UnsafeBufferPointer<MicroRange<T>>
) {
  let end = code + count
  if columns.count == 1 && columns.lowerBound == 0 {
    var i = code
    while i < end {
      MicroLoop(i: i, t: t, first: 0, columns: 1, isSingle: true).run()
      i += 1
    }
    return
  }
  var first = columns.lowerBound
  while first < columns.upperBound {
    let n = min(part, columns.upperBound &- first), next = min(part, columns.upperBound &- first &- n)
    for range in ranges { range.prefetch(t, first: first &+ n, columns: next) }
    var i = code
    while i < end {
      MicroLoop(i: i, t: t, first: first, columns: n, isSingle: false).run()
      i += 1
    }
    first &+= n
  }
}

// Static methods of Float and Double for the reason that MicroKernel.swift gives.

extension Float {
  /// See `Real.runMicroProgram`.
  @inline(never)
  public static func runMicroProgram(
    _ code: UnsafePointer<MicroInstruction<Float>>, count: Int, step t: Int, columns: Range<Int>, part: Int,
    prefetching ranges: UnsafeBufferPointer<MicroRange<Float>>
  ) { runProgram(code, count, t, columns, part, ranges) }
}

extension Double {
  /// See `Real.runMicroProgram`.
  @inline(never)
  public static func runMicroProgram(
    _ code: UnsafePointer<MicroInstruction<Double>>, count: Int, step t: Int, columns: Range<Int>, part: Int,
    prefetching ranges: UnsafeBufferPointer<MicroRange<Double>>
  ) { runProgram(code, count, t, columns, part, ranges) }
}
