import Annotations
import Base
import FoundationEssentials
import Testing

private let dataFolder = ProcessInfo.processInfo.environment["PUPIL_TEST_DATA"]

/// Real sets, where they are at hand.
@Suite(.enabled(if: dataFolder != nil)) struct PublicSetsTests {
    /// Counts as the set's own annotations have them.
    @Test(arguments: [("train", 205, [2381, 214, 209]), ("val", 87, [967, 87, 83]), ("test", 72, [805, 71, 69])])
    func bloodCells(part: String, images: Int, objects: [Int]) throws {
        let folder = try #require(dataFolder) + "/bccd"
        let set = try Dataset.coco("\(folder)/annotations/instances_\(part).json")
        #expect(missing(set).isEmpty)
        #expect(set.examples.count == images)
        let counts = Dictionary(uniqueKeysWithValues: zip(set.classes.names, set.objectsPerClass))
        #expect(["RBC", "WBC", "Platelets"].map { counts[$0] } == objects.map { $0 })
        let split = try Split(of: set, try LabelShare.parse("10%"), seed: 0)
        let (labelled, rest) = try set.split(split)
        #expect(labelled.examples.count == images / 10 && rest.examples.count == images - images / 10)
        if part == "train" {
            let list = try Split.read(folder + "/splits/labelled_10pct_seed0.txt")
            #expect(try set.split(list).labelled.examples.count == 20)
        }
    }

    @Test func aFolderOfPhotographs() throws {
        let pool = try Dataset.pool([try #require(dataFolder) + "/unlabelled"])
        #expect(pool.examples.count == 1000)
        #expect(try pool.identity == pool.identity)
    }
}
