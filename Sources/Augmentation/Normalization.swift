/// What is subtracted from each channel of 0...1 and what it is divided by before the network sees it.
public struct Normalization: Hashable, Sendable {
    /// Per channel (red, green, blue), of values 0...1.
    public var mean: SIMD3<Double>
    /// Per channel, of values 0...1.
    public var deviation: SIMD3<Double>

    /// A normalisation `(value / 255 - mean) / deviation`.
    public init(mean: SIMD3<Double>, deviation: SIMD3<Double>) {
        precondition(
            (0..<3).allSatisfy { deviation[$0] > 0 }, "a normalisation's deviations are positive, not \(deviation)")
        self.mean = mean
        self.deviation = deviation
    }

    /// Means (0.485, 0.456, 0.406) and deviations (0.229, 0.224, 0.225) of ImageNet: what the paper's code and every
    /// torchvision backbone use.
    public static let imageNet = Normalization(mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])
    /// Values 0...1 as they are.
    public static let none = Normalization(mean: [0, 0, 0], deviation: [1, 1, 1])

    /// The normalised value of a byte is `byte * scale + bias`.
    var scale: SIMD3<Float> { SIMD3<Float>(1 / (255 * deviation)) }
    var bias: SIMD3<Float> { SIMD3<Float>(-mean / deviation) }
}
