/// The paper's own numbers beside a study's cells (Zoph et al. 2020, arXiv:2006.06882v2; docs/paper.md), in points. Its
/// ImageNet start stands here for any start that is not learned in the study.
struct PaperTables {
    /// What is measured.
    var metric: String
    /// ResNet-50 has a table of its own.
    var isResNet50: Bool

    /// The paper's number of a cell; nil where it has none or the metric is another.
    func points(_ start: String, _ method: StudyMethod, _ augment: String, _ labels: String) -> Double? {
        guard start != "classes", let policy = ["S1", "S2", "S3", "S4"].firstIndex(of: augment) else { return nil }
        switch metric {
        case "AP" where isResNet50: return policy == 3 && labels == "100%" ? Self.table4(start, method) : nil
        case "AP": return start == "simclr" ? nil : Self.ap(start, method, policy, labels)
        case "mIoU": return labels == "100%" ? Self.meanIoU(start, method, policy) : nil
        default: return nil
        }
    }

    /// What the paper's number of a cell is held against: its supervised training, and of that its random start.
    func base(_ start: String, _ method: StudyMethod, _ augment: String, _ labels: String) -> Double? {
        if method != .supervised { return points(start, .supervised, augment, labels) }
        return start == "random" ? nil : points("random", method, augment, labels)
    }

    /// What the numbers are of.
    var source: String {
        if metric == "mIoU" {
            return
                "Zoph et al. 2020, Tables 8 and 11, mIoU on PASCAL VOC 2012 of NAS-FPN on EfficientNet-B7, 1,464 labelled "
                + "pictures and a pool of 9,118; for any start but random its ImageNet start, or, where its name says noisy, ImageNet++"
        }
        return isResNet50
            ? "Zoph et al. 2020, Table 4, AP on COCO of ResNet-50; for any start but random and simclr its ImageNet start"
            : "Zoph et al. 2020, Tables 2, 3 and 7 and Figure 3, AP on COCO of EfficientNet-B7; for any start but random its "
                + "ImageNet start, or, where its name says noisy, ImageNet++"
    }

    /// Of RetinaNet on ResNet-50, S4, all labels.
    private static func table4(_ start: String, _ method: StudyMethod) -> Double? {
        switch (start, method) {
        case ("random", .supervised): 41.1
        case ("random", .selfTraining): 41.9
        case (_, .supervised): 40.4
        default: nil
        }
    }

    /// Tables 2, 3 and 7 and Figure 3 of RetinaNet on EfficientNet-B7.
    private static func ap(_ start: String, _ method: StudyMethod, _ policy: Int, _ labels: String) -> Double? {
        let isRandom = start == "random"
        let isStrongest = policy == 3
        if isNoisyStudent(start) { return noisyStudent(method, policy, labels) }
        switch (method, labels) {
        case (.supervised, "100%"): return (isRandom ? [39.2, 41.5, 43.9, 44.3] : [39.5, 40.7, 43.2, 43.3])[policy]
        case (.supervised, "50%"): return (isRandom ? [33.5, 35.6, 38.4, 39.6] : [35.6, 36.4, 38.5, 38.8])[policy]
        case (.supervised, "20%"): return (isRandom ? [22.7, 26.2, 29.8, 30.7] : [29.9, 31.1, 33.0, 33.3])[policy]
        case (.selfTraining, "100%"): return isRandom ? [40.9, 43.0, 45.4, 45.6][policy] : isStrongest ? 44.6 : nil
        case (.selfTraining, "50%"): return isStrongest ? (isRandom ? 41.4 : 40.5) : nil
        case (.selfTraining, "20%"): return isStrongest ? (isRandom ? 34.1 : 36.0) : nil
        case (.joint, "20%"): return isStrongest ? (isRandom ? 33.6 : 34.0) : nil
        case (.both, "20%"): return isStrongest ? (isRandom ? 35.1 : 36.6) : nil
        default: return nil
        }
    }

    /// A file whose name says that it is Noisy Student's is the paper's ImageNet++ start.
    private static func isNoisyStudent(_ start: String) -> Bool {
        let name = start.lowercased()
        return name.contains("noisy") || name.contains("imagenet++")
    }

    /// Of that start: Table 3 and Figure 3.
    private static func noisyStudent(_ method: StudyMethod, _ policy: Int, _ labels: String) -> Double? {
        switch (method, labels) {
        case (.supervised, "100%"): [40.9, 41.3, 43.4, 43.8][policy]
        case (.supervised, "50%"): [38.1, 38.7, 40.0, 39.9][policy]
        case (.supervised, "20%"): [33.5, 34.0, 35.6, 35.9][policy]
        case (.selfTraining, "100%"): policy == 3 ? 44.6 : nil
        case (.selfTraining, "50%"): policy == 3 ? 41.5 : nil
        case (.selfTraining, "20%"): policy == 3 ? 37.2 : nil
        default: nil
        }
    }

    /// Tables 8 and 11: S1 and S4 alone.
    private static func meanIoU(_ start: String, _ method: StudyMethod, _ policy: Int) -> Double? {
        func of(_ weak: Double, _ strong: Double) -> Double? { policy == 0 ? weak : policy == 3 ? strong : nil }
        if start == "simclr" { return nil }
        let isNoisyStudent = isNoisyStudent(start)
        switch method {
        case .supervised: return start == "random" ? of(28.4, 41.5) : isNoisyStudent ? of(83.9, 85.2) : of(80.2, 81.4)
        // Table 8 says ImageNet, and its numbers are those of ImageNet++ in Table 11.
        case .human where isNoisyStudent: return of(84.7, 84.8)
        case .selfTraining where isNoisyStudent: return of(85.6, 86.7)
        default: return nil
        }
    }
}
