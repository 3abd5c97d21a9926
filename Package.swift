// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// oneDNN is optional: without it every product runs on OpenBLAS (reproducible per shard only, see docs/performance.md).
let haveOneDNN =
  Context.environment["ROLLBOOK_NO_ONEDNN"] == nil
  && FileManager.default.fileExists(atPath: "/usr/include/oneapi/dnnl/dnnl.h")

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

/// The stages and the tool for people; each is an executable of its own.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: dependencies + [arguments], swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: strict)
}

let package = Package(
  name: "rollbook",
  products: [
    .executable(name: "rollbook-generate", targets: ["Generate"]),
    .executable(name: "rollbook-score", targets: ["Score"]),
    .executable(name: "rollbook-train", targets: ["Train"]),
    .executable(name: "rollbook", targets: ["Inspect"]),
    .executable(name: "rollbook-bench", targets: ["Bench"]),
    .executable(name: "rollbook-fuzz", targets: ["Fuzz"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "CLZ4", path: "Sources/System/CLZ4", providers: [.apt(["liblz4-dev"])]),
    .systemLibrary(name: "CXXHash", path: "Sources/System/CXXHash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "COpenBLAS", path: "Sources/System/COpenBLAS", providers: [.apt(["libopenblas-dev"])]),
    .target(name: "CKernels", path: "Sources/CKernels"),
    .target(name: "CAllocations", path: "Sources/CAllocations"),

    .target(
      name: "Formats",
      dependencies: [
        "CLZ4", "CXXHash", .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "GRDBSQLite", package: "GRDB.swift"),
      ],
      swiftSettings: strict),
    .target(
      name: "Kernels",
      dependencies: ["COpenBLAS", "CKernels"] + (haveOneDNN ? ["COneDNN"] : []),
      swiftSettings: strict + (haveOneDNN ? [.define("HAVE_ONEDNN")] : [])),
    .target(name: "Tokenizer", dependencies: ["Formats"], swiftSettings: strict),
    .target(name: "Model", dependencies: ["Kernels", "Formats"], swiftSettings: strict),
    .target(name: "Rewards", swiftSettings: strict),
    .target(name: "Objectives", swiftSettings: strict),
    .target(name: "Pipeline", dependencies: ["Formats", arguments], swiftSettings: strict),

    program("Generate", ["Pipeline", "Formats", "Tokenizer", "Model", "Kernels"]),
    program(
      "Score",
      [
        "Pipeline", "Formats", "Tokenizer", "Rewards", "Objectives", "Model", "Kernels",
        .product(name: "Yams", package: "Yams"),
      ]),
    program("Train", ["Pipeline", "Formats", "Tokenizer", "Model", "Kernels", "Objectives"]),
    program("Inspect", ["Pipeline", "Formats", "Tokenizer"]),
    program("Bench", ["Pipeline", "Formats", "Tokenizer", "Rewards", "Model", "Kernels", "CLZ4", "CAllocations"]),
    program("Fuzz", ["Pipeline", "Formats", "Tokenizer"]),

    .target(name: "TestSupport", path: "Tests/Support", swiftSettings: strict),
    tests("FormatsTests", ["Formats"]),
    tests("KernelsTests", ["Kernels"]),
    tests("TokenizerTests", ["Tokenizer", "Formats"]),
    tests("ModelTests", ["Model", "Kernels", "Formats", "Tokenizer", "CAllocations"]),
    tests("RewardsTests", ["Rewards", "Formats"]),
    tests("ObjectivesTests", ["Objectives", "Formats"]),
    tests("PipelineTests", ["Pipeline", "Formats"]),
    tests("InspectTests", ["Inspect", "Pipeline", "Formats", "Tokenizer"]),
    tests("FuzzTests", ["Fuzz"]),
    tests("ProgramTests", ["Formats", "Kernels", "Objectives"]),
    tests("StructureTests", []),
  ] + (haveOneDNN
    ? [.systemLibrary(name: "COneDNN", path: "Sources/System/COneDNN", providers: [.apt(["libdnnl-dev"])])]
    : [])
)
