import Foundation
import MobileViTCore
import XCTest

@testable import MobileViTONNX

final class OnnxRuntimeTests: XCTestCase {
    private let float = 1
    private let uint8 = 2
    private let string = 8
    private let types: [Int: DType] = [
        1: .float32, 2: .uint8, 3: .int8, 6: .int32, 7: .int64, 10: .float16, 11: .float64,
    ]

    func testItNamesItselfItsVersionAndItsDelegates() async throws {
        let runtime = try OnnxRuntime()
        XCTAssertEqual(runtime.name, "onnxruntime")
        XCTAssertEqual(runtime.version.split(separator: ".").compactMap { Int($0) }.count, 3)
        XCTAssertEqual(runtime.delegates, ["cpu"])
        XCTAssertEqual(runtime.suffixes, [".onnx"])
        let predictor = try await open(float, [2])
        XCTAssertEqual(predictor.delegate, "CPUExecutionProvider")
    }

    func testEveryTypeOfElementGoesInAndComesOutAsItIs() async throws {
        for (type, dtype) in types {
            let predictor = try await open(type, [1, 5])
            XCTAssertEqual(predictor.inputs, [TensorSpec(name: "x", shape: [1, 5], dtype: dtype)])
            XCTAssertEqual(predictor.outputs, [TensorSpec(name: "y", shape: [1, 5], dtype: dtype)])
            let numbers = [0, 1, 2, 100, 127]
            XCTAssertEqual(
                try predictor.given(bytes(numbers, as: dtype)), numbers.map { Float($0) })
        }
    }

    func testAScalarIsATensorOfOne() async throws {
        let predictor = try await open(float, [])
        XCTAssertEqual(try predictor.given(bytes([7], as: .float32)), [7])
    }

    func testWhatIsFedIsWhatTheNextRunsRead() async throws {
        let predictor = try await open(uint8, [4])
        XCTAssertEqual(try predictor.given(Data([1, 2, 3, 4])), [1, 2, 3, 4])
        try predictor.feed(["x": Data([5, 6, 7, 8])])
        // a feed is not a run
        XCTAssertThrowsError(try predictor.output("y"))
        for _ in 0..<2 {
            try predictor.run()
            XCTAssertEqual(try predictor.output("y"), .values([5, 6, 7, 8]))
        }
    }

    func testAPieceOfALargerBufferIsFed() async throws {
        let predictor = try await open(uint8, [4])
        let large = Data(0..<20)
        XCTAssertEqual(try predictor.given(large[3..<7]), [3, 4, 5, 6])
    }

    func testADynamicBatchIsAsLargeAsWhatIsFed() async throws {
        let predictor = try await open(float, ["batch", 3])
        XCTAssertEqual(predictor.inputs.map(\.shape), [[-1, 3]])
        for batch in [2, 5, 1, 5] {
            let numbers = Array(0..<3 * batch)
            XCTAssertEqual(
                try predictor.given(bytes(numbers, as: .float32)), numbers.map { Float($0) })
        }
        for count in [13, 0] {
            XCTAssertEqual(kind { try predictor.feed(["x": Data(count: count)]) }, .input)
        }
    }

    func testAFeedThatIsMissingUnknownOrOfAnotherSizeIsRefusedAndTheOneBeforeStays() async throws {
        let predictor = try await open(float, [3])
        XCTAssertEqual(kind { try predictor.run() }, .input)
        XCTAssertEqual(try predictor.given(bytes([1, 2, 3], as: .float32)), [1, 2, 3])
        for feeds in [[:], ["x": Data(count: 11)], ["x": Data(count: 24)], ["z": Data(count: 12)]] {
            XCTAssertEqual(kind { try predictor.feed(feeds) }, .input)
        }
        try predictor.run()
        XCTAssertEqual(try predictor.output("y"), .values([1, 2, 3]))
        XCTAssertEqual(kind { _ = try predictor.output("x") }, .input)
    }

