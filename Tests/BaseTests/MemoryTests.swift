import Glibc
import Testing

@testable import Base

@Suite struct MemoryTests {
    private func free(_ files: [String: String]) throws -> Int? {
        var template = Array("/tmp/pupil-memory-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure.environment("no folder for a test") }
        let root = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? Files.remove(root) }
        for (name, text) in files {
            try Files.makeFolder(Files.folder(root + name))
            try Files.write(text, to: root + name)
        }
        return availableMemory(under: root)
    }

    private let kernel = ["/proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:  5000 kB\n"]

    @Test func theKernelsEstimate() throws {
        #expect(try free(kernel) == 5_120_000)
        #expect(try free([:]) == nil)
        #expect(try free(kernel.merging(["/proc/self/cgroup": "0::/a/b\n"]) { $1 }) == 5_120_000)
    }

    /// The least of the groups that this is in; files that were read lately can be given up.
    @Test func theControlGroupAndThoseAroundIt() throws {
        let files = [
            "/proc/self/cgroup": "0::/job/step\n", "/sys/fs/cgroup/job/step/memory.max": "max\n",
            "/sys/fs/cgroup/job/step/memory.current": "10\n", "/sys/fs/cgroup/job/memory.max": "3000000\n",
            "/sys/fs/cgroup/job/memory.current": "2000000\n",
            "/sys/fs/cgroup/job/memory.stat": "anon 5\ninactive_file 400000\n",
        ].merging(kernel) { $1 }
        #expect(try free(files) == 1_400_000)
        // A container sees its group as the root.
        let inside = [
            "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "1000\n",
            "/sys/fs/cgroup/memory.current": "1500\n",
        ].merging(kernel) { $1 }
        #expect(try free(inside) == 0)
    }

    @Test func theFirstVersionOfControlGroups() throws {
        let files = [
            "/proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/x\n",
            "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
            "/sys/fs/cgroup/memory/x/memory.usage_in_bytes": "100\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes": "1500\n",
            "/sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 700\n",
        ].merging(kernel) { $1 }
        #expect(try free(files) == 1200)
    }

    @Test func thisMachineSays() throws { #expect(try #require(availableMemory()) > 100 << 20) }

    @Test func theProcessSeesItsOwnMemory() throws {
        let before = try #require(processMemory())
        let bytes = [UInt8](repeating: 1, count: 64 << 20)
        let after = try #require(processMemory())
        #expect(bytes.last == 1 && after.anonymous - before.anonymous > 60 << 20 && after.peak >= after.anonymous)
    }
}
