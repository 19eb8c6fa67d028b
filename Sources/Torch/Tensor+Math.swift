import CTorch

// Elementwise operators and reductions. Shapes broadcast as in NumPy; results are new tensors.

extension Tensor {
    public static func + (a: Tensor, b: Tensor) -> Tensor { op("+", a, b) { pupil_add($0, $1) } }
    public static func - (a: Tensor, b: Tensor) -> Tensor { op("-", a, b) { pupil_sub($0, $1) } }
    public static func * (a: Tensor, b: Tensor) -> Tensor { op("*", a, b) { pupil_mul($0, $1) } }
    public static func / (a: Tensor, b: Tensor) -> Tensor { op("/", a, b) { pupil_div($0, $1) } }
    public static func + (a: Tensor, b: Double) -> Tensor { op("+", a) { pupil_add_scalar($0, b) } }
    public static func - (a: Tensor, b: Double) -> Tensor { a + (-b) }
    public static func * (a: Tensor, b: Double) -> Tensor { op("*", a) { pupil_mul_scalar($0, b) } }
    public static func * (a: Double, b: Tensor) -> Tensor { b * a }
    public static func / (a: Tensor, b: Double) -> Tensor { a * (1 / b) }
    public static prefix func - (a: Tensor) -> Tensor { op("-", a) { pupil_neg($0) } }

    public func exp() -> Tensor { op("exp", self) { pupil_exp($0) } }
    public func log() -> Tensor { op("log", self) { pupil_log($0) } }
    public func log1p() -> Tensor { op("log1p", self) { pupil_log1p($0) } }
    public func sqrt() -> Tensor { op("sqrt", self) { pupil_sqrt($0) } }
    public func rsqrt() -> Tensor { op("rsqrt", self) { pupil_rsqrt($0) } }
    public func abs() -> Tensor { op("abs", self) { pupil_abs($0) } }
    public func sign() -> Tensor { op("sign", self) { pupil_sign($0) } }
    public func square() -> Tensor { op("square", self) { pupil_square($0) } }
    public func floor() -> Tensor { op("floor", self) { pupil_floor($0) } }
    public func reciprocal() -> Tensor { op("reciprocal", self) { pupil_reciprocal($0) } }
    public func power(_ exponent: Double) -> Tensor { op("power", self) { pupil_pow_scalar($0, exponent) } }
    public func clamped(_ low: Double, _ high: Double) -> Tensor { op("clamped", self) { pupil_clamp($0, low, high) } }

    public func relu() -> Tensor { op("relu", self) { pupil_relu($0) } }
    public func sigmoid() -> Tensor { op("sigmoid", self) { pupil_sigmoid($0) } }
    /// log(sigmoid(x)) without overflow.
    public func logSigmoid() -> Tensor { op("logSigmoid", self) { pupil_log_sigmoid($0) } }
    /// x sigmoid(x), "swish".
    public func silu() -> Tensor { op("silu", self) { pupil_silu($0) } }
    public func tanh() -> Tensor { op("tanh", self) { pupil_tanh($0) } }
    public func gelu() -> Tensor { op("gelu", self) { pupil_gelu($0) } }

    public func maximum(_ other: Tensor) -> Tensor { op("maximum", self, other) { pupil_maximum($0, $1) } }
    public func minimum(_ other: Tensor) -> Tensor { op("minimum", self, other) { pupil_minimum($0, $1) } }

    // Comparisons give tensors of bool.
    public func equal(_ other: Tensor) -> Tensor { op("equal", self, other) { pupil_eq($0, $1) } }
    public func notEqual(_ other: Tensor) -> Tensor { op("notEqual", self, other) { pupil_ne($0, $1) } }
    public func less(_ other: Tensor) -> Tensor { op("less", self, other) { pupil_lt($0, $1) } }
    public func lessOrEqual(_ other: Tensor) -> Tensor { op("lessOrEqual", self, other) { pupil_le($0, $1) } }
    public func greater(_ other: Tensor) -> Tensor { op("greater", self, other) { pupil_gt($0, $1) } }
    public func greaterOrEqual(_ other: Tensor) -> Tensor { op("greaterOrEqual", self, other) { pupil_ge($0, $1) } }
    public func equal(_ b: Double) -> Tensor { op("equal", self) { pupil_eq_scalar($0, b) } }
    public func notEqual(_ b: Double) -> Tensor { op("notEqual", self) { pupil_ne_scalar($0, b) } }
    public func less(_ b: Double) -> Tensor { op("less", self) { pupil_lt_scalar($0, b) } }
    public func lessOrEqual(_ b: Double) -> Tensor { op("lessOrEqual", self) { pupil_le_scalar($0, b) } }
    public func greater(_ b: Double) -> Tensor { op("greater", self) { pupil_gt_scalar($0, b) } }
    public func greaterOrEqual(_ b: Double) -> Tensor { op("greaterOrEqual", self) { pupil_ge_scalar($0, b) } }
    public func and(_ other: Tensor) -> Tensor { op("and", self, other) { pupil_logical_and($0, $1) } }
    public func or(_ other: Tensor) -> Tensor { op("or", self, other) { pupil_logical_or($0, $1) } }
    public func not() -> Tensor { op("not", self) { pupil_logical_not($0) } }
    public func isFinite() -> Tensor { op("isFinite", self) { pupil_isfinite($0) } }

    /// `other` where the condition holds, `self` elsewhere.
    public func replaced(where condition: Tensor, by other: Tensor) -> Tensor {
        op("replaced", condition, other, self) { pupil_where($0, $1, $2) }
    }

    public func matmul(_ other: Tensor) -> Tensor { op("matmul", self, other) { pupil_matmul($0, $1) } }

    // MARK: Reductions; without dimensions, over all elements to a tensor of shape []

    public func sum(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("sum", self) { pupil_sum($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    public func mean(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("mean", self) { pupil_mean($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    public func max(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("max", self) { pupil_amax($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    public func min(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("min", self) { pupil_amin($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    /// The population variance (divided by n).
    public func variance(_ dims: [Int] = [], keep: Bool = false) -> Tensor {
        op("variance", self) { pupil_variance($0, dims.map(Int64.init), Int32(dims.count), keep) }
    }
    public func argmax(_ dim: Int, keep: Bool = false) -> Tensor { op("argmax", self) { pupil_argmax($0, Int64(dim), keep) } }
    public func cumulativeSum(_ dim: Int) -> Tensor { op("cumulativeSum", self) { pupil_cumsum($0, Int64(dim)) } }
    public func all() -> Tensor { op("all", self) { pupil_all($0) } }
    public func any() -> Tensor { op("any", self) { pupil_any($0) } }

    // MARK: In place

    /// self += scale * other
    public func add(_ other: Tensor, scale: Double = 1) { Handle.run("add", [self, other]) { pupil_add_($0[0], $0[1], scale) } }
    /// self *= factor
    public func multiply(by factor: Double) { Handle.run("multiply", [self]) { pupil_mul_($0[0], factor) } }
    /// self = other, element by element
    public func assign(_ other: Tensor) { Handle.run("assign", [self, other]) { pupil_copy_($0[0], $0[1]) } }
    public func fill(_ value: Double) { Handle.run("fill", [self]) { pupil_fill_($0[0], value) } }
}
