// Interruption of long calls.

import CVector
import Kernels
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Interruption of long calls: a function of the program that a call runs on its own thread, between parts of its work,
/// about every 20 milliseconds. If it returns a number other than 0, the call throws `.interrupted`.
///
/// The calling thread of an operation counts its work; the clock is read after a million operations, a fraction of a
/// millisecond. A request stays until `throwIfRequested`.
public struct Interrupt {
  private static let check = Atomic<UInt>(0)
  /// Operations between two looks at the clock.
  static let interval = 1_000_000
  private static let nanoseconds: UInt64 = 20_000_000

  /// Sets the function, nil for none. It may use the library, but not the objects of the call, which are `.busy`.
  public static func setCheck(_ function: (@convention(c) () -> Int32)?) {
    check.store(UInt(bitPattern: unsafeBitCast(function, to: Int.self)), ordering: .releasing)
  }

  private let state: UnsafeMutablePointer<ct_interrupt>

  /// The calling thread's.
  static var ofThread: Interrupt { Interrupt(state: ct_thread_interrupt()) }

  /// Whether the calling thread runs the function now.
  public static var isChecking: Bool { ct_thread_interrupt().pointee.is_checking }

  /// Whether the call is to stop.
  @inline(__always) var isRequested: Bool { state.pointee.is_requested }

  /// Counts operations; runs the function if it is due.
  @inline(__always) func count(_ work: Int) {
    state.pointee.work &+= Int64(truncatingIfNeeded: work)
    if state.pointee.work >= Interrupt.interval { run() }
  }

  /// Throws `.interrupted` if the call is to stop, once.
  @inline(__always) func throwIfRequested() throws(RecurrentError) {
    if isRequested { throw interruption() }
  }

  private func interruption() -> RecurrentError {
    state.pointee.is_requested = false
    return RecurrentError(.interrupted, "call is interrupted; expected no request to stop, got one")
  }

  @inline(never) private func run() {
    state.pointee.work = 0
    let address = Interrupt.check.load(ordering: .acquiring)
    guard address != 0, !state.pointee.is_requested, !state.pointee.is_checking else { return }
    let now = Interrupt.now
    if now < state.pointee.due { return }
    let function = unsafeBitCast(Int(bitPattern: address), to: (@convention(c) () -> Int32).self)
    state.pointee.is_checking = true
    state.pointee.is_requested = function() != 0
    state.pointee.is_checking = false
    state.pointee.due = Interrupt.now &+ Interrupt.nanoseconds
  }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
  }
}

/// The progress of one operation, shared by its threads: the calling thread counts, all threads stop at the same step.
struct Progress: ~Copyable {
  private let interrupt = Interrupt.ofThread
  private let last = Atomic<Int>(.max)

  /// Counts operations of thread 0, the calling one, in `step`.
  @inline(__always) func count(_ work: Int, step: Int = 0, _ thread: Int) {
    if thread != 0 { return }
    interrupt.count(work)
    if interrupt.isRequested && !isStopped { last.store(step, ordering: .relaxed) }
  }

  /// Whether `step` is the last one. The same for all threads after a barrier in `step` that follows `count`.
  @inline(__always) func isLast(_ step: Int) -> Bool { last.load(ordering: .relaxed) <= step }

  /// Whether a thread may leave its work undone: it must still reach the barriers of the other threads.
  @inline(__always) var isStopped: Bool { isLast(.max - 1) }

  /// Visits the blocks of 0..<columns until the call is to stop.
  ///
  /// - Parameters:
  ///   - size: columns of a block.
  ///   - work: operations for a column.
  @inline(__always)
  func inBlocks(of columns: Int, _ size: Int, work: Int, _ thread: Int, _ body: (_ from: Int, _ count: Int) -> Void) {
    var from = 0
    while from < columns && !isStopped {
      let block = min(size, columns - from)
      body(from, block)
      count(work * block, thread)
      from += block
    }
  }

  /// The rank-k updates c += a·bᵀ and e += a·dᵀ, in blocks of columns until the call is to stop.
  @inline(__always)
  func rankKUpdate<T: Real>(
    _ a: MatrixView<T>, _ b: MatrixView<T>, into c: MatrixView<T>, and d: MatrixView<T>, into e: MatrixView<T>,
    panels: Range<Int>, scratch: UnsafeMutablePointer<T>, _ thread: Int
  ) {
    let work = a.rows * (b.rows + d.rows)
    // about a millisecond, in whole blocks
    let columns = max(1, 10 * Interrupt.interval / max(1, work) / rankKUpdateBlock) * rankKUpdateBlock
    inBlocks(of: a.columns, columns, work: work, thread) { from, count in
      Kernels.rankKUpdate(
        a.columns(from, count), b.columns(from, count), into: c, and: d.columns(from, count), into: e, panels: panels,
        scratch: scratch)
    }
  }
}
