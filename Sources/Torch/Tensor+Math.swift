import CTorch

// Elementwise operators and reductions. Shapes broadcast as in NumPy; results are new tensors.

extension Tensor {
    /// Sums, element by element.
    public static func + (a: Tensor, b: Tensor) -> Tensor { op("+", a, b) { pupil_add($0, $1) } }
    /// Differences, element by element.
    public static func - (a: Tensor, b: Tensor) -> Tensor { op("-", a, b) { pupil_sub($0, $1) } }
    /// Products, element by element; `matmul` is the matrix product.
    public static func * (a: Tensor, b: Tensor) -> Tensor { op("*", a, b) { pupil_mul($0, $1) } }
    /// Quotients, element by element; integers give fp32.
    public static func / (a: Tensor, b: Tensor) -> Tensor { op("/", a, b) { pupil_div($0, $1) } }
    /// Each element plus a number.
    public static func + (a: Tensor, b: Double) -> Tensor { op("+", a) { pupil_add_scalar($0, b) } }
    /// Each element minus a number.
    public static func - (a: Tensor, b: Double) -> Tensor { a + (-b) }
    /// Each element times a number.
    public static func * (a: Tensor, b: Double) -> Tensor { op("*", a) { pupil_mul_scalar($0, b) } }
    /// Each element times a number.
    public static func * (a: Double, b: Tensor) -> Tensor { b * a }
    /// Each element times the reciprocal of a number, which may differ from the quotient in the last bit.
    public static func / (a: Tensor, b: Double) -> Tensor { a * (1 / b) }
    /// Each element with the other sign.
    public static prefix func - (a: Tensor) -> Tensor { op("-", a) { pupil_neg($0) } }

    /// e to the power of each element.
    public func exp() -> Tensor { op("exp", self) { pupil_exp($0) } }
    /// The natural logarithm of each element; NaN below 0.
    public func log() -> Tensor { op("log", self) { pupil_log($0) } }
    /// log(1 + x), exact for small x, too.
    public func log1p() -> Tensor { op("log1p", self) { pupil_log1p($0) } }
    /// The square root of each element; NaN below 0.
    public func sqrt() -> Tensor { op("sqrt", self) { pupil_sqrt($0) } }
    /// 1 / sqrt(x).
    public func rsqrt() -> Tensor { op("rsqrt", self) { pupil_rsqrt($0) } }
    /// Each element without its sign.
    public func abs() -> Tensor { op("abs", self) { pupil_abs($0) } }
    /// -1, 0 or 1.
    public func sign() -> Tensor { op("sign", self) { pupil_sign($0) } }
    /// x x.
    public func square() -> Tensor { op("square", self) { pupil_square($0) } }
    /// The greatest whole number that is not above each element.
    public func floor() -> Tensor { op("floor", self) { pupil_floor($0) } }
    /// 1 / x.
    public func reciprocal() -> Tensor { op("reciprocal", self) { pupil_reciprocal($0) } }
    /// Each element to the power of one number.
    public func power(_ exponent: Double) -> Tensor { op("power", self) { pupil_pow_scalar($0, exponent) } }
    /// Each element, or the bound that it lies beyond; the gradient is 0 there.
    public func clamped(_ low: Double, _ high: Double) -> Tensor { op("clamped", self) { pupil_clamp($0, low, high) } }

    /// max(x, 0).
    public func relu() -> Tensor { op("relu", self) { pupil_relu($0) } }
    /// 1 / (1 + e^-x): probabilities from log-odds.
    public func sigmoid() -> Tensor { op("sigmoid", self) { pupil_sigmoid($0) } }
    /// log(sigmoid(x)) without overflow.
    public func logSigmoid() -> Tensor { op("logSigmoid", self) { pupil_log_sigmoid($0) } }
    /// x sigmoid(x), "swish".
    public func silu() -> Tensor { op("silu", self) { pupil_silu($0) } }
    /// The hyperbolic tangent of each element.
    public func tanh() -> Tensor { op("tanh", self) { pupil_tanh($0) } }
    /// x times the normal distribution's mass below x (Hendrycks and Gimpel 2016), not the tanh form of it.
    public func gelu() -> Tensor { op("gelu", self) { pupil_gelu($0) } }

    /// The greater of two elements; a NaN wins.
    public func maximum(_ other: Tensor) -> Tensor { op("maximum", self, other) { pupil_maximum($0, $1) } }
    /// The smaller of two elements; a NaN wins.
    public func minimum(_ other: Tensor) -> Tensor { op("minimum", self, other) { pupil_minimum($0, $1) } }

