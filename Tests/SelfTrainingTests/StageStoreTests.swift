import Base
import Glibc
import Recipes
import Testing

@testable import SelfTraining

@Suite struct StageStoreTests {
    let scratch: Scratch
    let store: StageStore

    init() throws {
        scratch = try Scratch()
        store = StageStore(besideRun: scratch.file("runs/a/"))
    }

    private func identity(_ n: Int) -> StageIdentity {
        StageIdentity(kind: "train", format: 1, keys: ["n": .int(n)], inputs: [])
    }

    @Test func aStageIsMadeOnceAndFoundAgain() throws {
        #expect(store.folder == scratch.file("runs/.stages"))
        var made = 0
        for _ in 0..<2 {
            let stage = try store.stage(identity(1)) { folder throws(Failure) in
                made += 1
                #expect(folder.hasSuffix(".partial"))
                try Files.write("x", to: Files.join(folder, "work"))
                return ["value": .int(7)]
            }
            #expect(stage.result["value"]?.int == 7)
            #expect(try Files.readText(stage.file("work")) == "x")
            #expect(Files.folder(stage.path) == store.folder && stage.path.hasSuffix(identity(1).name))
        }
        #expect(made == 1)
        _ = try store.stage(identity(2)) { _ throws(Failure) in
            made += 1; return [:]
        }
        #expect(made == 2)
    }

