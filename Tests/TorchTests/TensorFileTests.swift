import Base
import Checkpoints
import Glibc
import Testing
import Torch

@Suite(.serialized) struct TensorFileTests {
    private func temporary(_ name: String) -> String { "/tmp/pupil-tensorfile-\(getpid())-\(name).safetensors" }

    /// A tensor of the type with values that every type can hold, and some that the wide ones alone can.
    private func sample(_ dtype: DType, _ shape: [Int]) -> Tensor {
        let count = shape.reduce(1, *)
        if dtype == .bool { return Tensor((0..<count).map { $0 % 3 == 1 }, shape: shape) }
        let values = (0..<count).map {
            Double($0 * 7 % 11) - (dtype == .uint8 ? 0 : 5) + (dtype.isFloatingPoint ? 0.25 : 0)
        }
        return Tensor(values, shape: shape).to(dtype)
    }

    @Test func everyTypeComesBack() throws {
        let path = temporary("types")
        defer { unlink(path) }
        var tensors: [(name: String, tensor: Tensor)] = []
        for dtype in DType.allCases {
            for shape in [[2, 3], [], [0, 4], [2, 3, 2, 2]] {
                tensors.append(("\(dtype).\(shape)", sample(dtype, shape)))
            }
        }
        tensors.append(("channelsLast", sample(.float32, [2, 3, 4, 5]).channelsLast()))
        tensors.append(("view", sample(.float32, [4, 6]).transposed(0, 1).narrowed(0, start: 1, length: 3)))
        tensors.append(("extremes", Tensor([.nan, .infinity, -.infinity, -0.0, .leastNonzeroMagnitude] as [Double])))
        try TensorFile.write(tensors, metadata: ["a": "b"], to: path)
        let file = try SafetensorsFile(path)
        #expect(file.metadata["a"] == "b")
        #expect(file.entries.count == tensors.count)
        let fresh = tensors.map { (name: $0.name, tensor: Tensor.ones($0.tensor.shape, $0.tensor.dtype)) }
        try TensorFile.load(fresh, from: file)
        for (old, new) in zip(tensors, fresh) { #expect(old.tensor.bytes() == new.tensor.bytes(), "\(old.name)") }
        // Into another memory layout: elements keep their places.
        let into = Tensor.zeros([2, 3, 4, 5]).channelsLast()
        try TensorFile.load([("channelsLast", into)], from: file)
        #expect(into.isChannelsLast && into.floats == sample(.float32, [2, 3, 4, 5]).floats)
        // The same tensors give the same bytes.
        let first = try Files.read(path)
        try TensorFile.write(tensors, metadata: ["a": "b"], to: path)
        #expect(try Files.read(path) == first)
    }

    @Test func loadingLeavesATrainedTensorTrained() throws {
        let path = temporary("trained")
        defer { unlink(path) }
        let w = Tensor([1, 2, 3] as [Float])
        try TensorFile.write([("w", w)], metadata: [:], to: path)
        let leaf = Tensor.zeros([3])
        leaf.requiresGradient = true
        try TensorFile.load([("w", leaf)], from: try SafetensorsFile(path))
        #expect(leaf.requiresGradient && leaf.floats == [1, 2, 3])
        leaf.square().sum().backward()
        #expect(leaf.gradient?.floats == [2, 4, 6])
    }

    @Test func errorsNameFileTensorAndWhatWasExpected() throws {
        let path = temporary("errors")
        defer { unlink(path) }
        try TensorFile.write(
            [("layer1.weight", Tensor.zeros([2, 3])), ("layer1.bias", Tensor.zeros([2], .float64))], metadata: [:],
            to: path)
        let file = try SafetensorsFile(path)
        func message(_ name: String, _ tensor: Tensor) -> String {
            let failure = #expect(throws: Failure.self) { try TensorFile.load([(name, tensor)], from: file) }
            #expect(failure?.code == .invalidData)
            return failure?.message ?? ""
        }
        let missing = message("layer1.weigth", Tensor.zeros([2, 3]))
        #expect(missing.contains(path) && missing.contains("layer1.weigth") && missing.contains("layer1.weight"))
        let shape = message("layer1.weight", Tensor.zeros([3, 2]))
        #expect(shape.contains(path) && shape.contains("[2, 3]") && shape.contains("[3, 2]"))
        let type = message("layer1.bias", Tensor.zeros([2]))
        #expect(type.contains(path) && type.contains("F64") && type.contains("F32"))
    }

    @Test func aFolderThatIsNotThereIsNamed() {
        let path = "/tmp/pupil-no-such-folder-\(getpid())/w.safetensors"
        let failure = #expect(throws: Failure.self) {
            try TensorFile.write([("w", Tensor.zeros([1]))], metadata: [:], to: path)
        }
        #expect(failure?.message.contains(path) == true)
    }
}
