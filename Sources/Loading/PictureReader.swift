import Annotations
import Base
import Geometry
import Imaging

/// Decodes the pictures of a dataset ahead of their use, in threads; they come out in the dataset's order.
public final class PictureReader {
    private struct State {
        var next: Int
        var taken: Int
        var ready: [Int: Result<Decoded, Failure>] = [:]
        var running = 0
        var closed = false
        /// Of those that wait.
        var bytes = 0
    }

    /// Nothing more is decoded ahead while so many bytes wait.
    private static let mostBytes = 256 << 20

    private let state: Monitor<State>
    private let end: Int

    /// - Parameters:
    ///   - range: places in the dataset.
    ///   - ahead: decoded pictures that wait at most.
    ///   - needed: the size in which a picture of a size will be used; a large JPEG is decoded at a part of its own.
    public init(
        _ dataset: Dataset, _ range: Range<Int>, workers: Int, ahead: Int, needed: @escaping @Sendable (Size) -> Size
    ) {
        let state = Monitor(State(next: range.lowerBound, taken: range.lowerBound))
        self.state = state
        end = range.upperBound
        let end = end
        for _ in 0..<max(1, workers) {
            startThread {
                while true {
                    let index: Int? = state.wait(until: {
                        $0.closed || $0.next >= end || $0.next == $0.taken
                            || $0.next < $0.taken + max(1, ahead) && $0.bytes < Self.mostBytes
                    }) { state in
                        if state.closed || state.next >= end { return nil }
                        state.running += 1
                        state.next += 1
                        return state.next - 1
                    }
                    guard let index else { return }
                    let path = dataset.path(of: dataset.examples[index])
                    let result = Result { () throws(Failure) in try ImageFile.decode(path, needed: needed, margin: 2) }
                    state.withLock {
                        $0.ready[index] = result
                        $0.bytes += Self.bytes(result)
                        $0.running -= 1
                    }
                }
            }
        }
    }

    private static func bytes(_ result: Result<Decoded, Failure>) -> Int {
        if case .success(let decoded) = result { decoded.image.pixels.count } else { 0 }
    }

    deinit {
        state.withLock { $0.closed = true }
        state.wait(until: { $0.running == 0 }) { _ in }
    }

    /// The next picture and its place, or why it cannot be read; nil after the last.
    public func next() -> (index: Int, picture: Result<Decoded, Failure>)? {
        let end = end
        return state.wait(until: { $0.taken >= end || $0.ready[$0.taken] != nil }) { state in
            guard let picture = state.ready.removeValue(forKey: state.taken) else { return nil }
            state.taken += 1
            state.bytes -= Self.bytes(picture)
            return (state.taken - 1, picture)
        }
    }
}
