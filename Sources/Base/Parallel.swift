import CBase
import Dispatch
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

/// `[body(0), body(1), ...]`, computed on up to `threads` threads.
public func parallelMap<T: Sendable>(
    _ count: Int, threads: Int = availableProcessors(), _ body: @Sendable (Int) -> T
) -> [T] {
    [T](unsafeUninitializedCapacity: count) { buffer, initialized in
        nonisolated(unsafe) let out = buffer
        parallelFor(count, threads: threads) { i in (out.baseAddress! + i).initialize(to: body(i)) }
        initialized = count
    }
}

/// A queue of bounded length between threads. `close` wakes everybody: `push` then drops, `pop` drains and ends.
public final class BoundedQueue<Element: Sendable>: Sendable {
    private let state = Monitor((items: [Element](), closed: false))
    private let capacity: Int

    /// An empty, open queue in which at most `capacity` elements wait.
    /// - Precondition: `capacity > 0`.
    public init(capacity: Int) {
        precondition(capacity > 0, "a queue needs room for one element")
        self.capacity = capacity
    }

    /// True where the element was taken, false where the queue was closed before there was room; waits for either.
    @discardableResult
    public func push(_ element: Element) -> Bool {
        state.wait(until: { $0.items.count < capacity || $0.closed }) {
            if !$0.closed { $0.items.append(element) }
            return !$0.closed
        }
    }

    /// The oldest element, or nil where the queue is closed and empty; waits for either.
    public func pop() -> Element? {
        state.wait(until: { !$0.items.isEmpty || $0.closed }) { $0.items.isEmpty ? nil : $0.items.removeFirst() }
    }

    /// Ends the queue and wakes all who wait. What is in it can still be popped; closing twice is no mistake.
    public func close() { state.withLock { $0.closed = true } }
}
