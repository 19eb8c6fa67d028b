import Base
import Geometry
import Markup

/// Reads a folder of detections with a text file a picture, a line a box.
struct DetectionTexts {
    private let folder: String
    private let dataset: Dataset
    private let lines: DetectionLines
    /// What class numbers count, and the label of each.
    private let numbered: [(name: String, label: Int?)]
    private let labelOfName: [String: Int]

    init(_ folder: String, _ dataset: Dataset, _ lines: DetectionLines, _ classes: [String]?) {
        self.folder = folder
        self.dataset = dataset
        self.lines = lines
        labelOfName = Dictionary(
            dataset.classes.names.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        let labels = labelOfName
        numbered = (classes ?? dataset.classes.names).map { ($0, labels[$0]) }
    }

    func read(_ findings: inout Findings) throws(Failure) -> [[Detection]] {
        let files = try Files.walk(folder).filter { $0.hasSuffix(".txt") }
        if files.isEmpty { throw .data("\(folder): has no text file of detections") }
        let finder = ExampleFinder(dataset)
        var detections = [[Detection]](repeating: [], count: dataset.examples.count)
        var fileOf: [Int: String] = [:]
        for name in files {
            let path = Files.join(folder, name)
            guard let index = finder.find(stem(name)) else {
                findings.add(.annotationWithoutImage, Place(file: path), finder.missing(stem(name)))
                continue
            }
            if let other = fileOf.updateValue(name, forKey: index) {
                findings.add(
                    .imageNameTwice, Place(file: path),
                    "is of the picture \(dataset.examples[index].fileName), as \(other) is; one file a picture was expected"
                )
                continue
            }
            let bytes = try Files.read(path)
            for (line, words) in wordsOfLines(bytes) {
                let place = Place(file: path, line: line)
                do throws(Fault) {
                    detections[index].append(try detection(words, dataset.examples[index], finder))
                } catch {
                    findings.add(error.rule, place, error.message)
                }
            }
        }
        return detections
    }

    private struct Fault: Error {
        var rule: Rule
        var message: String
    }

    /// The name of a class may have spaces in it, so the numbers are counted from the end.
    private func detection(
        _ words: [ArraySlice<UInt8>], _ example: Example, _ finder: ExampleFinder
    ) throws(Fault) -> Detection {
        func text(_ word: ArraySlice<UInt8>) -> String { String(decoding: word.prefix(40), as: UTF8.self) }
        guard words.count >= 6 else {
            let form = lines == .yolo ? "class cx cy w h score" : "class score and four numbers (\(lines.rawValue))"
            throw Fault(rule: .itemMalformed, message: "has \(words.count) columns; expected 6: \(form)")
        }
        var values: [Double] = []
        for word in words.suffix(5) {
            guard let value = decimalNumber(word) else {
                throw Fault(rule: .itemMalformed, message: "\"\(text(word))\" is not a number")
            }
            values.append(value)
        }
        let score = lines == .yolo ? values.removeLast() : values.removeFirst()
        let label = try label(words.dropLast(5).map(text).joined(separator: " "), finder)
        guard score.isFinite, abs(score) <= Double(Float.greatestFiniteMagnitude) else {
            throw Fault(rule: .itemMalformed, message: "the score is not finite")
        }
        let written = values.map(decimal).joined(separator: " ")
        guard values.allSatisfy({ abs($0) < 1e9 }) else {
            throw Fault(rule: .boxNotFinite, message: "the box is not finite or absurdly large")
        }
        let box: Box
        switch lines {
        case .xyxy:
            guard values[0] <= values[2], values[1] <= values[3] else {
                throw Fault(
                    rule: .boxCorners,
                    message: "the box \(written) has its right or lower edge before the other; is it xywh?")
            }
            box = Box(x1: Float(values[0]), y1: Float(values[1]), x2: Float(values[2]), y2: Float(values[3]))
        case .xywh:
            guard values[2] >= 0, values[3] >= 0 else {
                throw Fault(rule: .boxCorners, message: "the box \(written) has a negative side")
            }
            box = Box(x: values[0], y: values[1], width: values[2], height: values[3])
        case .relative, .yolo:
            guard let size = example.size else {
                throw Fault(rule: .imageUnreadable, message: "the size of \(example.fileName) is not known")
            }
            // A detector's boxes may stick out of the picture, but not by much more than its own size.
            guard values.allSatisfy({ abs($0) <= 2 }), values[2] >= 0, values[3] >= 0 else {
                throw Fault(
                    rule: .boxNotRelative,
                    message:
                        "the box \(written) is not made of fractions of the picture's sides, 0...1; is it xyxy or xywh?"
                )
            }
            box = YOLOLabels.box(values[0], values[1], values[2], values[3], in: size)
        }
        return Detection(box: box, label: label, score: Float(score))
    }

    /// By name; a number that is no name counts the classes from 0.
    private func label(_ word: String, _ finder: ExampleFinder) throws(Fault) -> Int {
        if let label = labelOfName[word] { return label }
        guard let number = Int(word) else {
            throw Fault(rule: .annotationWithoutClass, message: finder.unknownClass(word))
        }
        guard numbered.indices.contains(number) else {
            throw Fault(
                rule: .annotationWithoutClass,
                message: "class \(number) is none of the \(numbered.count) classes 0...\(numbered.count - 1)")
        }
        guard let label = numbered[number].label else {
            throw Fault(
                rule: .annotationWithoutClass,
                message: "class \(number) is \(numbered[number].name): \(finder.unknownClass(numbered[number].name))")
        }
        return label
    }
}
