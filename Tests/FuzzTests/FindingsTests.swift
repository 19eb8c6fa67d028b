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

    /// A little of fuzzing in every run: texts and bytes with anything cut, doubled or exchanged in them.
    @Test(arguments: FuzzTarget.all.map(\.name)) func damagedSamplesDoNotTrap(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let samples = [
            #"{"images":[{"id":1,"file_name":"a.jpg","width":9,"height":9}],"categories":[{"id":1,"name":"a"}],"#
                + #""annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3.5,4e0],"segmentation":[[1,2]]}]}"#,
            #"[{"image_id":1,"category_id":2,"bbox":[1,2,3,4],"score":0.5}]"#,
            "<annotation><size><width>9</width><height>9</height></size><object><name>a</name></object></annotation>",
            "ImageID,LabelName,XMin,XMax,YMin,YMax\r\na,\"b\"\"\",0.1,0.2,0.3,0.4\n", "a: [1, 'b']\nnames:\n  0: x\n",
            "0 0.5 0.5 0.25 0.5 0.9\n1 0 0 1 0 1 1\n", "\u{89}PNG\r\n\u{1a}\n", "\u{ff}\u{d8}\u{ff}\u{e0}",
            "RIFF\0\0\0\0WEBPVP8X",
        ]
        var random = Random(seed: 1, purpose: .test)
        for sample in samples {
            let bytes = sample.unicodeScalars.flatMap { $0.value < 256 ? [UInt8($0.value)] : [] }
            for _ in 0..<200 {
                var damaged = bytes
                for _ in 0...random.below(3) {
                    let at = random.below(damaged.count)
                    switch random.below(4) {
                    case 0: damaged[at] = UInt8(random.below(256))
                    case 1: damaged.remove(at: at)
                    case 2: damaged.insert(contentsOf: damaged[at...], at: at)
                    default: damaged.removeLast(min(damaged.count - 1, random.below(8)))
                    }
                    if damaged.isEmpty { damaged = [0] }
                }
                target.run(damaged)
            }
        }
    }

    /// A folder whose name is no target's would be replayed by nobody.
    @Test func everyFolderHasATarget() throws {
        for name in try Files.list(Self.folder) { #expect(FuzzTarget.all.contains { $0.name == name }, "\(name)") }
    }
}
