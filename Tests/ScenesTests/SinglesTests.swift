import Annotations
import Base
import Geometry
import Glibc
import Imaging
import Scenes
import Testing

@Suite struct SinglesTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = "/tmp/pupil-singles-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { try? Files.remove(folder) }
        try Files.makeFolder(folder)
        try body(folder)
    }

    private func contents(_ folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try Files.walk(folder) { files[name] = try Files.read(Files.join(folder, name)) }
        return files
    }

    @Test func aSetIsAnImageFolder() throws {
        try withFolder { root in
            let folder = root + "/set"
            let size = Size(width: 64, height: 48)
            try Scenes.writeSingles(images: 60, seed: 3, to: folder + "/", style: .single(size: size), threads: 2)
            #expect(try Files.list(root) == ["set"])
            #expect(try Files.list(folder) == ["scenes.json", "test", "train", "val"])
            var numbers: [String] = []
            for (part, count) in [("train", 42), ("val", 6), ("test", 12)] {
                let set = try Dataset.imageFolder(folder, part: part)
                #expect(set.classes.names == Scenes.classes.names.sorted() && set.notes.isEmpty)
                #expect(set.examples.count == count && set.classCounts == [Int](repeating: count / 6, count: 6))
                numbers += set.examples.map { Files.name($0.fileName) }
                for example in set.examples {
                    let decoded = try ImageFile.decode(set.path(of: example))
                    #expect(decoded.image.size == size && decoded.notes.isEmpty)
                    let index = (Int(Files.name(example.fileName).dropLast(4)) ?? 0) - 1
                    #expect(example.fileName.hasPrefix(Scenes.classes.names[index % 6] + "/"))
                }
            }
            #expect(numbers.sorted() == (1...60).map { "0000" + ($0 < 10 ? "0" : "") + "\($0).jpg" })
        }
    }

    @Test func bytesDoNotDependOnThreads() throws {
        try withFolder { root in
            for (name, threads, seed) in [("a", 1, UInt64(7)), ("b", 8, 7), ("c", 8, 8)] {
                try Scenes.writeSingles(images: 14, seed: seed, to: Files.join(root, name), threads: threads)
            }
            #expect(try contents(root + "/a") == contents(root + "/b"))
            #expect(try contents(root + "/a") != contents(root + "/c"))
        }
    }

    /// A set that is there is kept; scenes of the same seed and number are something else.
    @Test func whatIsThereIsKeptOrRefused() throws {
        try withFolder { root in
            let folder = root + "/set"
            try Scenes.writeSingles(images: 3, seed: 1, to: folder)
            let before = try contents(folder)
            try Scenes.writeSingles(images: 3, seed: 1, to: folder)
            let refusal = Failure.usage(
                "\(folder) holds something else already (images: 3 before, 4 now); name a new folder, or remove it first"
            )
            #expect(throws: refusal) { try Scenes.writeSingles(images: 4, seed: 1, to: folder) }
            let other = #expect(throws: Failure.self) {
                try Scenes.write(images: 3, seed: 1, to: folder, style: .single())
            }
            #expect(other?.code == .usage && other?.message.contains("holds something else") == true)
            #expect(try contents(folder) == before && Files.list(root) == ["set"])
        }
    }

    @Test func onePictureIsOneShape() {
        for size in [Size(width: 128, height: 128), Size(width: 96, height: 160)] {
            let side = Float(min(size.width, size.height))
            var sides: [Float] = []
            for index in 0..<300 {
                let (image, box, label) = Scenes.drawSingle(index: index, seed: 5, style: .single(size: size))
                #expect(image.size == size && label == index % 6)
                let long = max(box.width, box.height) / side
                #expect(long > 0.299 && long < 0.901, "\(index) \(box)")
                // All of it: cut at no edge, it is as large as it was drawn.
                #expect(box.x1 > -0.01 && box.y1 > -0.01)
                #expect(box.x2 < Float(size.width) + 0.01 && box.y2 < Float(size.height) + 0.01)
                sides.append(long)
            }
            #expect(abs(sides.reduce(0, +) / 300 - 0.6) < 0.04)
            let boxes = (0..<300).map { Scenes.drawSingle(index: $0, seed: 5, style: .single(size: size)).box }
            // At any place: the middles lie on both sides of the picture's.
            let left = boxes.count { $0.x1 + $0.x2 < Float(size.width) }
            let upper = boxes.count { $0.y1 + $0.y2 < Float(size.height) }
            #expect(abs(left - 150) < 40 && abs(upper - 150) < 40)
        }
    }

    /// Results may rest on these very pictures: when this changes, raise the format in `Singles.swift`.
    @Test func singlesStayWhatTheyAre() {
        let a = Scenes.drawSingle(index: 3, seed: 11)
        #expect(a.image == Scenes.drawSingle(index: 3, seed: 11).image)
        #expect(a.image != Scenes.drawSingle(index: 9, seed: 11).image)
        #expect(a.image != Scenes.drawSingle(index: 3, seed: 12).image)
        let digests = (0..<3).map { Digest(of: Scenes.drawSingle(index: $0, seed: 1).image.pixels).hex(6) }
        #expect(digests == ["45434489e907", "717c77463a48", "9b4a78d6218d"])
    }

    /// For eyes: PUPIL_LOOK=FOLDER gets singles.png, 24 pictures.
    @Test(.enabled(if: getenv("PUPIL_LOOK") != nil))
    func look() throws {
        let folder = String(cString: getenv("PUPIL_LOOK"))
        let images = (0..<24).map { Scenes.drawSingle(index: $0, seed: 1).image }
        try Files.write(Image.contactSheet(images, columns: 6).png(), to: Files.join(folder, "singles.png"))
    }
}
