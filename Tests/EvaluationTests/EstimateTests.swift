import Testing

@testable import Evaluation

@Suite struct EstimateTests {
    /// Quantiles found by integrating the density with 30 digits (mpmath); those of 1 and 2 degrees have closed forms.
    @Test(arguments: [
        (0.975, 1.0, 12.706204736174705), (0.975, 2, 4.3026527297494639), (0.975, 4, 2.7764451051977943),
        (0.975, 9, 2.2621571627982050), (0.995, 4, 4.6040948713499898), (0.95, 10, 1.8124611228116757),
        (0.975, 100, 1.9839715185235525), (0.9, 2.5, 1.7302509288071766), (0.9995, 3, 12.923978636687483),
        (0.6, 7, 0.26316686135202281),
    ])
    func quantilesOfStudentsT(probability: Double, freedom: Double, expected: Double) {
        let t = StudentT.quantile(probability, freedom: freedom)
        #expect(abs(t - expected) < 1e-11 * expected)
        #expect(abs(StudentT.cumulative(t, freedom: freedom) - probability) < 1e-13)
        #expect(StudentT.quantile(1 - probability, freedom: freedom) + t < 1e-9)
    }

    @Test func closedFormOfTwoDegrees() {
        for p in [0.51, 0.75, 0.9, 0.99, 0.9999] {
            let expected = (2 * p - 1) / (2 * p * (1 - p)).squareRoot()
            #expect(abs(StudentT.quantile(p, freedom: 2) - expected) < 1e-11 * expected)
        }
        #expect(StudentT.quantile(0.5, freedom: 2) == 0)
    }

    /// I_x(2, 3) = 6x^2 - 8x^3 + 3x^4, on both sides of the mean.
    @Test func incompleteBetaAgainstAPolynomial() {
        for x in [0.0, 0.05, 0.3, 0.5, 0.8, 0.99, 1] {
            let expected = 6 * x * x - 8 * x * x * x + 3 * x * x * x * x
            #expect(abs(StudentT.regularizedBeta(x, 2, 3) - expected) < 1e-14)
        }
    }

    @Test func intervalByHand() {
        // mean 3, s^2 = 2.5, 2.7764451 * sqrt(2.5 / 5) = 1.9632432
        let estimate = Estimate.mean([1, 2, 3, 4, 5])
        #expect(estimate.mean == 3 && estimate.n == 5)
        #expect(abs(estimate.low - 1.0367567) < 1e-6 && abs(estimate.high - 4.9632432) < 1e-6)
        #expect(estimate.isAboveZero)
        #expect(Estimate.mean([1, 2, 3, 4, 5], confidence: 0.99).low < estimate.low)
    }

    @Test func oneValueHasNoInterval() {
        let one = Estimate.mean([0.25])
        #expect(one.mean == 0.25 && one.low.isNaN && one.high.isNaN && one.n == 1 && !one.isAboveZero)
        #expect(Estimate.mean([]).mean.isNaN)
    }

    /// What is common to a pair cancels: these seeds differ by 20 points, the gain by less than one.
    @Test func pairsCancelWhatTheyShare() {
        let control = [0.30, 0.40, 0.50]
        let gain = Estimate.pairedDifference([0.32, 0.43, 0.52], minus: control)
        #expect(abs(gain.mean - 0.07 / 3) < 1e-12)
        #expect(gain.isAboveZero)
        #expect(!Estimate.pairedDifference([0.32, 0.38, 0.51], minus: control).isAboveZero)
    }
}
