import Annotations
import Base
import Geometry
import Glibc
import Journal
import Models
import Recipes
import Training

/// `pupil check`: what is in a set, what is wrong with it, and a mended copy.
enum CheckVerb {
    static let schema = Schema(
        verb: "check", summary: "Look at a labelled set before training: what is in it and what is wrong with it.",
        positional: ["data"],
        keys: [
            Key(
                "data", .path, group: "data",
                help: "The labelled set to check. \(CommonKeys.forms) With masks: a VOC folder or a COCO panoptic file."
            ),
            TaskKeys.task,
            Key("images", .path, group: "data", help: "Its pictures. Default: where its form has them."),
            Key("val", .path, group: "data", help: "A set to check with, which must not share pictures with DATA."),
            Key("val-images", .path, group: "data", help: CommonKeys.othersPictures),
            Key(
                "test", .path, group: "data", help: "A set to report on, which must not share pictures with the others."
            ),
            Key("test-images", .path, group: "data", help: CommonKeys.othersPictures),
            CommonKeys.classes, CommonKeys.vocPixels,
            Key(
                "unlabelled", .list(of: .path), group: "data",
                help: "Folders of unlabelled pictures, which must not hold those of --val and --test."),
            Key(
                "pixels", .bool, default: true, group: "checks",
                help: "Decode every picture, for damage and likeness; without, headers only."),
            Key(
                "model", .string, group: "checks",
                help: "Also: do this model's anchors reach the boxes? `pupil models` lists the names."),
            Key(
                "size", .integer(32...4096), group: "checks", help: "The canvas for --model. Default: the model's own."),
            Key(
                "fix", .path, group: "output",
                help: "A new folder for a mended copy of DATA's annotations (COCO); the pictures stay where they are."),
            CommonKeys.json,
            Key(
                "threads", .integer(1...1024), group: "machine", affectsResult: false,
                help: "Threads that read pictures. Default: the processors this process may use."),
        ] + TaskKeys.masks)

    static func run(_ arguments: [String]) throws(Failure) -> ExitCode {
        let settings = try schema.parse(arguments)
        let threads = settings.optionalInt("threads") ?? availableProcessors()
        let hasMasks = settings.value("masks") != nil || settings.string("task") == TaskName.segmentation.rawValue
        if !hasMasks, let key = TaskKeys.masks.first(where: { settings.departs($0.name) }) {
            throw .usage("\(key.flag) goes with --masks or --task segmentation")
        }
        guard settings.value("data") != nil || settings.value("masks") != nil else {
            throw .usage("give DATA (a labelled set), or --images and --masks")
        }
        if hasMasks, let key = ["model", "size", "fix", "voc-pixels"].first(where: { settings.value($0) != nil }) {
            throw .usage("--\(key) is about boxes, and this set has masks")
        }
        if settings.value("size") != nil, settings.value("model") == nil {
            throw .usage("--size belongs to --model, which is not given")
        }
        let model = try settings.optionalString("model").map { name throws(Failure) in
            (name, try Zoo.model(name).size, try Zoo.detector(name, classes: 1))
        }
        let fix = settings.optionalString("fix")
        if let fix, Files.exists(fix), try !(Files.isFolder(fix) ? Files.list(fix) : ["a file"]).isEmpty {
            throw .usage("fix: \(fix) exists and is no empty folder; choose another")
        }
        var report: CheckReport
        do throws(Failure) {
            report = try CheckReport(settings, threads: threads, hasMasks: hasMasks)
        } catch {
            // A finding as well, for those who read findings.
            if settings.bool("json"), error.code == .invalidData {
                print(CheckReport(unreadable: settings.optionalString("data") ?? "", error).json.canonical)
            }
            throw error
        }
        if let (name, size, spec) = model {
            report.checkAnchors(of: name, spec, size: settings.optionalInt("size") ?? size)
        }
        print(settings.bool("json") ? report.json.canonical : Console.harmless(report.text))
        if let fix {
            let changes = try report.writeMended(to: fix)
            Console.standardError.line("\(changes) changes; the mended set is \(Files.join(fix, "annotations.json"))")
        }
        return report.findings.count(.error) > 0 ? .invalidData : .done
    }
}
