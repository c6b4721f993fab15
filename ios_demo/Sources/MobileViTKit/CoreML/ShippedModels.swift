#if canImport(CoreML)
import CoreML
import Foundation
import MobileViTCore

/// Models that Xcode compiled into an app's resources, of a bundle that lies beside them.
struct ShippedModels: Sendable {
    let bundle: ModelBundle
    let resources: URL

    /// The model of the artifact's name, where there is one that says of itself what the bundle does;
    /// nil: none, or another one.
    ///
    /// - Throws: `MobileViTError` of kind `refused`: Core ML does not load it.
    func model(of artifact: URL, configuration: MLModelConfiguration) async throws -> MLModel? {
        let name = artifact.deletingPathExtension().lastPathComponent
        let compiled = resources.appendingPathComponent("\(name).mlmodelc", isDirectory: true)
        guard FileManager.default.fileExists(atPath: compiled.path) else { return nil }
        do {
            let model = try await MLModel.load(contentsOf: compiled, configuration: configuration)
            let metadata = model.modelDescription.metadata[.creatorDefinedKey]
            guard let metadata = metadata as? [String: String],
                let record = bundle.manifest.artifacts.first(where: {
                    $0.file == artifact.lastPathComponent
                }), bundle.isDescribed(by: metadata, as: record)
            else { return nil }
            return model
        } catch {
            throw refusal("Core ML does not open the app's own `\(name).mlmodelc`", error)
        }
    }
}
#endif
