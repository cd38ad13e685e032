// Worker threads for large operations, created on first use and again after a fork.

import CVector
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The worker threads of large operations.
///
/// Work is split by rows or columns of the result, never along a sum, so the result has the same bits for any number of
/// threads.
public enum ThreadPool {
  private static let chosen = Atomic<Int>(0)
  /// Read and written under `ForkSafeLock.pool`.
  private nonisolated(unsafe) static var pool: Pool?

  /// The largest number of threads.
  public static let maximum = 256

  /// The number of threads: the value set, else `RECURRENT_NUM_THREADS`, else the number of available cores.
  public static var count: Int {
    let set = chosen.load(ordering: .relaxed)
    if set > 0 { return set }
    var count = min(cores, maximum)
    if let text = getenv("RECURRENT_NUM_THREADS"), let value = Int(String(cString: text)), value >= 1 {
      count = min(value, maximum)
    }
    chosen.store(count, ordering: .relaxed)
    return count
  }

  /// Sets the number of threads.
  ///
  /// - Throws: `.badValue` unless `count` is 1 to `maximum`.
  public static func set(_ count: Int) throws(RecurrentError) {
    try require(
      count >= 1 && count <= maximum, .badValue,
      "number of threads is out of range; expected 1 to \(maximum), got \(count)")
    chosen.store(count, ordering: .relaxed)
  }

  private static var cores: Int {
    let allowed = Int(ct_cores())
    if allowed > 0 { return allowed }
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  }

  /// Runs `body` on `count` threads in parallel, the calling thread included; each receives its index and the team.
  ///
  /// If the workers are in use by another caller, or cannot be created, `body` runs once, on the calling thread;
  /// `team.count` is the actual number of threads.
  static func run(_ count: Int, _ body: (_ thread: Int, _ team: Team) -> Void) {
    if count <= 1 { return body(0, Team.alone) }
    if !runOnPool(count, body) { body(0, Team.alone) }
  }

  /// Returns false if the workers are in use or cannot be created; `body` did not run then.
  private static func runOnPool(_ count: Int, _ body: (_ thread: Int, _ team: Team) -> Void) -> Bool {
    guard ForkSafeLock.pool.acquireIfFree() else { return false }
    defer { ForkSafeLock.pool.release() }
    var current = pool
    if current == nil || current?.forks != ct_forks() || (current?.workers ?? 0) < count - 1 {
      // a pool created before a fork has no threads in this process: its memory is leaked
      if let current, current.forks == ct_forks() { current.dismiss() }
      current = Pool(workers: count - 1)
      pool = current
    }
    guard let current, current.workers > 0 else { return false }
    current.run(min(count, current.workers + 1), body)
    return true
  }
}

extension ThreadPool {
  /// Runs `body` for parts of 0..<columns in parallel, with at least 20 000 elements for each thread.
  static func run(over columns: Int, elements: Int, _ body: (Range<Int>) -> Void) {
    run(max(1, min(count, columns, elements / 20_000))) { thread, team in
      let part = team.share(columns, thread)
      if !part.isEmpty { body(part) }
    }
  }
}

/// The threads of one parallel operation.
final class Team: Sendable {
  /// The number of threads.
  let count: Int
  private let waiting = Atomic<Int>(0)
  private let round = Atomic<Int>(0)

  init(_ count: Int) { self.count = count }

  /// A team of one thread.
  static let alone = Team(1)

  /// Waits until all threads of the team have reached the barrier.
  @inline(__always) func barrier() {
    if count > 1 { wait() }
  }

  private func wait() {
    let now = round.load(ordering: .relaxed)
    if waiting.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue == count {
      waiting.store(0, ordering: .relaxed)
      round.store(now &+ 1, ordering: .releasing)
    } else {
      spin { round.load(ordering: .acquiring) == now }
    }
  }

  /// The part of 0..<total that `thread` works on.
  func share(_ total: Int, _ thread: Int) -> Range<Int> { total * thread / count..<total * (thread + 1) / count }
}

/// Waits while `condition` holds: 4000 turns of busy waiting, then yields to other threads.
private func spin(while condition: () -> Bool) {
  var turns = 0
  while condition() {
    turns &+= 1
    if turns < 4000 { ct_pause() } else { sched_yield() }
  }
}

/// Worker threads that sleep until a task is posted.
private final class Pool: @unchecked Sendable {
  /// The forks before the process that has the threads.
  let forks = ct_forks()
  private(set) var workers = 0

  private typealias Body = (_ thread: Int, _ team: Team) -> Void
  // written by the caller before it increments `task`, read by the workers after they observe the increment
  private var body: UnsafeRawPointer?
  private var team = Team(1)
  private let task = Atomic<Int>(0)
  private let running = Atomic<Int>(0)
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(workers wanted: Int) {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    for number in 1...wanted {
      let start = Unmanaged.passRetained(Start(pool: self, number: number))
      #if canImport(Darwin)
        var thread: pthread_t?
      #else
        var thread = pthread_t()
      #endif
      let status = pthread_create(
        &thread, nil,
        { context in
          #if canImport(Darwin)
            let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
          #else
            guard let context else { return nil }
            let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
          #endif
          start.pool.work(start.number)
          return nil
        }, start.toOpaque())
      if status != 0 {
        start.release()
        break
      }
      #if canImport(Darwin)
        if let thread { pthread_detach(thread) }
      #else
        pthread_detach(thread)
      #endif
      workers = number
    }
  }

  private final class Start {
    let pool: Pool, number: Int
    init(pool: Pool, number: Int) { (self.pool, self.number) = (pool, number) }
  }

  /// Ends the workers.
  func dismiss() { post(team: Team(0), body: nil) }

  func run(_ count: Int, _ body: (_ thread: Int, _ team: Team) -> Void) {
    // no thread of the previous run is active any more: a team of the same size is reused
    let team = self.team.count == count ? self.team : Team(count)
    running.store(workers, ordering: .relaxed)
    withoutActuallyEscaping(body) { body in
      withUnsafePointer(to: body) {
        post(team: team, body: UnsafeRawPointer($0))
        body(0, team)
        spin { running.load(ordering: .acquiring) > 0 }
      }
    }
  }

  private func post(team: Team, body: UnsafeRawPointer?) {
    pthread_mutex_lock(mutex)
    self.team = team
    self.body = body
    task.wrappingAdd(1, ordering: .releasing)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }

  private func work(_ number: Int) {
    var seen = 0
    while true {
      // tasks often follow each other closely: wait 20 000 turns before sleeping
      var turns = 0
      while task.load(ordering: .acquiring) == seen && turns < 20_000 {
        turns += 1
        ct_pause()
      }
      pthread_mutex_lock(mutex)
      while task.load(ordering: .acquiring) == seen { pthread_cond_wait(wake, mutex) }
      seen = task.load(ordering: .relaxed)
      let (team, body) = (self.team, self.body)
      pthread_mutex_unlock(mutex)
      guard let body else { return }
      if number < team.count { body.assumingMemoryBound(to: Body.self).pointee(number, team) }
      running.wrappingSubtract(1, ordering: .releasing)
    }
  }
}
