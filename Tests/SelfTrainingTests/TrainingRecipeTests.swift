import Annotations
import Augmentation
import Base
import Layers
import Models
import Testing
import Torch
import Training

@testable import SelfTraining

@Suite struct TrainingRecipeTests {
    /// Every setting that changes the result is in the identity: a change of any of them is seen in the JSON.
    @Test func everySettingIsInTheIdentity() {
        let changes: [(String, (inout TrainingRecipe) -> Void)] = [
            ("model", { $0.model = "nano" }), ("size", { $0.size = 96 }), ("batch", { $0.batch = 3 }),
            ("micro", { $0.micro = 1 }), ("steps", { $0.steps = 5 }), ("optimizer", { $0.optimizer = .sgd }),
            ("lr", { $0.lr = 2e-3 }), ("decay", { $0.decay = 0.1 }), ("warmup", { $0.warmup = 2 }),
            ("clip", { $0.clip = 1 }), ("average_decay", { $0.averageDecay = 0.9 }),
            ("augment", { $0.augment = .fitted(.none) }),
            ("precision", { $0.precision = .bfloat16 }), ("seed", { $0.seed = 9 }),
        ]
        // Of these nothing is said where they are what they usually are.
        let silent: [(String, (inout TrainingRecipe) -> Void)] = [
            ("label_stride", { $0.labelStride = 4 }), ("staircase", { $0.fall = .staircase(factor: 0.97, every: 3) }),
            ("layer_decay", { $0.layerDecay = 0.7 }), ("smoothing", { $0.loss.smoothing = 0.1 }),
            ("temperature", { $0.loss.temperature = 0.5 }), ("dropout", { $0.changes.dropout = 0.5 }),
            ("survival", { $0.changes.survival = 0.9 }), ("frozen_stages", { $0.changes.frozenStages = 0 }),
            ("frozen_norms", { $0.changes.freezesNorms = true }),
        ]
        let base = TrainingRecipe.quick().json
        #expect(base.object?.count == changes.count)
        for (key, change) in silent {
            var recipe = TrainingRecipe.quick()
            change(&recipe)
            #expect(base[key] == nil && recipe.json[key] != nil, "\(key)")
        }
        for (key, change) in changes {
            var recipe = TrainingRecipe.quick()
            change(&recipe)
            #expect(recipe.json[key] != base[key], "\(key)")
        }
    }

    @Test func theScheduleIsThePapers() {
        var recipe = TrainingRecipe.quick(steps: 110)
        recipe.warmup = 10
        recipe.lr = 0.32
        let schedule = recipe.schedule
        // From a hundredth of the rate, to the rate after the warm-up, half of it half-way, next to nothing at the end.
        #expect(abs(schedule.rate(0) - 0.0032) < 1e-12 && abs(schedule.rate(10) - 0.32) < 1e-12)
        #expect(abs(schedule.rate(60) - 0.16) < 1e-12 && schedule.rate(109) < 0.001)
    }
}
