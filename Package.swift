// swift-tools-version:6.0
// At the root of the repository, as SwiftPM takes a package by its repository's URL. Everything is in
// ios_demo/; see its README.
import PackageDescription

let sources = "ios_demo/Sources"
let tests = "ios_demo/Tests"

let package = Package(
    name: "MobileViTKit",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [
        .library(name: "MobileViTKit", targets: ["MobileViTKit"]),
        .library(name: "MobileViTCore", targets: ["MobileViTCore"]),
        // for the demo's Xcode project alone, which takes of a package nothing but products
        .library(name: "MobileViTDemoModel", targets: ["MobileViTDemoModel"]),
        .executable(name: "mobilevit-bench", targets: ["mobilevit-bench"]),
    ],
    targets: [
        .target(name: "MobileViTCore", path: "\(sources)/MobileViTCore"),
        .target(
            name: "MobileViTKit", dependencies: ["MobileViTCore"], path: "\(sources)/MobileViTKit"),
        .target(
            name: "MobileViTDemoModel", dependencies: ["MobileViTCore"],
            path: "\(sources)/MobileViTDemoModel"),
        .executableTarget(
            name: "mobilevit-bench", dependencies: ["MobileViTCore", "MobileViTKit"],
            path: "\(sources)/mobilevit-bench"),
        .target(
            name: "MobileViTFixtures", dependencies: ["MobileViTCore"],
            path: "\(tests)/MobileViTFixtures"),
        .testTarget(
            name: "MobileViTCoreTests", dependencies: ["MobileViTCore", "MobileViTFixtures"],
            path: "\(tests)/MobileViTCoreTests"),
    ],
    swiftLanguageModes: [.v6]
)

#if os(Linux)
// Where there is no Core ML, ONNX Runtime runs the network, so that what is around it is run for
// real; and OpenSSL makes the hashes.
package.targets += [
    .systemLibrary(name: "CCrypto", path: "\(sources)/CCrypto"),
    .systemLibrary(name: "COnnxRuntime", path: "\(sources)/COnnxRuntime"),
    .target(
        name: "MobileViTONNX", dependencies: ["MobileViTCore", "COnnxRuntime"],
        path: "\(sources)/MobileViTONNX"),
    .testTarget(
        name: "MobileViTONNXTests", dependencies: ["MobileViTONNX", "MobileViTFixtures"],
        path: "\(tests)/MobileViTONNXTests"),
    .testTarget(
        name: "MobileViTDemoModelTests",
        dependencies: ["MobileViTDemoModel", "MobileViTONNX", "MobileViTFixtures"],
        path: "\(tests)/MobileViTDemoModelTests"),
]
for target in package.targets where target.name == "MobileViTCore" {
    target.dependencies += ["CCrypto"]
}
for target in package.targets where target.name == "mobilevit-bench" {
    target.dependencies += ["MobileViTONNX"]
}
#endif
