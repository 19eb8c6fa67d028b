import Base
import Geometry
import Imaging

/// What a look at a picture's file says.
public struct PictureFacts: Sendable, Equatable {
    /// Of the upright picture; nil where it cannot be read.
    public var size: Size?
    /// Why it cannot be read.
    public var refusal: String?
    /// What is wrong with a file that can be read all the same.
    public var damage: [String] = []
    /// Of the pixels; nil where likeness was not looked for.
    public var hash: PerceptualHash?
    /// Bytes of the file; nil where they cannot be counted.
    public var bytes: Int?
    /// Whether no file is there, which is another thing than one that may not be looked at.
    public var isMissing = true

    /// Facts about a file that is not there.
    public init() {}
}

extension Dataset {
    /// How much of each picture is looked at.
    public enum Look: Sendable {
        /// The header: whether the file is there and a picture, and its size. Thousands a second.
        case headers
        /// All pixels: damage, too.
        case damage
        /// All pixels: damage and likeness, too.
        case pixels
    }

    /// Looks at every picture, `[examples]`. Nothing throws: what is wrong is among the facts.
    /// - Parameters:
    ///   - threads: the facts do not depend on it.
    ///   - progress: called with the number of pictures done, from any thread.
    public func lookAtPictures(
        _ look: Look, threads: Int = availableProcessors(), progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) -> [PictureFacts] {
        let done = Monitor(0)
        let paths = examples.map { path(of: $0) }
        return parallelMap(paths.count, threads: threads) { i in
            let facts = PictureFacts(paths[i], look)
            progress(
                done.withLock {
                    $0 += 1
                    return $0
                })
            return facts
        }
    }
}

extension PictureFacts {
    fileprivate init(_ path: String, _ look: Dataset.Look) {
        do throws(Failure) { bytes = try Files.stamp(path).size } catch {
            isMissing = error.code == .invalidData
            refusal = error.message
            return
        }
        isMissing = false
        do throws(Failure) {
            switch look {
            case .headers: size = try ImageFile.size(path)
            case .damage, .pixels:
                let decoded = try ImageFile.decode(path)
                size = decoded.image.size
                damage = decoded.notes
                if look == .pixels { hash = PerceptualHash(decoded.image) }
            }
        } catch { refusal = error.message }
    }
}
