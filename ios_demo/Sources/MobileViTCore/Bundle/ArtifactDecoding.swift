// How the record of an artifact is decoded, in the order in which the Python reader looks at it.

extension ArtifactRecord {
    private enum CodingKeys: String, CodingKey {
        case file, format, precision, layout, sha256, size, input, output, parity, accuracy
        case quantization, sibling, needs, tools
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        file = try fields.decode(BundlePath.self, forKey: .file).value
        format = try fields.decode(String.self, forKey: .format)
        precision = try fields.decode(String.self, forKey: .precision)
        layout = try fields.decodeIfThere(GraphLayout.self, forKey: .layout) ?? .plain
        sha256 = try fields.decode(Sha256Text.self, forKey: .sha256).value
        size = try fields.decode(ByteCount.self, forKey: .size).value
        input = try fields.decode(TensorRecord.self, forKey: .input)
        output = try fields.decode(TensorRecord.self, forKey: .output)
        parity = try fields.decode(ParityRecord.self, forKey: .parity)
        accuracy = try fields.decodeIfThere([AccuracyRecord].self, forKey: .accuracy) ?? []
        quantization =
            try fields.decodeIfThere(QuantizationRecord?.self, forKey: .quantization) ?? nil
        sibling = try fields.decodeIfThere(SiblingRecord?.self, forKey: .sibling) ?? nil
        needs = try fields.decodeIfThere([String: String].self, forKey: .needs) ?? [:]
        tools = try fields.decode([String: String].self, forKey: .tools)
    }
}

extension TensorRecord {
    private enum CodingKeys: String, CodingKey {
        case name, kind, shape
        case moreShapes = "more_shapes"
        case dtype, layout, range
    }

    private enum Kind: String, Decodable, CaseIterable { case tensor, image, dictionary }
    private enum ElementType: String, Decodable, CaseIterable { case float32, float16, uint8 }
    private enum Layout: String, Decodable, CaseIterable { case NCHW, NHWC, NC }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(TensorName.self, forKey: .name).value
        kind = (try fields.decodeIfThere(Kind.self, forKey: .kind) ?? .tensor).rawValue
        shape = try fields.decode([TensorSide].self, forKey: .shape).map(\.value)
        _ = try fields.decodeIfThere([[TensorSide]].self, forKey: .moreShapes)
        dtype = try fields.decode(ElementType.self, forKey: .dtype).rawValue
        layout = try fields.decode(Layout.self, forKey: .layout).rawValue
        _ = try fields.decode(Pair<Double>.self, forKey: .range)
    }
}

extension ParityRecord {
    private enum CodingKeys: String, CodingKey {
        case runtime
        case runtimeVersion = "runtime_version"
        case images
        case imageSource = "image_source"
        case maxAbsDifference = "max_abs_difference"
        case top1Agreement = "top1_agreement"
        case psnrDb = "psnr_db"
        case worstImage = "worst_image"
        case tolerance
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        runtime = try fields.decode(String.self, forKey: .runtime)
        runtimeVersion = try fields.decode(String.self, forKey: .runtimeVersion)
        _ = try fields.decode(AnyInteger.self, forKey: .images)
        imageSource = try fields.decode(String.self, forKey: .imageSource)
        maxAbsDifference = try fields.decode(Measured.self, forKey: .maxAbsDifference).value
        top1Agreement = try fields.decode(Measured.self, forKey: .top1Agreement).value
        psnrDb = try fields.decode(Measured?.self, forKey: .psnrDb)?.value
        worstImage = try fields.decode(String.self, forKey: .worstImage)
        tolerance = try fields.decode(ToleranceRecord.self, forKey: .tolerance)
    }
}

extension ToleranceRecord {
    private enum CodingKeys: String, CodingKey {
        case maxAbsDifference = "max_abs_difference"
        case top1Agreement = "top1_agreement"
        case psnrDb = "psnr_db"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        maxAbsDifference = try fields.decode(Double.self, forKey: .maxAbsDifference)
        top1Agreement = try fields.decode(Share.self, forKey: .top1Agreement).value
        psnrDb = try fields.decode(Double.self, forKey: .psnrDb)
    }
}

extension AccuracyRecord {
    private enum CodingKeys: String, CodingKey {
        case runtime
        case runtimeVersion = "runtime_version"
        case data, top1, top5, measured
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        runtime = try fields.decode(String.self, forKey: .runtime)
        runtimeVersion = try fields.decode(String.self, forKey: .runtimeVersion)
        data = try fields.decode(DataSummary.self, forKey: .data).name
        top1 = try fields.decode(Share.self, forKey: .top1).value
        top5 = try fields.decode(Share.self, forKey: .top5).value
        measured = try fields.decode(String.self, forKey: .measured)
    }
}

extension CalibrationRecord {
    private enum CodingKeys: String, CodingKey {
        case source, images, sha256
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        source = try fields.decode(String.self, forKey: .source)
        _ = try fields.decode(Positive.self, forKey: .images)
        sha256 = try fields.decode(Sha256Text?.self, forKey: .sha256)?.value
    }
}

extension QuantizationRecord {
    private enum CodingKeys: String, CodingKey {
        case calibration, repairs
        case keptFloat = "kept_float"
        case agreement
        case top1Drop = "top1_drop"
        case maxDrop = "max_drop"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        calibration = try fields.decode(CalibrationRecord?.self, forKey: .calibration)
        repairs = try fields.decodeIfThere([String].self, forKey: .repairs) ?? []
        keptFloat = try fields.decodeIfThere([String].self, forKey: .keptFloat) ?? []
        agreement = try fields.decodeIfThere(Share?.self, forKey: .agreement)??.value
        top1Drop = try fields.decodeIfThere(Double?.self, forKey: .top1Drop) ?? nil
        maxDrop = try fields.decode(Share.self, forKey: .maxDrop).value
    }
}

extension SiblingRecord {
    private enum CodingKeys: String, CodingKey {
        case file, runtime
        case runtimeVersion = "runtime_version"
        case machine, speedup, low, high, faults
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        file = try fields.decode(BundlePath.self, forKey: .file).value
        runtime = try fields.decode(String.self, forKey: .runtime)
        runtimeVersion = try fields.decode(String.self, forKey: .runtimeVersion)
        machine = try fields.decode(String.self, forKey: .machine)
        speedup = try fields.decode(Double.self, forKey: .speedup)
        low = try fields.decode(Double.self, forKey: .low)
        high = try fields.decode(Double.self, forKey: .high)
        faults = try fields.decodeIfThere([String].self, forKey: .faults) ?? []
    }
}
