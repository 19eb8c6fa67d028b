import Base
import Glibc
import Testing
import Torch

@testable import Models

/// Against double loops and central differences (Tools/reference/contrastive.py).
@Suite struct ContrastiveLossTests {
    @Test func valueAndGradient() throws {
        let cases = try #require(try fixture("contrastive.json")["cases"]?.array)
        #expect(cases.count == 4)
        for item in cases {
            let (count, width) = (Int(try item.number("count")), Int(try item.number("width")))
            func values(_ second: Bool) -> [Float] {
                (0..<count * width).map { i in
                    let x = sin(0.37 * Double(i) + 0.1)
                    return Float(second ? x + 0.6 * cos(0.53 * Double(i)) : x)
                }
            }
            let (a, b) = (Tensor(values(false), shape: [count, width]), Tensor(values(true), shape: [count, width]))
            a.requiresGradient = true
            b.requiresGradient = true
            let loss = ContrastiveLoss.ntXent(a, b, temperature: try item.number("temperature"))
            #expect(near(loss.item, try item.number("loss"), 1e-5), "\(count) of \(width)")
            loss.backward()
            for (tensor, key) in [(a, "gradient_a"), (b, "gradient_b")] {
                let wanted = item[key]?.doubles ?? []
                let found = try #require(tensor.gradient).floats
                #expect(wanted.count == found.count)
                let most = wanted.map(abs).max() ?? 0
                for (x, y) in zip(found, wanted) { #expect(abs(Double(x) - y) < 1e-5 + 1e-4 * most, "\(key)") }
            }
        }
    }

    /// Bigger vectors change nothing, nor does the order of views.
    @Test func lengthsAndOrderDoNotCount() {
        let a = Tensor((0..<12).map { Float(sin(Double($0))) }, shape: [4, 3])
        let b = Tensor((0..<12).map { Float(cos(0.7 * Double($0))) }, shape: [4, 3])
        let loss = ContrastiveLoss.ntXent(a, b, temperature: 0.1).item
        #expect(abs(ContrastiveLoss.ntXent(a * 7, b * 0.01, temperature: 0.1).item - loss) < 1e-5)
        #expect(abs(ContrastiveLoss.ntXent(b, a, temperature: 0.1).item - loss) < 1e-5)
    }
}
