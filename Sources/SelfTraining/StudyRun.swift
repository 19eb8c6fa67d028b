import Annotations
import Base
import Journal
import Training

/// A grid of self-training runs over one store of stages: what runs have in common is made once. Seed after seed, so that
/// all of the grid can be compared at any time; an arm that fails does not lose the others.
public struct StudyRun<Model: Teacher>: Sendable {
    /// A point of the grid.
    public struct Cell: Sendable {
        /// What is run there; its own start is not looked at.
        public var run: SelfTrainingRun<Model>
        /// With so many seeds.
        public var seeds: Int
        /// Where the teacher begins with a seed: finds or makes what that needs.
        public var start: @Sendable (_ seed: UInt64) throws(Failure) -> Start

        /// A point of a grid.
        public init(
            run: SelfTrainingRun<Model>, seeds: Int,
            start: @escaping @Sendable (_ seed: UInt64) throws(Failure) -> Start
        ) {
            self.run = run
            self.seeds = seeds
            self.start = start
        }
    }

    let cells: [Cell]
    let log: @Sendable (String) -> Void

    /// A study; `log` gets a sentence for the user now and then.
    public init(_ cells: [Cell], log: @escaping @Sendable (String) -> Void) {
        self.cells = cells
        self.log = log
    }

    /// Runs what is not done yet.
    ///
    /// - Parameters:
    ///   - only: of all seeds this one.
    ///   - each: gets every fold when it is there, with its place in the grid.
    /// - Throws: `.interrupted` or `.terminated` after a signal, `.usage` and `.environment`; what concerns one arm alone is
    ///   in its fold's `failures`.
    public func run(only: UInt64? = nil, each: (_ cell: Int, Fold) throws(Failure) -> Void) throws(Failure) {
        let most = cells.map(\.seeds).max() ?? 0
        for i in 0..<most {
            for (place, cell) in cells.enumerated() where i < cell.seeds {
                let seed = cell.run.options.teacher.seed + UInt64(i)
                if let only, seed != only { continue }
                let start: Start
                do throws(Failure) { start = try cell.start(seed) } catch {
                    guard [.diverged, .invalidData, .device].contains(error.code) else { throw error }
                    log("\(cell.run.place.dropLast()) seed \(seed): its start failed: \(error.message)")
                    try each(place, try cell.run.failed(seed, error))
                    continue
                }
                try each(place, try cell.run.fold(seed, start: start, goesOn: true))
            }
        }
    }
}

extension SelfTrainingRun {
    /// A fold none of whose arms could begin.
    func failed(_ seed: UInt64, _ failure: Failure) throws(Failure) -> Fold {
        let split = try Split(of: data.train, options.labels, seed: seed)
        let human = try data.train.split(split).labelled.heldOut(options.holdOut, seed: seed).rest
        var fold = Fold(
            seed: seed, split: split, human: Model.density(human), humanImages: human.examples.count)
        for arm in options.arms.union([.teacher]) { fold.failures[arm] = failure }
        return fold
    }
}
