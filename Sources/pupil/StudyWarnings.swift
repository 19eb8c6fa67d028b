import Annotations
import Base
import Journal
import Reports
import SelfTraining

/// What of a study's or a run's data makes its answers doubtful.
enum StudyWarnings {
    /// What of the data makes the answers doubtful: classes with next to no label, a teacher that labels far less, or far
    /// more, than people do.
    static func of(_ folds: [(cell: StudyCell, fold: Fold)], _ sets: SelfTrainingSets) -> [String] {
        var warnings: [String] = []
        for cell in Set(folds.map(\.cell)).sorted(by: { $0.name < $1.name }) {
            let own = folds.filter { $0.cell == cell }.map(\.fold)
            let kept = own.compactMap(\.kept).reduce(0) { $0 + $1.all }
            let human = own.filter { $0.kept != nil }.reduce(0) { $0 + $1.human.all }
            if human > 0, !(0.3...3).contains(kept / human) {
                warnings.append(
                    "\(cell.name): the teacher's labels are \(TextTable.fixed(kept / human * 100, 0))% as dense as people's; "
                        + "a \(kept < human ? "lower" : "higher") --threshold brings them nearer")
            }
            let precisions = own.compactMap { $0.precision?.all }.filter { !$0.isNaN }
            if !precisions.isEmpty {
                let mean = precisions.reduce(0, +) / Double(precisions.count)
                if mean < Self.lowPrecision {
                    warnings.append(
                        "\(cell.name): of the teacher's labels only \(TextTable.fixed(mean * 100, 0))% are right on held-out "
                            + "pictures; a higher --threshold keeps fewer wrong ones")
                }
            }
            // Pixels are many in any picture that shows the class at all.
            let isOfPixels = sets.data.train.maskCoding != nil
            let few = sets.data.train.classes.names.enumerated().filter { i, _ in
                own.contains { fold in
                    let objects = fold.human.perClass[i] * Double(fold.humanImages)
                    return isOfPixels ? objects == 0 : objects < Double(Self.fewObjects)
                }
            }.map(\.element)
            if !few.isEmpty {
                let what = isOfPixels ? "no labelled pixel" : "under \(Self.fewObjects) labelled objects"
                warnings.append("\(cell.name): \(what) in some seed of: \(few.joined(separator: ", "))")
            }
        }
        return warnings
    }

    /// Under which a student mostly learns its teacher's mistakes.
    private static let lowPrecision = 0.5
    /// Objects of a class under which little can be learned of it.
    private static let fewObjects = 10
}