    /// What fails is no stage; the next try finds its earlier work.
    @Test func unfinishedWorkIsKeptAndNotTakenForDone() throws {
        #expect(throws: Failure.self) {
            _ = try store.stage(identity(1)) { folder throws(Failure) in
                try Files.write("half", to: Files.join(folder, "state"))
                // What a killed process leaves of a file; the other name is the user's own.
                try Files.write("ha", to: Files.join(folder, "weights.safetensors.123.partial"))
                try Files.write("x", to: Files.join(folder, "7.partial"))
                throw .data("broken")
            }
        }
        #expect(try store.finished(identity(1)) == nil)
        _ = try store.stage(identity(1)) { folder throws(Failure) in
            #expect((try? Files.readText(Files.join(folder, "state"))) == "half")
            #expect((try? Files.list(folder).sorted()) == ["7.partial", "state"])
            return [:]
        }
        #expect(try store.finished(identity(1)) != nil)
    }

    /// Killed behind its last line, a training is not trained again.
    @Test func whatIsDoneAndHasNoNameYetGetsIt() throws {
        let stage = try store.stage(identity(1)) { folder throws(Failure) in
            try Files.makeFolder(Files.join(folder, "state"))
            try Files.write("w", to: Files.join(folder, "weights"))
            return ["value": .int(7)]
        }
        #expect(try Files.list(stage.path) == ["stage.json", "weights"])
        let partial = stage.path + ".partial"
        try Files.publish(stage.path, as: partial)
        try Files.makeFolder(Files.join(partial, "state"))
        let again = try store.stage(identity(1)) { _ throws(Failure) in throw .data("made anew") }
        #expect(again.result["value"]?.int == 7 && again.path == stage.path)
        #expect(try Files.list(stage.path) == ["stage.json", "weights"])
        // A record of something else is none.
        try Files.publish(stage.path, as: Files.join(store.folder, identity(2).name + ".partial"))
        let other = try store.stage(identity(2)) { _ throws(Failure) in ["value": .int(8)] }
        #expect(other.result["value"]?.int == 8)
    }

    @Test func aFolderWithAnotherIdentityIsRefused() throws {
        let stage = try store.stage(identity(1)) { _ throws(Failure) in [:] }
        let record = try Files.readText(stage.file("stage.json"))
        try Files.write(record.replacing("\"n\": 1", with: "\"n\": 2"), to: stage.file("stage.json"))
        let failure = #expect(throws: Failure.self) { _ = try store.finished(identity(1)) }
        #expect(failure?.code == .invalidData && failure?.message.contains("remove the folder") == true)
    }

    /// A lock is the open file's, so another object in this process is as good as another process.
    @Test(arguments: [true, false]) func aSecondProcessAtTheSameStageWaits(firstFinishes: Bool) throws {
        let (store, second) = (store, identity(1))
        let said = Monitor<[String]>([])
        let stage = Monitor<Result<Stage, Failure>?>(nil)
        func first() throws(Failure) {
            _ = try store.stage(second) { folder throws(Failure) in
                try Files.write("first", to: Files.join(folder, "f"))
                startThread {
                    let made = Result { () throws(Failure) in
                        try store.stage(second, log: { line in said.withLock { $0.append(line) } }) {
                            folder throws(Failure) in
                            // What the first left is there to go on with.
                            ["by": .string("second after " + (try Files.readText(Files.join(folder, "f"))))]
                        }
                    }
                    stage.withLock { $0 = made }
                }
                said.wait(until: { !$0.isEmpty }) { _ in }
                #expect(stage.withLock { $0 == nil })
                guard firstFinishes else { throw .data("given up") }
                return ["by": "first"]
            }
        }
        if firstFinishes { try first() } else { #expect(throws: Failure.self) { try first() } }
        stage.wait(until: { $0 != nil }) { _ in }
        let made = try #require(stage.withLock { $0 }).get()
        #expect(made.result["by"]?.string == (firstFinishes ? "first" : "second after first"))
        #expect(said.withLock { $0 } == ["another process (\(getpid())) is at \(second.name); waiting for it"])
    }

    @Test func linksAreRelativeAndReplaced() throws {
        let run = scratch.file("runs/a")
        let one = try store.stage(identity(1)) { folder throws(Failure) in
            try Files.write("one", to: Files.join(folder, "f")); return [:]
        }
        let two = try store.stage(identity(2)) { folder throws(Failure) in
            try Files.write("two", to: Files.join(folder, "f")); return [:]
        }
        try store.link(one.name, from: run, as: "seed_1/teacher")
        #expect(try Files.readText(Files.join(run, "seed_1/teacher/f")) == "one")
        try store.link(two.name, from: run, as: "seed_1/teacher")
        #expect(try Files.readText(Files.join(run, "seed_1/teacher/f")) == "two")
        // Moved together, they still point to each other.
        try Files.publish(scratch.file("runs"), as: scratch.file("elsewhere"))
        #expect(try Files.readText(scratch.file("elsewhere/a/seed_1/teacher/f")) == "two")
    }

    /// A run folder may be a link to another disk: its stages lie beside the link, and its own links find them.
    @Test func linksLeadOutOfAFolderThatIsALink() throws {
        try Files.makeFolder(scratch.file("disk/deep/a"))
        try Files.makeFolder(scratch.file("runs"))
        try Files.link("../disk/deep/a", at: scratch.file("runs/a"))
        let one = try store.stage(identity(1)) { folder throws(Failure) in
            try Files.write("one", to: Files.join(folder, "f")); return [:]
        }
        for name in ["teacher", "seed_1/eval/teacher"] {
            try store.link(one.name, from: scratch.file("runs/a"), as: name)
            #expect(try Files.readText(scratch.file("runs/a/\(name)/f")) == "one")
            #expect(Files.target(ofLink: scratch.file("runs/a/\(name)"))?.hasPrefix("../") == true)
        }
    }

    @Test func theFolderOneStandsInIsARunLikeAnyOther() async {
        // A process of its own, since all threads stand in one folder.
        await #expect(processExitsWith: .success) {
            let scratch = try Scratch()
            try withExtendedLifetime(scratch) {
                try Files.makeFolder(scratch.file("runs/a"))
                try #require(chdir(scratch.file("runs/a")) == 0)
                let store = StageStore(besideRun: ".")
                #expect(try store.folder == Files.absolute(scratch.file("runs")) + "/.stages")
                let identity = StageIdentity(kind: "train", format: 1, keys: [:], inputs: [])
                let stage = try store.stage(identity) { folder throws(Failure) in
                    try Files.write("one", to: Files.join(folder, "f")); return [:]
                }
                for name in ["teacher", "seed_1/teacher"] {
                    try store.link(stage.name, from: ".", as: name)
                    #expect(try Files.readText(name + "/f") == "one")
                }
            }
        }
    }

    @Test func onlyLinksToStagesAreRemoved() throws {
        let run = scratch.file("runs/a")
        let one = try store.stage(identity(1)) { _ throws(Failure) in [:] }
        for name in ["teacher", "eval/teacher", "pseudo/scores"] { try store.link(one.name, from: run, as: name) }
        try Files.write("mine", to: Files.join(run, "eval/student"))
        try Files.link("../../elsewhere", at: Files.join(run, "pseudo/round_1"))
        try store.removeLinks(
            ["teacher", "student", "eval/teacher", "eval/student", "pseudo/scores", "pseudo/round_1"], from: run)
        #expect(try Files.list(run) == ["eval", "pseudo"])
        #expect(try Files.list(Files.join(run, "eval")) == ["student"])
        #expect(try Files.list(Files.join(run, "pseudo")) == ["round_1"])
        #expect(Files.exists(one.path))
    }
}
