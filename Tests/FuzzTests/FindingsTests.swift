import Base
import FuzzTargets
import Testing

/// What fuzzing has found, as `Findings/TARGET/NAME`: each input is parsed again, and nothing may trap.
@Suite struct FindingsTests {
    private static let folder = Files.join(Files.folder(#filePath), "Findings")

    @Test(arguments: FuzzTarget.all.map(\.name))
    func findingsStayFixed(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let folder = Files.join(Self.folder, name)
        target.run([])
        for file in Files.isFolder(folder) ? try Files.list(folder) : [] {
            target.run(try Files.read(Files.join(folder, file)))
        }
    }

    /// A folder whose name is no target's would be replayed by nobody.
    @Test func everyFolderHasATarget() throws {
        for name in try Files.list(Self.folder) { #expect(FuzzTarget.all.contains { $0.name == name }, "\(name)") }
    }
}
