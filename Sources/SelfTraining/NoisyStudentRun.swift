import Annotations
import Base
import Training

/// Noisy Student (Xie et al. 2020; docs/pretraining.md): a teacher learns from labelled pictures; it names the classes of
/// unlabelled ones; a noised student, as large or larger, learns from both and is the next round's teacher.
public struct NoisyStudentRun: Sendable {
    /// How the first teacher is trained.
    public var teacher: TrainingRecipe
    /// How each student is trained; its batch counts labelled pictures.
    public var student: TrainingRecipe
    /// Rounds of labelling and learning.
    public var rounds: Int
    /// Pseudo-labelled pictures a labelled one in a student's step.
    public var ratio: Int
    /// Which of a teacher's classes are learned.
    public var choice: LabelChoice
    /// Where the teacher begins.
    public var start: Start
    /// Where each student begins.
    public var studentStart: Start
    /// What a teacher sees of a picture.
    public var looking: Classifier.InferenceOptions

    /// A run; nothing is checked before it is made.
    public init(
        teacher: TrainingRecipe, student: TrainingRecipe, rounds: Int, ratio: Int, choice: LabelChoice, start: Start,
        studentStart: Start, looking: Classifier.InferenceOptions
    ) {
        self.teacher = teacher
        self.student = student
        self.rounds = rounds
        self.ratio = ratio
        self.choice = choice
        self.start = start
        self.studentStart = studentStart
        self.looking = looking
    }

    /// A teacher or a student, and how good it is.
    public struct Generation: Sendable {
        /// `teacher`, `student 1`, and on.
        public var name: String
        /// Its training.
        public var stage: Stage
        /// `metrics.json` on the pictures to measure on; nil where there are none.
        public var metrics: JSON?
        /// What it learned from beside people's labels, as `summary.json` has it; nil: nothing.
        public var labels: JSON?
    }

    /// Runs what is not done yet.
    ///
    /// - Parameter link: is told of each stage and what it is to be called in the run's folder.
    /// - Throws: where no class is sure enough, and what training throws.
    public func run(
        _ labelled: Dataset, pool: Dataset, validation: Dataset?, stages: Stages<Classifier>,
        link: (_ stage: Stage, _ name: String) throws(Failure) -> Void, log: @Sendable (String) -> Void
    ) throws(Failure) -> [Generation] {
        var generations: [Generation] = []
        func add(_ name: String, _ stage: Stage, _ labels: JSON?) throws(Failure) {
            let folder = name.replacing(" ", with: "_")
            try link(stage, folder)
            var metrics: JSON?
            if let validation {
                let scored = try stages.evaluate(
                    stage, on: validation, named: "validation", precision: student.precision, label: name)
                try link(scored, "eval/" + folder)
                metrics = scored.result
            }
            generations.append(Generation(name: name, stage: stage, metrics: metrics, labels: labels))
        }
        var current = try stages.train(
            teacher, Lesson(human: labelled, humanImages: teacher.batch), start: start, label: "teacher")
        try add("teacher", current, nil)
        for round in 1...max(1, rounds) {
            let scored = try stages.label(current, pool: pool, looking, label: "labelling \(round)")
            let (stage, labels) = try stages.choose(scored, root: pool.root, choice, human: nil)
            try link(stage, "pseudo/round_\(round)")
            log("round \(round): \(labels.sentence)")
            var lesson = Lesson(
                human: labelled, humanImages: student.batch,
                pseudo: Lesson.Pseudo(
                    labels: labels.dataset, stage: stage, images: ratio * student.batch, alpha: Double(ratio),
                    isNormalized: false))
            lesson.round = round
            current = try stages.train(student, lesson, start: studentStart, label: "student \(round)")
            try add("student \(round)", current, labels.json)
        }
        return generations
    }
}
