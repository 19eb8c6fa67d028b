import Base

/// How a file of weights is written.
public enum WeightsForm: String, Sendable {
    case safetensors
    /// What `torch.save` writes since 1.6: a zip archive with a pickle and a member for each storage.
    case torchZip = "PyTorch zip"
    /// What `torch.save` wrote before: pickles, with the storages behind them.
    case torchPickle = "PyTorch pickle"
}

/// A file of named tensors, mapped into memory: names, types, shapes and places, all checked on opening.
///
/// Nothing of a file is ever executed: a pickle is read by a parser that knows tensors and plain containers, and that
/// refuses everything else by its name.
public class WeightsFile: @unchecked Sendable {
    // @unchecked: everything is set once in init, and the mapped pages are read-only.

    /// The path that was opened.
    public let path: String
    /// How the file is written.
    public let form: WeightsForm
    /// The tensors: of a safetensors file in the order of their bytes, of a PyTorch file in that of its dictionary.
    public let entries: [TensorEntry]
    /// The file's own notes: text by name. Of a PyTorch file, the texts and numbers beside its tensors, such as `epoch`.
    public let metadata: [String: String]
    /// What was chosen or left out on the way to `entries`, for a log: a sentence each, without the path.
    public let notes: [String]
    private let file: MappedFile
    private let positions: [String: Int]

    /// A file that was read already.
    /// - Precondition: no two entries have one name.
    init(_ path: String, _ file: MappedFile, _ form: WeightsForm, _ contents: WeightsContents) {
        self.path = path
        self.file = file
        self.form = form
        entries = contents.entries
        metadata = contents.metadata
        notes = contents.notes
        positions = Dictionary(uniqueKeysWithValues: contents.entries.enumerated().map { ($1.name, $0) })
    }

    /// Opens a file of any form that is read; its content tells which, not its name.
    ///
    /// A safetensors file is its tensors. A PyTorch file is what somebody handed to `torch.save`, so the state dictionary
    /// in it is searched:
    ///
    /// 1. under the first of `state_dict_ema`, `model_ema`, `ema`, `state_dict`, `model_state_dict`, `model`, `module`
    ///    and `net` that is a dictionary of tensors, by this rule again (averaged weights first, as timm does);
    /// 2. else the dictionary itself, where tensors are directly in it; dictionaries inside it are joined by dots;
    /// 3. else its only member that is such a dictionary.
    ///
    /// A prefix `module.` that all names share (`DataParallel` puts it there) is taken off; the counter `n_averaged`,
    /// which `AveragedModel` puts beside names with that prefix, is left out.
    ///
    /// - Parameters:
    ///   - path: a safetensors file, or what `torch.save` wrote, now or before version 1.6.
    ///   - key: the member of a PyTorch file in which to search; dots lead into members of members.
    /// - Throws: `.invalidData` naming the file, and the tensor, class, opcode or byte at fault; where several members
    ///   could be meant, a list of them.
    public static func open(_ path: String, key: String? = nil) throws(Failure) -> WeightsFile {
        let file = try MappedFile(path)
        switch FileKind(file.bytes) {
        case .safetensors:
            if let key {
                throw .data("\(path) is a safetensors file: it has one dictionary, and no \"\(key)\" to choose")
            }
            return try SafetensorsFile(path, file)
        case .zip:
            return WeightsFile(path, file, .torchZip, try TorchFile.zip(file.bytes, file: path, key: key))
        case .pickle:
            return WeightsFile(path, file, .torchPickle, try TorchFile.pickle(file.bytes, file: path, key: key))
        case .other(let guess):
            throw .data("\(path) is neither a safetensors file nor one of PyTorch" + (guess.map { " (\($0))" } ?? ""))
        }
    }

    /// The entry of that name, or nil.
    public subscript(_ name: String) -> TensorEntry? { positions[name].map { entries[$0] } }

    /// The entry of that name.
    /// - Throws: `.invalidData` naming the file and the nearest name it has.
    public func entry(_ name: String) throws(Failure) -> TensorEntry {
        if let entry = self[name] { return entry }
        throw .data("\(path) has no tensor \"\(name)\"" + didYouMean(name, entries.map(\.name)))
    }

    /// What `body` makes of the tensor's bytes (row-major, little-endian; valid inside the call only).
    ///
    /// They are the mapped ones, or a copy where the file has the elements in another order. Files written by the house
    /// or by the Python packages align each tensor to its element, but for PyTorch's old form; others need not.
    /// - Precondition: `entry` is of this file.
    public func withBytes<R, E: Error>(
        of entry: TensorEntry, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        precondition(self[entry.name] == entry, "tensor \(entry.name) is not an entry of \(path)")
        let bytes = UnsafeRawBufferPointer(rebasing: file.bytes[entry.range])
        guard let strides = entry.strides else { return try body(bytes) }
        let copy = rowMajor(bytes, shape: entry.shape, strides: strides, width: entry.type.byteCount)
        let outcome = copy.withUnsafeBytes { buffer in Result { () throws(E) in try body(buffer) } }
        return try outcome.get()
    }
}

/// A safetensors file: the form in which the house writes.
public final class SafetensorsFile: WeightsFile, @unchecked Sendable {
    /// Opens and checks a file that has to be of this form.
    /// - Throws: `.invalidData` naming the file, and the tensor where one is at fault.
    public convenience init(_ path: String) throws(Failure) { try self.init(path, try MappedFile(path)) }

    init(_ path: String, _ file: MappedFile) throws(Failure) {
        let header = try SafetensorsHeader(file.bytes, file: path)
        let contents = WeightsContents(entries: header.entries, metadata: header.metadata)
        super.init(path, file, .safetensors, contents)
    }
}

/// What a file turned out to hold.
struct WeightsContents {
    var entries: [TensorEntry] = []
    var metadata: [String: String] = [:]
    var notes: [String] = []
}
