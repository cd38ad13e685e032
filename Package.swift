// swift-tools-version: 6.2
// The architecture; arrows point at dependencies:
//
//     RecurrentABI ──▶ Recurrent ──▶ Kernels ──▶ CVector
//          └─────────▶ CRecurrent (recurrent.h, the contract)

import PackageDescription

// MARK: Instruction set
//
// The whole package is built for one level: mixing levels in one library lets the linker keep a
// helper that an older CPU cannot run. x86-64-v3 means AVX2 and FMA; other architectures take
// their compiler's baseline.

#if arch(x86_64)
  let level = Context.environment["RECURRENT_MARCH"] ?? "x86-64-v3"
  let forSwift: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-march=\(level)"])]
  let forC: [CSetting] = [.unsafeFlags(["-march=\(level)"])]
#else
  let forSwift: [SwiftSetting] = []
  let forC: [CSetting] = []
#endif

// A span of memory that a pointer names is returned by a function that declares its lifetime.
let forSpans: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

// Kernels are optimized in debug builds too, so that `swift test` stays quick.
let forKernels = forSwift + [.unsafeFlags(["-O"], .when(configuration: .debug))]

// `make harden` runs a hundred thousand programs: the core and its tests are optimized too, and keep their checks.
let forCore = forSpans + (Context.environment["RECURRENT_HARDEN"] == nil ? forSwift : forKernels)

// The shared library carries the Swift runtime and exports recurrent.h's functions, nothing else.
let forSharedLibrary: [LinkerSetting] = [
  .unsafeFlags(
    [
      "-static-stdlib",
      "-Xlinker", "--version-script=\(Context.packageDirectory)/Sources/CRecurrent/exports.map",
      // the number is RECURRENT_ABI_VERSION
      "-Xlinker", "-soname=librecurrent.so.2",
      "-Xlinker", "-z", "-Xlinker", "now",
      "-Xlinker", "-s",
    ], .when(platforms: [.linux], configuration: .release))
]

let package = Package(
  name: "recurrent",
  products: [
    // The C library's product is not called "recurrent": on a disk that ignores case it would overwrite the module's.
    // The Makefile installs it as librecurrent.so.
    .library(name: "Recurrent", targets: ["Recurrent"]),
    .library(name: "recurrent_c", type: .dynamic, targets: ["RecurrentABI"]),
  ],
  targets: [
    // MARK: The core
    .target(name: "CVector", cSettings: forC),
    .target(
      name: "Kernels", dependencies: ["CVector"], swiftSettings: forKernels, linkerSettings: [.linkedLibrary("m")]),
    .target(name: "Recurrent", dependencies: ["Kernels", "CVector"], swiftSettings: forCore),

    // MARK: The C door
    .target(name: "CRecurrent", exclude: ["exports.map"], cSettings: forC),
    .target(
      name: "RecurrentABI", dependencies: ["Recurrent", "CRecurrent"],
      swiftSettings: forSwift + forSpans, linkerSettings: forSharedLibrary),

    // MARK: Tests
    .target(name: "Campaigns", path: "Tests/Campaigns"),
    // KernelsTests compares millions of numbers with its twins: optimized, as the kernels are.
    .testTarget(name: "KernelsTests", dependencies: ["Kernels", "Campaigns"], swiftSettings: forKernels),
    .testTarget(
      name: "RecurrentTests", dependencies: ["Recurrent", "Kernels", "Campaigns"], resources: [.copy("Fixtures")],
      swiftSettings: forCore),
    .testTarget(
      name: "RecurrentABITests", dependencies: ["RecurrentABI", "CRecurrent", "Recurrent", "Campaigns"],
      swiftSettings: forSwift),
  ]
)
