import Glibc

/// `make test-all`.
let testsAll = getenv("PUPIL_TEST_ALL") != nil

// libm under names that do not meet the tensors' methods.

func sine(_ x: Double) -> Double { sin(x) }
func cosine(_ x: Double) -> Double { cos(x) }
func power2(_ x: Double) -> Double { exp2(x) }
func logarithm(_ x: Double) -> Double { log(x) }
func exponential(_ x: Double) -> Double { exp(x) }
func exponential(_ x: Float) -> Float { exp(x) }

extension Double {
    /// The nearest 32-bit float's value.
    var roundedToFloat: Double { Double(Float(self)) }
}

/// Names of temporary files are of this process.
let processID = getpid()
