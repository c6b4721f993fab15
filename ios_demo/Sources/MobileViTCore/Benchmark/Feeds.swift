import Foundation

/// What a predictor is run with: the arrays of the plan's files, or drawn ones of `batch` where it
/// has none. Bytes in C order, little-endian.
///
/// - Throws: `MobileViTError` of kind `input`: they are not what the artifact takes.
func feeds(
    _ planned: [PlannedFeed]?, folder: URL, inputs: [TensorSpec], batch: Int, seed: Int
) throws -> [String: Data] {
    guard let planned else { return try drawFeeds(inputs, batch: batch, seed: seed) }
    try check(planned, inputs)
    return try Dictionary(
        planned.map { ($0.name, try read($0, folder: folder)) }, uniquingKeysWith: { $1 })
}

/// Floats uniform in 0..255, as of a photo; bytes over their whole range.
func drawFeeds(_ inputs: [TensorSpec], batch: Int, seed: Int) throws -> [String: Data] {
    var random = SplitMix64(seed: seed)
    var drawn: [String: Data] = [:]
    for spec in inputs { drawn[spec.name] = try draw(spec, batch: batch, &random) }
    return drawn
}

private func draw(_ spec: TensorSpec, batch: Int, _ random: inout SplitMix64) throws -> Data {
    let shape = spec.shape.first == any ? [batch] + spec.shape.dropFirst() : spec.shape
    guard batch == 1 || shape.first == batch else {
        throw MobileViTError(.input, "the batch of input \(named(spec)) is fixed, and not \(batch)")
    }
    guard !shape.contains(any), let count = product(shape),
        let size = product([count, spec.dtype.bytes])
    else { throw undrawable(spec) }
    guard size <= mostDrawn else {
        throw MobileViTError(.input, "a batch of \(batch) is too large for input \(named(spec))")
    }
    var data = Data(capacity: size)
    switch spec.dtype {
    case .float32:
        for _ in 0..<count { data.append(littleEndian: Float(random.unit() * 255).bitPattern) }
    case .float64:
        for _ in 0..<count { data.append(littleEndian: (random.unit() * 255).bitPattern) }
    case .float16:
        for _ in 0..<count { data.append(littleEndian: halfBits(Float(random.unit() * 255))) }
    case .uint8, .int8:
        for _ in 0..<count { data.append(UInt8(truncatingIfNeeded: random.next() >> 56)) }
    case .int32, .int64:
        throw undrawable(spec)
    }
    return data
}

private func undrawable(_ spec: TensorSpec) -> MobileViTError {
    MobileViTError(
        .input, "no feed can be drawn for input \(named(spec))",
        hint: "give feeds, as of a bundle's golden images"
    )
}

/// A number of 0..255 as the nearest half-precision float, ties to even; below 2^-14 it becomes 0.
/// `Float16` is not there on Intel Macs.
func halfBits(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let exponent = Int(bits >> 23) - 127 + 15
    guard exponent > 0 else { return 0 }
    let exact = UInt16(exponent << 10) | UInt16(bits >> 13 & 0x3ff)
    let rest = bits & 0x1fff
    // a carry goes into the exponent, as it should
    return rest > 0x1000 || (rest == 0x1000 && exact & 1 == 1) ? exact + 1 : exact
}

extension Data {
    fileprivate mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

/// In the words of the Python runner.
private func check(_ planned: [PlannedFeed], _ inputs: [TensorSpec]) throws {
    guard Set(planned.map(\.name)) == Set(inputs.map(\.name)) else {
        let given = planned.isEmpty ? "none" : quoted(planned.map(\.name))
        throw MobileViTError(
            .input, "the model takes the inputs \(quoted(inputs.map(\.name))); given: \(given)")
    }
    for spec in inputs {
        guard let given = planned.last(where: { $0.name == spec.name }) else { continue }
        let fits =
            given.shape.count == spec.shape.count
            && zip(given.shape, spec.shape).allSatisfy { $1 == any || $0 == $1 }
        guard fits, given.dtype == spec.dtype.rawValue else {
            let told = named(given.name, given.dtype, given.shape)
            throw MobileViTError(.input, "the model takes \(named(spec)); given: \(told)")
        }
    }
}

private func read(_ planned: PlannedFeed, folder: URL) throws -> Data {
    let content = try readFile(folder.appendingPathComponent(planned.file), named: planned.file)
    // checked before to be of a type that there is
    let bytes = DType(rawValue: planned.dtype)?.bytes ?? 0
    guard content.count == product(planned.shape + [bytes]) else {
        throw MobileViTError(
            .input, "`\(planned.file)` does not hold \(planned.dtype) \(planned.shape)")
    }
    return content
}

/// Nil: more than can be counted.
private func product(_ numbers: [Int]) -> Int? {
    var product = 1
    for number in numbers {
        let (next, overflow) = product.multipliedReportingOverflow(by: number)
        if overflow { return nil }
        product = next
    }
    return product
}

private func quoted(_ names: [String]) -> String {
    names.map { "`\($0)`" }.joined(separator: ", ")
}

private func named(_ spec: TensorSpec) -> String {
    named(spec.name, spec.dtype.rawValue, spec.shape)
}

private func named(_ name: String, _ dtype: String, _ shape: [Int]) -> String {
    let sides = shape.map { $0 == any ? "any" : "\($0)" }.joined(separator: ", ")
    return "`\(name)`, \(dtype) (\(sides))"
}

/// A side that is dynamic.
private let any = -1

/// Bytes; a phone has no more to spare.
private let mostDrawn = 1 << 30
