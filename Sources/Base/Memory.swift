/// Bytes that this process may still use without swapping: the kernel's own estimate, or what is left of its control
/// group, or of one that this is in, where that is less. Nil where neither says.
public func availableMemory() -> Int? { availableMemory(under: "") }

/// Bytes of memory that this process holds: the most so far, and what no file backs now. Nil where the kernel does not say.
public func processMemory() -> (peak: Int, anonymous: Int)? {
    let lines = (try? Files.readText("/proc/self/status"))?.split(separator: "\n") ?? []
    func bytes(_ name: String) -> Int? {
        lines.first { $0.hasPrefix(name) }?.split(whereSeparator: { " \t".contains($0) }).dropFirst().first
            .flatMap { Int($0) }.map { $0 * 1024 }
    }
    guard let peak = bytes("VmHWM:"), let anonymous = bytes("RssAnon:") else { return nil }
    return (peak, anonymous)
}

/// - Parameter root: stands before `/proc` and `/sys`; for tests.
func availableMemory(under root: String) -> Int? {
    func lines(_ path: String) -> [Substring] { (try? Files.readText(root + path))?.split(separator: "\n") ?? [] }
    func field(_ name: String, in path: String) -> Int? {
        lines(path).first { $0.hasPrefix(name) }?.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
    }
    var known: [Int] = []
    if let kilobytes = field("MemAvailable:", in: "/proc/meminfo") { known.append(kilobytes * 1024) }
    for line in lines("/proc/self/cgroup") {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { continue }
        // "0::/path" is version 2; version 1 has a tree for memory alone.
        let isV2 = parts[0] == "0" && parts[1].isEmpty
        guard isV2 || parts[1].split(separator: ",").contains("memory") else { continue }
        let tree = isV2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
        let names = isV2 ? ["memory.max", "memory.current"] : ["memory.limit_in_bytes", "memory.usage_in_bytes"]
        // A container may see its own group as the root of the tree, so both ends are looked at.
        var path = parts[2].split(separator: "/").map(String.init)
        while true {
            let folder = path.isEmpty ? tree : tree + "/" + path.joined(separator: "/")
            // "max" is no number, so no limit.
            if let limit = lines(folder + "/" + names[0]).first.flatMap({ Int($0) }),
                let usage = lines(folder + "/" + names[1]).first.flatMap({ Int($0) })
            {
                // Files that were read lately count as used, and are given up when needed.
                let files = field(isV2 ? "inactive_file " : "total_inactive_file ", in: folder + "/memory.stat") ?? 0
                known.append(max(0, limit - max(0, usage - files)))
            }
            if path.isEmpty { break }
            path.removeLast()
        }
    }
    return known.min()
}
