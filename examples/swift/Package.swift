// swift-tools-version: 6.2
// A program of its own that uses the library: `swift run write model.safetensors 'the '`.

import PackageDescription

let package = Package(
  name: "examples",
  dependencies: [.package(name: "recurrent", path: "../..")],
  targets: [.executableTarget(name: "write", dependencies: [.product(name: "Recurrent", package: "recurrent")])]
)
