import CBase
import Dispatch
import Glibc
import Synchronization

/// The processors this process may use (its affinity mask), at least 1.
public func availableProcessors() -> Int { Int(pupil_available_processors()) }

/// Runs `body` for each index in 0..<count on up to `threads` threads and waits; the order is unspecified.
public func parallelFor(_ count: Int, threads: Int = availableProcessors(), _ body: @Sendable (Int) -> Void) {
    guard count > 0 else { return }
    if threads <= 1 || count == 1 {
        for i in 0..<count { body(i) }
        return
    }
    let next = Atomic<Int>(0)
    DispatchQueue.concurrentPerform(iterations: min(threads, count)) { _ in
        while true {
            let i = next.wrappingAdd(1, ordering: .relaxed).oldValue
            if i >= count { return }
            body(i)
        }
    }
}

/// A queue of bounded length between threads. `close` wakes everybody: `push` then drops, `pop` drains and ends.
public final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
    // @unchecked: all state is touched under `lock` only.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var items: [Element] = []
    private var closed = false
    private let capacity: Int

    public init(capacity: Int) {
        precondition(capacity > 0, "a queue needs room for one element")
        self.capacity = capacity
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(changed)
        lock.deallocate()
        changed.deallocate()
    }

    /// Waits for room. Returns false where the queue was closed.
    @discardableResult
    public func push(_ element: Element) -> Bool {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while items.count >= capacity && !closed { pthread_cond_wait(changed, lock) }
        if closed { return false }
        items.append(element)
        pthread_cond_broadcast(changed)
        return true
    }

    /// Waits for an element. Returns nil where the queue is closed and empty.
    public func pop() -> Element? {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while items.isEmpty && !closed { pthread_cond_wait(changed, lock) }
        if items.isEmpty { return nil }
        let first = items.removeFirst()
        pthread_cond_broadcast(changed)
        return first
    }

    public func close() {
        pthread_mutex_lock(lock)
        closed = true
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(lock)
    }
}
