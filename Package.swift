// swift-tools-version: 6.2
import PackageDescription

// The house (docs/architecture.md): rooms in two wings. A dry room never imports libtorch. `make lint`
// compares every `import` in Sources/ with the table below, so this list is the law and not a hint.

/// Where libtorch lies: `LIBTORCH`, or `.deps/torch`, which `make deps` fills.
let libtorch = Context.environment["LIBTORCH"] ?? "\(Context.packageDirectory)/.deps/torch"
/// `PUPIL_DRY=1` leaves the wet wing out, so that the dry one builds on a machine without libtorch.
let dryOnly = Context.environment["PUPIL_DRY"] == "1"
/// `PUPIL_FUZZ=1` adds the program of `make fuzz`, whose main is libFuzzer's.
let fuzzing = Context.environment["PUPIL_FUZZ"] == "1"
let strict = Context.environment["PUPIL_STRICT"] == "1"

let swiftSettings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])

let cSettings: [CSetting] = [.unsafeFlags(["-O3", "-fno-math-errno"])]

/// A room and its tests. Tests read their `Fixtures/` by `#filePath`, so that no bundle is made.
/// `testImports`: what only the tests need.
func room(
    _ name: String, _ imports: [String] = [], testImports: [String] = [], fixtures: Bool = false
) -> [Target] {
    let dependencies = (name == "Base" ? imports : ["Base"] + imports).map { Target.Dependency(stringLiteral: $0) }
    return [
        .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings),
        .testTarget(
            name: "\(name)Tests",
            dependencies: [.init(stringLiteral: name)] + dependencies + testImports.map { .init(stringLiteral: $0) },
            exclude: fixtures ? ["Fixtures"] : [], swiftSettings: swiftSettings),
    ]
}

var dryWing: [Target] =
    [
        .target(name: "CBase", linkerSettings: [.linkedLibrary("crypto")]),
        .target(
            name: "CImage", cSettings: cSettings,
            linkerSettings: [
                .linkedLibrary("jpeg"), .linkedLibrary("png"), .linkedLibrary("webp"), .linkedLibrary("webpdemux"),
            ]),
        .target(
            name: "CJSON", cxxSettings: [.unsafeFlags(["-O3", "-fvisibility=hidden"])],
            linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CYAML", linkerSettings: [.linkedLibrary("yaml")]),
        .target(name: "CXML", linkerSettings: [.linkedLibrary("expat")]),
    ]
    + room("Base", ["CBase"])
    + room("Geometry")
    + room("Imaging", ["CImage", "Geometry"])
    + room("Markup", ["CYAML", "CXML"])
    + room("Annotations", ["CJSON", "Geometry", "Imaging", "Markup"])
    + room("Augmentation", ["Geometry", "Imaging"], fixtures: true)
    + room("Scenes", ["Geometry", "Imaging", "Annotations"])
    + room("Evaluation", ["Geometry", "Imaging", "Annotations"], fixtures: true)
    + room("Recipes", ["Markup"])
    + room("Checkpoints", fixtures: true)
    + room("Journal")
    + room("Reports", ["Annotations", "Evaluation", "Imaging", "Journal"])

/// What `make fuzz` feeds to the parsers, and the test that replays what it found.
let fuzzWing: [Target] =
    [
        .target(
            name: "FuzzTargets",
            dependencies: ["Base", "CImage", "Geometry", "Imaging", "Markup", "Annotations", "Recipes", "Checkpoints"],
            path: "Fuzz/Targets", swiftSettings: swiftSettings),
        .testTarget(
            name: "FuzzTests", dependencies: ["Base", "FuzzTargets"], exclude: ["Findings"],
            swiftSettings: swiftSettings),
    ]
    + (fuzzing
        ? [
            .executableTarget(
                name: "fuzz", dependencies: ["FuzzTargets"], path: "Fuzz/Entry",
                swiftSettings: swiftSettings + [.unsafeFlags(["-parse-as-library"])])
        ] : [])

let wetWing: [Target] =
    [
        .target(
            name: "CTorch",
            cxxSettings: [
                .unsafeFlags([
                    "-isystem", "\(libtorch)/include",
                    "-isystem", "\(libtorch)/include/torch/csrc/api/include",
                    "-O2", "-fvisibility=hidden", "-Wno-deprecated-declarations",
                ])
            ],
            linkerSettings: [
                .unsafeFlags([
                    "-L\(libtorch)/lib", "-Xlinker", "-rpath", "-Xlinker", "\(libtorch)/lib",
                    "-Xlinker", "-rpath", "-Xlinker", "$ORIGIN/../lib",
                ]),
                .linkedLibrary("torch_cpu"), .linkedLibrary("c10"),
            ])
    ]
    + room("Torch", ["CTorch", "Checkpoints"])
    + room("Layers", ["Torch"], fixtures: true)
    + room("Models", ["Layers", "Torch", "Geometry", "Checkpoints"], fixtures: true)
    + room("Loading", ["Annotations", "Augmentation", "Imaging", "Geometry", "Torch"], testImports: ["Scenes"])
    + room(
        "Training",
        [
            "Models", "Loading", "Evaluation", "Recipes", "Journal", "Annotations", "Augmentation", "Imaging",
            "Geometry", "Layers", "Torch", "Checkpoints",
        ], testImports: ["Scenes"])
    + room(
        "SelfTraining",
        [
            "Training", "Models", "Loading", "Evaluation", "Recipes", "Journal", "Annotations", "Augmentation",
            "Imaging", "Geometry", "Layers", "Torch", "Checkpoints",
        ], testImports: ["Scenes"])
    + [
        .executableTarget(
            name: "pupil",
            dependencies: [
                "Base", "Geometry", "Imaging", "Annotations", "Augmentation", "Scenes", "Evaluation", "Recipes",
                "Checkpoints", "Journal", "Reports", "Torch", "Layers", "Models", "Loading", "Training", "SelfTraining",
            ],
            swiftSettings: swiftSettings),
        .testTarget(name: "pupilTests", dependencies: ["Base", "Geometry", "Imaging"], swiftSettings: swiftSettings),
    ]

let package = Package(
    name: "Pupil",
    products: dryOnly ? [] : [.executable(name: "pupil", targets: ["pupil"])],
    targets: dryOnly ? dryWing + fuzzWing : dryWing + fuzzWing + wetWing,
    cLanguageStandard: .c11,
    cxxLanguageStandard: .cxx20
)
