/// The paper's own numbers beside a study's cells (Zoph et al. 2020, arXiv:2006.06882v2; docs/paper.md): COCO AP in points of
/// RetinaNet on EfficientNet-B7, from random weights or ImageNet's, which stand here for any start that is
/// not learned in the study; of SimCLR the one cell of Table 4.
enum PaperTables {
    /// Tables 2 and 3 and Figure 3: a method by the start's kind, the policy and the share of labels in percent.
    static func ap(_ start: String, _ method: StudyMethod, _ augment: String, _ labels: String) -> Double? {
        let policies = ["S1", "S2", "S3", "S4"]
        guard let policy = policies.firstIndex(of: augment) else { return nil }
        let isRandom = start == "random"
        if start == "simclr" { return method == .supervised && augment == "S4" && labels == "100%" ? 40.4 : nil }
        if start == "classes" { return nil }
        switch (method, labels) {
        case (.supervised, "100%"): return (isRandom ? [39.2, 41.5, 43.9, 44.3] : [39.5, 40.7, 43.2, 43.3])[policy]
        case (.supervised, "50%"): return (isRandom ? [33.5, 35.6, 38.4, 39.6] : [35.6, 36.4, 38.5, 38.8])[policy]
        case (.supervised, "20%"): return (isRandom ? [22.7, 26.2, 29.8, 30.7] : [29.9, 31.1, 33.0, 33.3])[policy]
        case (.selfTraining, "100%"): return isRandom ? [40.9, 43.0, 45.4, 45.6][policy] : augment == "S4" ? 44.6 : nil
        case (.selfTraining, "50%"): return augment == "S4" ? (isRandom ? 41.4 : 40.5) : nil
        case (.selfTraining, "20%"): return augment == "S4" ? (isRandom ? 34.1 : 36.0) : nil
        case (.joint, "20%"): return augment == "S4" ? (isRandom ? 33.6 : 34.0) : nil
        case (.both, "20%"): return augment == "S4" ? (isRandom ? 35.1 : 36.6) : nil
        default: return nil
        }
    }
}
