// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "tyger",
  dependencies: [
    .package(url: "https://example.org/recurrent.git", from: "0.2.0")
  ],
  targets: [
    .executableTarget(
      name: "tyger",
      dependencies: [.product(name: "Recurrent", package: "recurrent")])
  ]
)
