import Base

extension Dataset {
    /// Several sets as one, in their order: names are relative to the deepest folder above all of them, as those of a
    /// pool of several folders, so that sets that are moved together stay what they were. Ids count from 1; classes and
    /// the coding of masks are those of the first set that has them. A single set stays as it is. Polygons are not
    /// kept: they stand in several files.
    ///
    /// - Precondition: at least one set; those that are labelled have one class table (`requireSameClasses`).
    /// - Throws: `.usage` where masks name classes in different ways; `.invalidData` where a set's folder is not there.
    public static func joined(_ sets: [Dataset]) throws(Failure) -> Dataset {
        precondition(!sets.isEmpty, "nothing to join")
        if sets.count == 1 { return sets[0] }
        // Folders alone are resolved: a picture that is not there counts.
        var folders: [[Substring]] = []
        for set in sets { folders.append(Files.parts(try Files.absolute(set.root.isEmpty ? "." : set.root))) }
        let above = commonFolder(folders)
        var all = Dataset(
            root: "/" + above.joined(separator: "/"),
            classes: sets.first { $0.classes.count > 0 }?.classes ?? sets[0].classes, examples: [])
        all.hasWrittenIDs = sets.allSatisfy { $0.hasWrittenIDs || $0.classes.count == 0 }
        all.maskCoding = sets.lazy.compactMap(\.maskCoding).first
        all.source = sets.map(\.source).joined(separator: ", ")
        for (set, folder) in zip(sets, folders) {
            let place = folder.dropFirst(above.count).joined(separator: "/")
            if let coding = set.maskCoding, coding != all.maskCoding {
                throw .usage("the masks of \(set.source) do not name classes as those of \(sets[0].source) do")
            }
            for example in set.examples {
                var example = example
                example.fileName = Files.join(place, example.fileName)
                example.id = all.examples.count + 1
                for i in example.annotations.indices { example.annotations[i].segmentation = nil }
                all.examples.append(example)
            }
        }
        return all
    }

    /// Without the pictures whose files others have, by whatever links, or byte for byte; ids stay, and so does what is
    /// not there.
    public func without(_ others: [Dataset]) -> Dataset {
        func place(_ path: String) -> String { (try? Files.absolute(path)) ?? path }
        var theirs: Set<String> = []
        for set in others {
            for example in set.examples { theirs.insert(place(set.path(of: example))) }
        }
        var left = self
        left.examples = examples.filter { !theirs.contains(place(path(of: $0))) }
        for set in others {
            let copies = Set(Copies.between(left, nil, set, nil, threads: availableProcessors()).map(\.0))
            left.examples = left.examples.enumerated().filter { !copies.contains($0.offset) }.map(\.element)
        }
        return left
    }

    /// The same pictures as nobody labelled them.
    public var withoutLabels: Dataset {
        var bare = self
        for i in bare.examples.indices {
            bare.examples[i].annotations = []
            bare.examples[i].mask = nil
            bare.examples[i].target = nil
        }
        bare.maskCoding = nil
        return bare
    }
}
