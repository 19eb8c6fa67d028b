import Annotations
import Base
import Geometry
import Glibc
import Imaging
import Scenes
import Testing

@Suite struct SceneFilesTests {
    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = "/tmp/pupil-scenes-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        defer { try? Files.remove(folder) }
        try Files.makeFolder(folder)
        try body(folder)
    }

    private func contents(_ folder: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try Files.walk(folder) { files[name] = try Files.read(Files.join(folder, name)) }
        return files
    }

    @Test func aSetIsWholeAndConsistent() throws {
        try withFolder { root in
            let folder = root + "/set/"
            let style = SceneStyle(size: Size(width: 96, height: 64))
            try Scenes.write(images: 20, seed: 3, to: folder, style: style, threads: 2)
            #expect(try Files.list(root) == ["set"])
            #expect(try Files.list(folder) == ["annotations", "images", "scenes.json"])
            let names = try Files.list(folder + "images")
            #expect(names == (1...20).map { "0000" + ($0 < 10 ? "0" : "") + "\($0).jpg" })
            var seen: Set<String> = []
            var next = 1
            for (split, count) in [("train", 14), ("val", 2), ("test", 4)] {
                let file = try Files.readJSON(folder + "annotations/instances_\(split).json")
                let set = try Dataset.coco(folder + "annotations/instances_\(split).json", images: folder + "images")
                #expect(set.examples.count == count && set.classes.names == Scenes.classes.names)
                let images = file["images"]?.array ?? []
                #expect(images.count == count)
                var ids: Set<Int> = []
                for image in images {
                    ids.insert(image["id"]?.int ?? 0)
                    let name = image["file_name"]?.string ?? ""
                    #expect(seen.insert(name).inserted && names.contains(name))
                    let decoded = try ImageFile.decode(folder + "images/" + name)
                    #expect(decoded.image.size == style.size && decoded.notes == [])
                    #expect(image["width"]?.int == 96 && image["height"]?.int == 64)
                }
                #expect(file["categories"]?.array?.compactMap { $0["name"]?.string } == Scenes.classes.names)
                for annotation in file["annotations"]?.array ?? [] {
                    #expect(annotation["id"]?.int == next && annotation["iscrowd"]?.int == 0)
                    next += 1
                    #expect(ids.contains(annotation["image_id"]?.int ?? 0))
                    #expect((1...6).contains(annotation["category_id"]?.int ?? 0))
                    let box = annotation["bbox"]?.array?.compactMap(\.double) ?? []
                    #expect(box.count == 4 && box[0] >= 0 && box[1] >= 0 && box[2] > 0 && box[3] > 0)
                    #expect(box[0] + box[2] <= 96.011 && box[1] + box[3] <= 64.011)
                }
            }
        }
    }

    @Test func bytesDoNotDependOnThreads() throws {
        try withFolder { root in
            for (name, threads, seed) in [("a", 1, UInt64(7)), ("b", 3, 7), ("c", 3, 8)] {
                try Scenes.write(images: 9, seed: seed, to: Files.join(root, name), threads: threads)
            }
            #expect(try contents(root + "/a") == contents(root + "/b"))
            #expect(try contents(root + "/a") != contents(root + "/c"))
        }
    }

    @Test func whatIsThereIsKeptOrRefused() throws {
        try withFolder { root in
            let folder = root + "/set"
            try Scenes.write(images: 3, seed: 1, to: folder)
            let stamp = try Files.stamp(folder + "/images/000001.jpg").modified
            try Scenes.write(images: 3, seed: 1, to: folder)
            #expect(try Files.stamp(folder + "/images/000001.jpg").modified == stamp)
            for (count, seed, differing) in [
                (4, UInt64(1), "images: 3 before, 4 now"), (3, 2, "seed: 1 before, 2 now"),
            ] {
                #expect(
                    throws: Failure.usage(
                        "\(folder) holds something else already (\(differing)); name a new folder, or remove it first")
                ) { try Scenes.write(images: count, seed: seed, to: folder) }
            }
            let other = Failure.usage("\(root) holds something else already; name a new folder, or remove it first")
            #expect(throws: other) { try Scenes.write(images: 3, seed: 1, to: root) }
            #expect(throws: Failure.self) { try Scenes.write(images: 3, seed: 1, to: folder + "/images/000001.jpg") }
            try Files.makeFolder(root + "/empty")
            // What a killed process left.
            try Files.makeFolder(root + "/empty.partial/old")
            try Files.write("", to: root + "/empty.partial/.making")
            try Scenes.write(images: 1, seed: 1, to: root + "/empty")
            #expect(try Files.list(root) == ["empty", "set"])
            #expect(!Files.exists(root + "/empty/old"))
        }
    }

    @Test func sharesAddUp() {
        for count in 1...40 {
            let (train, val, test) = SceneShares().counts(of: count)
            #expect(train + val + test == count && train > 0)
        }
        let all = SceneShares(val: 0.5, test: 0.5).counts(of: 7)
        #expect(all.train == 0 && all.val + all.test == 7)
    }
}
