import Glibc

/// State that threads share: all access under one lock, and waiting for it to change.
public final class Monitor<State>: @unchecked Sendable {
    // @unchecked: `state` is touched under `lock` only.
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    /// A monitor over `state`; the caller keeps no other way to what it holds.
    public init(_ state: State) {
        self.state = state
        pthread_mutex_init(lock, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(changed)
        lock.deallocate()
        changed.deallocate()
    }

    /// Runs `body` under the lock and wakes whoever waits.
    public func withLock<R>(_ body: (inout State) -> R) -> R {
        pthread_mutex_lock(lock)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(lock)
        }
        return body(&state)
    }

    /// Waits until `condition` holds, then runs `body` under the same lock.
    public func wait<R>(until condition: (State) -> Bool, _ body: (inout State) -> R) -> R {
        pthread_mutex_lock(lock)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(lock)
        }
        while !condition(state) { pthread_cond_wait(changed, lock) }
        return body(&state)
    }
}

/// A thread of its own, outside every pool: for work that waits. - Precondition: the system gives a thread.
public func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Start {
        let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start(body))
    let code = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
            return nil
        }, start.toOpaque())
    precondition(code == 0, "the system gives no thread: \(String(cString: strerror(code)))")
    pthread_detach(thread)
}
