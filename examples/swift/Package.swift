// swift-tools-version: 6.2
// Programs that use the library: `swift run generate model.safetensors 'the '`, what the README shows, and DocC's
// tutorial.

import PackageDescription

let package = Package(
  name: "examples",
  dependencies: [.package(name: "recurrent", path: "../..")],
  targets: ["generate", "readme", "tutorial"].map {
    .executableTarget(name: $0, dependencies: [.product(name: "Recurrent", package: "recurrent")])
  }
)
