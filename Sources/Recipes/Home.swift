import Base
import Glibc

extension Key.Kind {
    /// The path with a leading `~/` replaced by the user's home: shells do that in `--out ~/x`, not in `out=~/x`.
    static func expandHome(_ path: String) -> String {
        guard path == "~" || path.hasPrefix("~/"), let home = getenv("HOME") else { return path }
        return String(cString: home) + path.dropFirst(1)
    }
}
