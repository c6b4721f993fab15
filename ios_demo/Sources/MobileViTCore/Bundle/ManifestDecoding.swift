// How the records of a manifest are decoded, in the order in which the Python reader looks at them.

extension Manifest {
    private enum CodingKeys: String, CodingKey {
        case schemaVersion = "schema_version"
        case created
        case sdkVersion = "sdk_version"
        case model, preprocessing, labels, classes, artifacts, golden, conformance, digest
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        _ = try fields.decode(SchemaVersion.self, forKey: .schemaVersion)
        created = try fields.decode(String.self, forKey: .created)
        sdkVersion = try fields.decode(String.self, forKey: .sdkVersion)
        model = try fields.decode(ModelRecord.self, forKey: .model)
        preprocessing = try fields.decode(Preprocessing.self, forKey: .preprocessing)
        labels = try fields.decode(LabelsRecord.self, forKey: .labels)
        classes = try fields.decodeIfThere([String].self, forKey: .classes) ?? []
        artifacts = try fields.decode(OneOrMore<ArtifactRecord>.self, forKey: .artifacts).items
        golden = try fields.decode(OneOrMore<GoldenRecord>.self, forKey: .golden).items
        conformance = try fields.decode(OneOrMore<ConformanceRecord>.self, forKey: .conformance)
            .items
        digest = try fields.decodeIfThere(Sha256Text.self, forKey: .digest)?.value ?? unsignedDigest
    }
}

extension ModelRecord {
    private enum CodingKeys: String, CodingKey {
        case name, parameters, checkpoint
        case checkpointSha256 = "checkpoint_sha256"
        case data, recipe, measured
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .name)
        parameters = try fields.decode(AnyInteger.self, forKey: .parameters).value
        checkpoint = try fields.decode(String.self, forKey: .checkpoint)
        checkpointSha256 = try fields.decode(Sha256Text?.self, forKey: .checkpointSha256)?.value
        _ = try fields.decodeIfThere([String: ClassSummary].self, forKey: .data)
        _ = try fields.decode([String: Anything].self, forKey: .recipe)
        _ = try fields.decode([String: Anything].self, forKey: .measured)
    }
}

/// A folder of photos that was evaluated on.
struct DataSummary: Decodable {
    let name: String
    let images: Amount
    let sha256: Sha256Text
}

/// A folder of photos that was trained on, with how many photos each class has.
private struct ClassSummary: Decodable {
    let name: String
    let images: Amount
    let sha256: Sha256Text
    let classes: [String: AnyInteger]
}

extension Preprocessing {
    private enum CodingKeys: String, CodingKey {
        case imageSize = "image_size"
        case cropFraction = "crop_fraction"
        case interpolation, channels, scale, mean, std
    }

    private enum Channels: String, Decodable, CaseIterable { case rgb }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        imageSize = try fields.decode(Pair<ImageSide>.self, forKey: .imageSize).items.map(\.value)
        cropFraction =
            try fields.decodeIfThere(CropFraction.self, forKey: .cropFraction)?.value ?? 0.9
        interpolation =
            try fields.decodeIfThere(Interpolation.self, forKey: .interpolation) ?? .bilinear
        _ = try fields.decodeIfThere(Channels.self, forKey: .channels)
        _ = try fields.decodeIfThere(Scale.self, forKey: .scale)
        _ = try fields.decodeIfThere(Triple<Double>.self, forKey: .mean)
        _ = try fields.decodeIfThere(Triple<Double>.self, forKey: .std)
    }
}

extension LabelsRecord {
    private enum CodingKeys: String, CodingKey {
        case file, sha256, count
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        file = try fields.decodeIfThere(BundlePath.self, forKey: .file)?.value ?? "labels.txt"
        sha256 = try fields.decode(Sha256Text.self, forKey: .sha256).value
        count = try fields.decode(LabelCount.self, forKey: .count).value
    }
}

extension GoldenRecord {
    private enum CodingKeys: String, CodingKey {
        case file, sha256, probabilities
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        file = try fields.decode(BundlePath.self, forKey: .file).value
        sha256 = try fields.decode(Sha256Text.self, forKey: .sha256).value
        probabilities = try fields.decode([Share].self, forKey: .probabilities).map(\.value)
    }
}

extension ConformanceRecord {
    private enum CodingKeys: String, CodingKey {
        case file, sha256, pixels
        case pixelsSha256 = "pixels_sha256"
        case tests
        case sameKernel = "same_kernel"
        case otherKernel = "other_kernel"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        file = try fields.decode(BundlePath.self, forKey: .file).value
        sha256 = try fields.decode(Sha256Text.self, forKey: .sha256).value
        pixels = try fields.decode(BundlePath.self, forKey: .pixels).value
        pixelsSha256 = try fields.decode(Sha256Text.self, forKey: .pixelsSha256).value
        tests = try fields.decode(String.self, forKey: .tests)
        sameKernel = try fields.decode(PixelTolerance.self, forKey: .sameKernel)
        otherKernel = try fields.decode(PixelTolerance.self, forKey: .otherKernel)
    }
}

extension PixelTolerance {
    private enum CodingKeys: String, CodingKey {
        case maxDifference = "max_difference"
        case meanDifference = "mean_difference"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        maxDifference = try fields.decode(Difference.self, forKey: .maxDifference).value
        meanDifference = try fields.decode(Difference.self, forKey: .meanDifference).value
    }
}