    // Comparisons give tensors of bool.
    /// Where both are the same; bool, as all comparisons are.
    public func equal(_ other: Tensor) -> Tensor { op("equal", self, other) { pupil_eq($0, $1) } }
    /// Where they differ.
    public func notEqual(_ other: Tensor) -> Tensor { op("notEqual", self, other) { pupil_ne($0, $1) } }
    /// Where this is below the other.
    public func less(_ other: Tensor) -> Tensor { op("less", self, other) { pupil_lt($0, $1) } }
    /// Where this is not above the other.
    public func lessOrEqual(_ other: Tensor) -> Tensor { op("lessOrEqual", self, other) { pupil_le($0, $1) } }
    /// Where this is above the other.
    public func greater(_ other: Tensor) -> Tensor { op("greater", self, other) { pupil_gt($0, $1) } }
    /// Where this is not below the other.
    public func greaterOrEqual(_ other: Tensor) -> Tensor { op("greaterOrEqual", self, other) { pupil_ge($0, $1) } }
    /// Where an element is that number.
    public func equal(_ b: Double) -> Tensor { op("equal", self) { pupil_eq_scalar($0, b) } }
    /// Where an element is not that number.
    public func notEqual(_ b: Double) -> Tensor { op("notEqual", self) { pupil_ne_scalar($0, b) } }
    /// Where an element is below that number.
    public func less(_ b: Double) -> Tensor { op("less", self) { pupil_lt_scalar($0, b) } }
    /// Where an element is not above that number.
    public func lessOrEqual(_ b: Double) -> Tensor { op("lessOrEqual", self) { pupil_le_scalar($0, b) } }
    /// Where an element is above that number.
    public func greater(_ b: Double) -> Tensor { op("greater", self) { pupil_gt_scalar($0, b) } }
    /// Where an element is not below that number.
    public func greaterOrEqual(_ b: Double) -> Tensor { op("greaterOrEqual", self) { pupil_ge_scalar($0, b) } }
    /// Where neither is zero.
    public func and(_ other: Tensor) -> Tensor { op("and", self, other) { pupil_logical_and($0, $1) } }
    /// Where one of them is not zero.
    public func or(_ other: Tensor) -> Tensor { op("or", self, other) { pupil_logical_or($0, $1) } }
    /// Where an element is zero.
    public func not() -> Tensor { op("not", self) { pupil_logical_not($0) } }
    /// Where an element is neither infinite nor NaN.
    public func isFinite() -> Tensor { op("isFinite", self) { pupil_isfinite($0) } }

    /// `other` where the condition holds, `self` elsewhere.
    public func replaced(where condition: Tensor, by other: Tensor) -> Tensor {
        op("replaced", condition, other, self) { pupil_where($0, $1, $2) }
    }

    /// The matrix product `[..., n, m]` by `[..., m, k]`: `[..., n, k]`, leading dimensions broadcast.
    public func matmul(_ other: Tensor) -> Tensor { op("matmul", self, other) { pupil_matmul($0, $1) } }

    // MARK: Reductions; without dimensions, over all elements to a tensor of shape []

    /// The sum over `dims`; bool and integers add up as int64. `keep` leaves the summed dimensions with size 1.
    public func sum(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("sum", self) { pupil_sum($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    /// The mean over `dims`; NaN over nothing.
    public func mean(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("mean", self) { pupil_mean($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    /// The greatest element over `dims`.
    public func max(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("max", self) { pupil_amax($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    /// The smallest element over `dims`.
    public func min(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("min", self) { pupil_amin($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    /// The population variance (divided by n).
    public func variance(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("variance", self) { pupil_variance($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    /// The place (int64) of the greatest element along one dimension; the first of equals on the processor.
    public func argmax(_ dim: Int, keep: Bool = false) -> Tensor {
        op("argmax", self) { pupil_argmax($0, Int64(dim), keep) }
    }
    /// The sum of each element and those before it along one dimension.
    public func cumulativeSum(_ dim: Int) -> Tensor { op("cumulativeSum", self) { pupil_cumsum($0, Int64(dim)) } }
    /// Whether no element is zero, as a bool of shape [].
    public func all() -> Tensor { op("all", self) { pupil_all($0) } }
    /// Whether an element is not zero, as a bool of shape [].
    public func any() -> Tensor { op("any", self) { pupil_any($0) } }

    // MARK: In place

    /// self += scale * other
    public func add(_ other: Tensor, scale: Double = 1) {
        Handle.run("add", [self, other]) { pupil_add_($0[0], $0[1], scale) }
    }
    /// self *= factor
    public func multiply(by factor: Double) { Handle.run("multiply", [self]) { pupil_mul_($0[0], factor) } }
    /// self = other, element by element
    public func assign(_ other: Tensor) { Handle.run("assign", [self, other]) { pupil_copy_($0[0], $0[1]) } }
    /// Makes every element the same number.
    public func fill(_ value: Double) { Handle.run("fill", [self]) { pupil_fill_($0[0], value) } }
}