    func testWhatIsNoModelOrIsOfTypesThatAreNotKnownIsRefusedInOneLine() async throws {
        let runtime = try OnnxRuntime()
        for artifact in [
            try modelFile(Data(), for: self),
            try modelFile(Data((0..<5000).map { UInt8($0 % 50) }), for: self),
            try model(string, [1], for: self),
            try model(float, [1, "width"], for: self),
            try model(99, [1], for: self),
            // of any batch, whatever is fed
            try model(of: "Unique", float, [2], outputs: ["batch"], for: self),
            URL(fileURLWithPath: "/no/such/model.onnx"),
        ] {
            do {
                _ = try await runtime.load(artifact, sha256: "", threads: 1, delegate: "cpu")
                XCTFail("\(artifact.lastPathComponent) was opened")
            } catch let error as MobileViTError {
                XCTAssertEqual(error.kind, .refused, error.message)
                XCTAssertFalse(error.message.contains("\n"), error.message)
            }
        }
    }

    func testATensorThatNoMemoryHoldsIsRefused() async throws {
        let side = 1 << 40
        let fed = try await open(float, [.fixed(side), .fixed(side)])
        XCTAssertEqual(kind { try fed.feed(["x": Data(count: 4)]) }, .refused)
        let artifact = try model(of: "Unique", float, [2], outputs: [.fixed(side)], for: self)
        let given = try await OnnxRuntime().load(
            artifact, sha256: "", threads: 1, delegate: "cpu")
        XCTAssertEqual(kind { try given.feed(["x": Data(count: 8)]) }, .refused)
    }

    func testADelegateOrANumberOfThreadsThatCannotBeIsRefused() async throws {
        let runtime = try OnnxRuntime()
        let artifact = try model(float, [1], for: self)
        let asked: [(Int, String, MobileViTError.Kind)] = [
            (1, "gpu", .refused), (0, "cpu", .input), (Int.max, "cpu", .input),
        ]
        for (threads, delegate, expected) in asked {
            do {
                _ = try await runtime.load(
                    artifact, sha256: "", threads: threads, delegate: delegate)
                XCTFail("\(threads) threads on \(delegate)")
            } catch let error as MobileViTError {
                XCTAssertEqual(error.kind, expected)
            }
        }
    }

    func testACancelledTaskOpensNothing() async throws {
        let artifact = try model(float, [1], for: self)
        let opening = Task {
            // cancellation has come by then, however late this task starts
            while !Task.isCancelled { await Task.yield() }
            _ = try await OnnxRuntime().load(artifact, sha256: "", threads: 1, delegate: "cpu")
        }
        opening.cancel()
        do {
            try await opening.value
            XCTFail("it was opened")
        } catch is CancellationError {}
    }

    func testWhatWasOpenedIsFreed() async throws {
        let artifact = try model(float, ["batch", 1_000_000], for: self)
        let runtime = try OnnxRuntime()
        var before = 0
        for round in 0..<60 {
            let predictor = try await runtime.load(
                artifact, sha256: "", threads: 2, delegate: "cpu")
            for batch in [1, 2, 1] { try predictor.feed(["x": Data(count: 4_000_000 * batch)]) }
            if round == 10 { before = try residentBytes() }
        }
        // kept, fifty rounds would be more than 400 MB
        XCTAssertLessThan(try residentBytes() - before, 100_000_000)
    }

    private func open(_ type: Int, _ sides: [Side]) async throws -> sending any Predictor {
        let artifact = try model(type, sides, for: self)
        return try await OnnxRuntime().load(artifact, sha256: "", threads: 1, delegate: "cpu")
    }

    private func kind(_ work: () throws -> Void) -> MobileViTError.Kind? {
        var kind: MobileViTError.Kind?
        XCTAssertThrowsError(try work()) { kind = ($0 as? MobileViTError)?.kind }
        return kind
    }
}

extension Predictor {
    fileprivate func given(_ bytes: Data) throws -> [Float]? {
        try feed(["x": bytes])
        try run()
        guard case .values(let values) = try output("y") else { return nil }
        return values
    }
}

private func bytes(_ numbers: [Int], as dtype: DType) -> Data {
    numbers.reduce(into: Data()) { data, number in
        switch dtype {
        case .float16: data.append(value: Float16(number))
        case .float32: data.append(value: Float(number))
        case .float64: data.append(value: Double(number))
        case .uint8, .int8: data.append(UInt8(number))
        case .int32: data.append(value: Int32(number))
        case .int64: data.append(value: Int64(number))
        }
    }
}

extension Data {
    fileprivate mutating func append<Value: BitwiseCopyable>(value: Value) {
        Swift.withUnsafeBytes(of: value) { append(contentsOf: $0) }
    }
}

private func residentBytes() throws -> Int {
    let statm = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = try XCTUnwrap(statm.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    return pages * 4096
}
