#if canImport(CoreML)
import CoreML
import Foundation
import MobileViTCore

/// Core ML. Compiles an artifact once, and keeps what it compiled: see `CompiledModels`.
///
/// Where the app's resources hold a model of the artifact's name that Xcode compiled (the `.mlpackage`
/// is in the target's Sources phase too), and it says of itself what the bundle does, that one is
/// loaded, and a first start compiles nothing. See `ModelBundle.isDescribed(by:as:)` for what this proves.
public struct CoreMLRuntime: InferenceRuntime {
    private let compiled: CompiledModels
    private let shipped: ShippedModels?

    /// - Parameters:
    ///   - bundle: whose artifacts Xcode may have compiled into the app; nil: all are compiled here.
    ///   - resources: of the app.
    ///   - compiled: where compiled models are kept; nil: in Application Support.
    /// - Throws: `MobileViTError` of kind `storage`: there is no such folder.
    public init(
        for bundle: ModelBundle? = nil, resources: URL? = Bundle.main.resourceURL,
        compiled: CompiledModels? = nil
    ) throws {
        self.compiled = try compiled ?? CompiledModels(folder: Self.defaultFolder())
        shipped = bundle.flatMap { bundle in
            resources.map { ShippedModels(bundle: bundle, resources: $0) }
        }
    }

    public var name: String { "coreml" }

    public var version: String {
        let system = ProcessInfo.processInfo.operatingSystemVersion
        return "\(system.majorVersion).\(system.minorVersion).\(system.patchVersion)"
    }

    public var suffixes: [String] { [".mlpackage", ".mlmodel"] }
    public var delegates: [String] { computeUnits.map(\.key) }

    public func load(
        _ artifact: URL, sha256: String, threads: Int, delegate: String
    ) async throws -> sending any Predictor {
        guard let units = computeUnits.first(where: { $0.key == delegate })?.value else {
            throw MobileViTError(
                .refused, "Core ML has no delegate `\(delegate)` here",
                hint: "it has \(delegates.joined(separator: ", "))")
        }
        let configuration = MLModelConfiguration()
        configuration.computeUnits = units
        let model = try await model(of: artifact, sha256: sha256, configuration: configuration)
        try Task.checkCancellation()
        return try CoreMLPredictor(
            model, name: artifact.lastPathComponent, delegate: "Core ML, \(delegate)")
    }

    private func model(
        of artifact: URL, sha256: String, configuration: MLModelConfiguration
    ) async throws -> MLModel {
        if let model = try await shipped?.model(of: artifact, configuration: configuration) {
            return model
        }
        if let kept = try compiled.find(sha256) {
            do {
                return try await MLModel.load(contentsOf: kept, configuration: configuration)
            } catch {
                // a disk that lost some of it, say: what is wrong with the artifact itself, or with
                // the compute units, fails below again, and is told then
                try compiled.discard(sha256)
            }
        }
        do {
            try Task.checkCancellation()
            let fresh = try await MLModel.compileModel(at: artifact)
            let kept = try compiled.keep(fresh, of: sha256)
            return try await MLModel.load(contentsOf: kept, configuration: configuration)
        } catch {
            throw refusal("Core ML does not open `\(artifact.lastPathComponent)`", error)
        }
    }

    private static func defaultFolder() throws -> URL {
        do {
            return try FileManager.default
                .url(
                    for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil,
                    create: true
                )
                .appendingPathComponent("MobileViT/compiled", isDirectory: true)
        } catch {
            throw MobileViTError(
                .storage, "there is no place for compiled models: \(error.localizedDescription)")
        }
    }
}

/// What Core ML throws, in words; what is ours or a cancellation stays as it is.
func refusal(_ words: String, _ error: any Error) -> any Error {
    if error is MobileViTError || error is CancellationError { return error }
    let reason = error.localizedDescription.split(whereSeparator: \.isNewline).first ?? ""
    return MobileViTError(.refused, "\(words): \(reason)")
}
#endif
