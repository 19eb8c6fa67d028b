import Base
import Geometry
import Glibc
import Imaging

/// One thing that is done to a canvas, of values 0...1, before it is normalised; each clips its result to 0...1.
public enum CanvasOperation: Hashable, Sendable, CustomStringConvertible {
    /// `value * factor`.
    case brightness(Double)
    /// About the mean grey of the canvas.
    case contrast(Double)
    /// About the grey of each pixel; 0 makes it grey.
    case saturation(Double)
    /// A turn of the hue, as a part of a whole one.
    case hue(Double)
    /// A Gaussian cut at `radius` pixels.
    case blur(radius: Int, sigma: Double)

    /// Does it to a canvas `[size.height, size.width, 3]`, in place.
    public func apply(to canvas: UnsafeMutableBufferPointer<Float>, size: Size) {
        switch self {
        case .brightness(let factor): CanvasFilter.brightness(canvas, factor)
        case .contrast(let factor): CanvasFilter.contrast(canvas, factor)
        case .saturation(let factor): CanvasFilter.saturation(canvas, factor)
        case .hue(let shift): CanvasFilter.hue(canvas, shift)
        case .blur(let radius, let sigma): CanvasFilter.blur(canvas, size: size, radius: radius, sigma: sigma)
        }
    }

    /// "contrast 1.31".
    public var description: String {
        func short(_ x: Double) -> String { "\((x * 100).rounded() / 100 + 0)" }  // no -0
        switch self {
        case .brightness(let factor): return "brightness \(short(factor))"
        case .contrast(let factor): return "contrast \(short(factor))"
        case .saturation(let factor): return factor == 0 ? "grey" : "saturation \(short(factor))"
        case .hue(let shift): return "hue \(short(shift))"
        case .blur(let radius, let sigma): return "blur \(short(sigma)) (radius \(radius))"
        }
    }
}

/// A crop of random area and shape, resized to the whole canvas: torchvision's `RandomResizedCrop`, and the crop of
/// ImageNet training (Szegedy et al. 2015).
public struct RandomResizedCrop: Hashable, Sendable {
    /// Part of the picture's area, 0...1.
    public var area: ClosedRange<Double>
    /// Width by height.
    public var ratio: ClosedRange<Double>

    /// A crop; without more it is ImageNet's.
    /// - Precondition: areas are above 0 and at most 1, ratios positive.
    public init(area: ClosedRange<Double> = 0.08...1, ratio: ClosedRange<Double> = 3.0 / 4...4.0 / 3) {
        precondition(
            area.lowerBound > 0 && area.upperBound <= 1 && ratio.lowerBound > 0, "a crop of \(area) and \(ratio)")
        self.area = area
        self.ratio = ratio
    }

    /// The window of a picture. The shape's logarithm is uniform. Ten tries; if none fits, the greatest window in the middle
    /// whose shape is in range.
    public func window(of size: Size, random: inout Random) -> PixelRect {
        for _ in 0..<10 {
            let share = random.uniform(area.lowerBound, area.upperBound) * Double(size.width * size.height)
            let shape = exp(random.uniform(log(ratio.lowerBound), log(ratio.upperBound)))
            let width = Int((share * shape).squareRoot().rounded(.toNearestOrEven))
            let height = Int((share / shape).squareRoot().rounded(.toNearestOrEven))
            let (x, y) = (random.uniform(), random.uniform())
            guard width > 0, height > 0, width <= size.width, height <= size.height else { continue }
            return PixelRect(
                x: Int(x * Double(size.width - width + 1)), y: Int(y * Double(size.height - height + 1)), width: width,
                height: height)
        }
        let shape = Double(size.width) / Double(size.height)
        var (width, height) = (size.width, size.height)
        if shape < ratio.lowerBound {
            height = max(1, min(height, Int((Double(width) / ratio.lowerBound).rounded(.toNearestOrEven))))
        } else if shape > ratio.upperBound {
            width = max(1, min(width, Int((Double(height) * ratio.upperBound).rounded(.toNearestOrEven))))
        }
        return PixelRect(x: (size.width - width) / 2, y: (size.height - height) / 2, width: width, height: height)
    }
}

/// How views for contrastive learning are made: SimCLR's crop, flip, colour jitter, grey and blur (Chen et al. 2020;
/// paper.md 5.3).
public struct ViewPolicy: Hashable, Sendable {
    /// The crop that fills the canvas.
    public var crop: RandomResizedCrop
    /// The probability of a left-right flip.
    public var flip: Double
    /// The probability of the colour jitter.
    public var jitter: Double
    /// How strong it is: brightness, contrast and saturation change by up to 0.8 times it, the hue by 0.2 times.
    public var strength: Double
    /// The probability of grey.
    public var grey: Double
    /// The probability of blur.
    public var blur: Double
    /// The blur's deviation in pixels; its radius is a twentieth of the canvas's height.
    public var sigma: ClosedRange<Double>

    /// A policy; without more it is SimCLR's.
    public init(
        crop: RandomResizedCrop = RandomResizedCrop(), flip: Double = 0.5, jitter: Double = 0.8, strength: Double = 1,
        grey: Double = 0.2, blur: Double = 0.5, sigma: ClosedRange<Double> = 0.1...2
    ) {
        precondition(
            [flip, jitter, grey, blur].allSatisfy { (0...1).contains($0) } && strength >= 0 && sigma.lowerBound > 0,
            "probabilities are 0...1, and a blur's deviation is positive")
        self.crop = crop
        self.flip = flip
        self.jitter = jitter
        self.strength = strength
        self.grey = grey
        self.blur = blur
        self.sigma = sigma
    }

    /// SimCLR's.
    public static let simCLR = ViewPolicy()

    /// Two views of one picture, drawn independently.
    public func plans(for source: Size, target: Size, random: inout Random) -> (Plan, Plan) {
        (plan(for: source, target: target, random: &random), plan(for: source, target: target, random: &random))
    }

    /// One view.
    public func plan(for source: Size, target: Size, random: inout Random) -> Plan {
        let window = crop.window(of: source, random: &random)
        let flipped = random.chance(flip)
        var filters: [CanvasOperation] = []
        if random.chance(jitter) {
            func factor() -> Double { random.uniform(max(0, 1 - 0.8 * strength), 1 + 0.8 * strength) }
            let changes: [CanvasOperation] = [
                .brightness(factor()), .contrast(factor()), .saturation(factor()),
                .hue(random.uniform(-0.2 * strength, 0.2 * strength)),
            ]
            filters = random.permutation(4).map { changes[$0] }
        }
        if random.chance(grey) { filters.append(.saturation(0)) }
        if random.chance(blur) {
            let sigma = random.uniform(self.sigma.lowerBound, self.sigma.upperBound)
            filters.append(.blur(radius: max(1, target.height / 20), sigma: sigma))
        }
        return Plan(
            source: source, target: target, flipped: flipped, window: window, resized: target, filters: filters)
    }
}
