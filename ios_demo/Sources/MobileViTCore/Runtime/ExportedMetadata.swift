import Foundation

extension ModelBundle {
    /// Whether a model says of itself what the exporter wrote into an artifact of this bundle: the name
    /// of the architecture, the SHA-256 of the checkpoint, precision, preprocessing, and the labels in
    /// their order.
    ///
    /// A model of the same training that another release exported says the same; the self-test tells
    /// whether it computes the same.
    ///
    /// - Parameter metadata: what Core ML calls creator-defined, `ExportSpec.metadata` of
    ///   export/mobilevit_export/formats.py.
    public func isDescribed(by metadata: [String: String], as artifact: ArtifactRecord) -> Bool {
        metadata["model"] == manifest.model.name
            && metadata["checkpoint_sha256"] == manifest.model.checkpointSha256
            && metadata["precision"] == artifact.precision
            && decoded([String].self, metadata["labels"]) == labels
            && decoded(Preprocessing.self, metadata["preprocessing"]) == manifest.preprocessing
    }
}

/// Nil where there is no text, or it is not of the type: then it is not the exporter's.
private func decoded<Value: Decodable>(_ type: Value.Type, _ text: String?) -> Value? {
    text.flatMap { try? decodeStrictly(type, from: Data($0.utf8)) }
}
