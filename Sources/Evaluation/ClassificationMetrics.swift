import Base

/// What a classifier said of one picture.
public struct ClassifiedPicture: Hashable, Sendable {
    /// The picture's class, 0..<K.
    public var label: Int
    /// The classes that were found most probable, the first first: five, or all where there are fewer.
    public var ranked: [Int]

    /// A picture of a class and the most probable classes in order.
    public init(label: Int, ranked: [Int]) {
        self.label = label
        self.ranked = ranked
    }
}

/// How well pictures were told apart; fractions of 1, NaN where undefined.
public struct ClassificationMetrics: Sendable, Hashable {
    /// One class.
    public struct ClassMetrics: Sendable, Hashable {
        /// What it is called.
        public var name: String
        /// Pictures of it.
        public var pictures: Int
        /// The part of them that was found; NaN where there is none.
        public var accuracy: Double
        /// The part of them whose class is among the first five; NaN where there is none.
        public var top5: Double
        /// The part of the pictures that were taken for it that is; NaN where none was.
        public var precision: Double
    }

    /// Pictures.
    public var count: Int
    /// The part whose class was found most probable.
    public var top1: Double
    /// The part whose class is among the five most probable, which is all of them where there are no more than five.
    public var top5: Double
    /// The mean of the classes' accuracies, over the classes that have a picture: each class counts alike.
    public var meanClassAccuracy: Double
    /// In the order of labels.
    public var perClass: [ClassMetrics]

    /// The numbers of some pictures.
    /// - Precondition: labels and ranks are places in `names`; as many ranks as there are classes, or five, no class twice.
    public init(_ pictures: [ClassifiedPicture], names: [String]) {
        let (classes, ranks) = (0..<names.count, min(5, names.count))
        var (all, first, five, taken) = (
            [Int](repeating: 0, count: names.count), [Int](repeating: 0, count: names.count),
            [Int](repeating: 0, count: names.count), [Int](repeating: 0, count: names.count)
        )
        for picture in pictures {
            let best = picture.ranked.prefix(5)
            precondition(
                best.count >= ranks && (best + [picture.label]).allSatisfy { classes.contains($0) }
                    && Set(best).count == best.count,
                "label \(picture.label) and ranks \(Array(best)) of \(names.count) classes")
            all[picture.label] += 1
            taken[best[0]] += 1
            if best[0] == picture.label { first[picture.label] += 1 }
            if best.contains(picture.label) { five[picture.label] += 1 }
        }
        func ratio(_ a: Int, _ b: Int) -> Double { b == 0 ? .nan : Double(a) / Double(b) }
        perClass = classes.map { k in
            ClassMetrics(
                name: names[k], pictures: all[k], accuracy: ratio(first[k], all[k]), top5: ratio(five[k], all[k]),
                precision: ratio(first[k], taken[k]))
        }
        count = pictures.count
        top1 = ratio(first.reduce(0, +), count)
        top5 = ratio(five.reduce(0, +), count)
        let defined = perClass.map(\.accuracy).filter { !$0.isNaN }
        meanClassAccuracy = defined.isEmpty ? .nan : defined.reduce(0, +) / Double(defined.count)
    }

    /// `top1`, `top5`, `mean_class_accuracy`, `images`, `per_class` {name: accuracy} and `classes` with more of each;
    /// `null` where undefined.
    public var json: JSON {
        [
            "top1": .number(top1), "top5": .number(top5), "mean_class_accuracy": .number(meanClassAccuracy),
            "images": .int(count),
            "per_class": .object(
                Dictionary(
                    perClass.map { ($0.name, JSON.number($0.accuracy)) }, uniquingKeysWith: { first, _ in first })),
            "classes": .array(
                perClass.map { c in
                    [
                        "name": .string(c.name), "images": .int(c.pictures), "accuracy": .number(c.accuracy),
                        "top5": .number(c.top5), "precision": .number(c.precision),
                    ]
                }),
        ]
    }

    /// The same as a table for people, in points.
    public var table: String {
        func points(_ x: Double) -> String {
            if x.isNaN { return "-" }
            let tenths = Int((x * 1000).rounded())
            return "\(tenths / 10).\(tenths % 10)"
        }
        var rows = [["class", "pictures", "top-1", "top-5", "precision"]]
        for c in perClass {
            rows.append([c.name, "\(c.pictures)", points(c.accuracy), points(c.top5), points(c.precision)])
        }
        rows.append(["all", "\(count)", points(top1), points(top5), ""])
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        let lines = rows.map { row in
            row.enumerated().map { column, cell in
                let pad = String(repeating: " ", count: widths[column] - cell.count)
                return column == 0 ? cell + pad : pad + cell
            }.joined(separator: "  ").reversed().drop { $0 == " " }.reversed()
        }.map { String($0) }
        let summary = "top-1 \(points(top1)), top-5 \(points(top5)), mean class accuracy \(points(meanClassAccuracy))"
        return (lines + ["", summary]).joined(separator: "\n")
    }
}
