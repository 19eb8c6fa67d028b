import Base

extension Dataset {
    /// Checks that two sets mean the same by a label: the same names in the same order. Where both files write ids,
    /// they must agree, too: results that are written for one would be read as other classes with the other.
    ///
    /// - Parameters:
    ///   - other: the set to agree with.
    ///   - mine: what messages call this set, such as its file.
    ///   - theirs: what messages call the other.
    /// - Throws: `.invalidData` naming both and each class that only one has, with the nearest name of the other.
    public func requireSameClasses(as other: Dataset, naming mine: String, _ theirs: String) throws(Failure) {
        if classes.names == other.classes.names {
            guard hasWrittenIDs, other.hasWrittenIDs,
                let at = classes.ids.indices.first(where: { classes.ids[$0] != other.classes.ids[$0] })
            else { return }
            throw .data(
                "the category ids of \(mine) and \(theirs) differ: \"\(classes.names[at])\" is \(classes.ids[at]) in the one "
                    + "and \(other.classes.ids[at]) in the other")
        }
        func only(_ a: [String], _ b: [String]) -> String? {
            let names = a.filter { !b.contains($0) }
            if names.isEmpty { return nil }
            return firstFive(
                names.map { name in "\"\(name)\"" + (nearestName(to: name, in: b).map { " (near \"\($0)\")" } ?? "") })
        }
        let differences = [
            only(classes.names, other.classes.names).map { "only \(mine) has \($0)" },
            only(other.classes.names, classes.names).map { "only \(theirs) has \($0)" },
        ].compactMap { $0 }
        if !differences.isEmpty {
            throw .data("the classes of \(mine) and \(theirs) differ: \(differences.joined(separator: "; "))")
        }
        let place = zip(classes.names, other.classes.names).enumerated().first { $1.0 != $1.1 }
        let pair = place.map {
            "class \($0.offset + 1) is \"\($0.element.0)\" in the one and \"\($0.element.1)\" in the other"
        }
        throw .data("the classes of \(mine) and \(theirs) come in another order: \(pair ?? "")")
    }

    /// This set with its labels counted by another table, for files that list the same classes under other ids.
    /// - Throws: `.invalidData` naming the classes that have labels here and are not in `table`.
    public func relabelled(by table: ClassTable, naming name: String) throws(Failure) -> Dataset {
        let labels = classes.names.map { table.index(ofName: $0) }
        let used = objectsAndRegionsPerClass
        let lost = classes.names.indices.filter { labels[$0] == nil && used[$0] > 0 }.map { classes.names[$0] }
        if let first = lost.first {
            throw .data("\(name): no class is named \(firstFive(lost))\(didYouMean(first, table.names))")
        }
        var result = self
        result.classes = table
        for i in result.examples.indices {
            for j in result.examples[i].annotations.indices {
                if let label = labels[result.examples[i].annotations[j].label] {
                    result.examples[i].annotations[j].label = label
                }
            }
        }
        return result
    }

    private var objectsAndRegionsPerClass: [Int] {
        var counts = [Int](repeating: 0, count: classes.count)
        for example in examples { for annotation in example.annotations { counts[annotation.label] += 1 } }
        return counts
    }
}
