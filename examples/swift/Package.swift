// swift-tools-version: 6.2
// A program that uses the library: `swift run generate model.safetensors 'the '`.

import PackageDescription

let package = Package(
  name: "examples",
  dependencies: [.package(name: "recurrent", path: "../..")],
  targets: [.executableTarget(name: "generate", dependencies: [.product(name: "Recurrent", package: "recurrent")])]
)
