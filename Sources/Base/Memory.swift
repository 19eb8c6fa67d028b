/// Bytes that this process may still use without swapping: the kernel's own estimate, or what is left of its control
/// group where that is less. Nil where neither says.
public func availableMemory() -> Int? {
    var known: [Int] = []
    if let text = try? Files.readText("/proc/meminfo"),
        let line = text.split(separator: "\n").first(where: { $0.hasPrefix("MemAvailable:") }),
        let kilobytes = line.split(separator: " ").dropFirst().first.flatMap({ Int($0) })
    {
        known.append(kilobytes * 1024)
    }
    // Version 2, then version 1, of control groups, as a container sees its own. "max" is no number, so no limit. Files
    // that were read lately are counted as used there, and given up when needed.
    for (folder, limit, usage) in [
        ("/sys/fs/cgroup/", "memory.max", "memory.current"),
        ("/sys/fs/cgroup/memory/", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ] {
        guard let limit = number(in: folder + limit), let usage = number(in: folder + usage) else { continue }
        let statistics = (try? Files.readText(folder + "memory.stat"))?.split(separator: "\n") ?? []
        let files = statistics.first { $0.hasPrefix("inactive_file ") }?.split(separator: " ").last.flatMap { Int($0) }
        known.append(max(0, limit - usage + (files ?? 0)))
    }
    return known.min()
}

private func number(in path: String) -> Int? {
    (try? Files.readText(path)).flatMap { Int($0.filter { !$0.isWhitespace }) }
}
