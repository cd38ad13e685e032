// A few threads for large work: made on first need, asleep when idle, gone and made anew after a fork.

import CVector
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How many threads large operations use, and the operations' way to use them.
///
/// Work is split by rows or columns of results, never along a sum, so the bits are the same at any count.
public enum ThreadPool {
  private static let chosen = Atomic<Int>(0)
  private static let pool = Mutex<Pool?>(nil)

  /// The most threads that can be asked for.
  public static let maximum = 256

  /// The number of threads in use: what was set, else `RECURRENT_NUM_THREADS`, else the machine's cores.
  public static var count: Int {
    let set = chosen.load(ordering: .relaxed)
    if set > 0 { return set }
    var count = min(cores, maximum)
    if let text = getenv("RECURRENT_NUM_THREADS"), let asked = Int(String(cString: text)), asked >= 1 {
      count = min(asked, maximum)
    }
    chosen.store(count, ordering: .relaxed)
    return count
  }

  /// - Throws: `.badValue` unless `count` is 1 to `maximum`.
  public static func set(_ count: Int) throws(RecurrentError) {
    try require(
      count >= 1 && count <= maximum, .badValue, "the number of threads is \(count); expected 1 to \(maximum)")
    chosen.store(count, ordering: .relaxed)
  }

  private static var cores: Int {
    let allowed = Int(ct_cores())
    if allowed > 0 { return allowed }
    return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
  }

  /// Runs `body` on `count` threads at once, this one among them; each gets its number and the team.
  ///
  /// If the threads are busy with another caller's work, or cannot be had, everything runs here: `team.count` says
  /// how many there are.
  static func run(_ count: Int, _ body: (_ thread: Int, _ team: Team) -> Void) {
    if count <= 1 { return body(0, Team.alone) }
    let done = pool.withLockIfAvailable { pool -> Bool in
      if pool == nil || pool?.process != getpid() || (pool?.workers ?? 0) < count - 1 {
        // a pool of before a fork has no threads in this process: it is left as it is
        if let old = pool, old.process == getpid() { old.dismiss() }
        pool = Pool(workers: count - 1)
      }
      guard let pool, pool.workers > 0 else { return false }
      pool.run(min(count, pool.workers + 1), body)
      return true
    }
    if done != true { body(0, Team.alone) }
  }
}

extension ThreadPool {
  /// Runs `body` for parts of 0..<columns, on as many threads as that many numbers are worth.
  static func run(over columns: Int, numbers: Int, _ body: (Range<Int>) -> Void) {
    run(max(1, min(count, columns, numbers / 20_000))) { thread, team in
      let some = team.share(columns, thread)
      if !some.isEmpty { body(some) }
    }
  }
}

/// The threads that work on one operation.
final class Team: Sendable {
  /// How many there are.
  let count: Int
  private let waiting = Atomic<Int>(0)
  private let round = Atomic<Int>(0)

  init(_ count: Int) { self.count = count }

  /// A team of one, which waits for nobody.
  static let alone = Team(1)

  /// Waits until all threads of the team are here.
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

  /// This thread's share of 0..<total.
  func share(_ total: Int, _ thread: Int) -> Range<Int> { total * thread / count..<total * (thread + 1) / count }
}

/// Waits while `condition` holds: first without leaving the core, then letting others run.
private func spin(while condition: () -> Bool) {
  var turns = 0
  while condition() {
    turns &+= 1
    if turns < 4000 { ct_pause() } else { sched_yield() }
  }
}

/// Threads that sleep until there is work.
private final class Pool: @unchecked Sendable {
  let process = getpid()
  private(set) var workers = 0

  private typealias Body = (_ thread: Int, _ team: Team) -> Void
  // written by the caller before `task` moves on, read by the workers after they see it
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

  /// Lets the workers end.
  func dismiss() { post(team: Team(0), body: nil) }

  func run(_ count: Int, _ body: (_ thread: Int, _ team: Team) -> Void) {
    // nobody is left of the run before: its team can run again
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
      // soon there may be more; after a moment, sleep
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
