import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

final class MobileViTClassifierTests: XCTestCase {
    func testAGoldenImageGetsTheGoldenProbabilities() async throws {
        let classifier = try await open()
        XCTAssertEqual(classifier.artifact.file, "mobilevit_xxs_fp32.onnx")
        XCTAssertNil(classifier.refusal)
        for (image, expected) in try golden(of: classifier.bundle) {
            let given = try await classifier.classify(image, top: 10)
            XCTAssertEqual(given.predictions.map(\.index), topK(expected, count: 10))
            for prediction in given.predictions {
                XCTAssertEqual(prediction.probability, expected[prediction.index], accuracy: 1e-4)
            }
        }
    }

    func testManyImagesAtOnceEachGetTheirOwnAnswerOneAfterTheOther() async throws {
        let watch = Watch()
        let classifier = try await open(WrappedRuntime { WatchedPredictor($0, watch: watch) })
        let images = try golden(of: classifier.bundle).map(\.0)
        var alone: [[Prediction]] = []
        for image in images {
            alone.append(try await classifier.classify(image).predictions)
        }
        let together = try await withThrowingTaskGroup(of: (Int, [Prediction]).self) { group in
            for index in 0..<40 {
                group.addTask {
                    let image = images[index % images.count]
                    return (index, try await classifier.classify(image).predictions)
                }
            }
            return try await group.reduce(into: [Int: [Prediction]]()) { $0[$1.0] = $1.1 }
        }
        XCTAssertEqual(together.count, 40)
        for (index, predictions) in together {
            XCTAssertEqual(predictions, alone[index % images.count])
        }
        XCTAssertEqual(watch.runs, 40 + images.count)
        XCTAssertEqual(watch.atOnce, 1)
    }

    func testItRunsOffTheMainThread() async throws {
        let watch = Watch()
        let classifier = try await open(WrappedRuntime { WatchedPredictor($0, watch: watch) })
        let image = try XCTUnwrap(golden(of: classifier.bundle).first?.0)
        try await fromTheMainThread { _ = try await classifier.classify(image) }
        XCTAssertEqual(watch.runs, 1)
        XCTAssertEqual(watch.onMainThread, 0)
    }

    func testATaskThatWasCancelledBeforeItsTurnRunsNothing() async throws {
        let watch = Watch()
        let classifier = try await open(WrappedRuntime { WatchedPredictor($0, watch: watch) })
        let image = try XCTUnwrap(golden(of: classifier.bundle).first?.0)
        let asking = Task {
            // cancellation has come by then, however late this task starts
            while !Task.isCancelled { await Task.yield() }
            return try await classifier.classify(image)
        }
        asking.cancel()
        do {
            _ = try await asking.value
            XCTFail("it was classified")
        } catch is CancellationError {}
        XCTAssertEqual(watch.runs, 0)
        _ = try await classifier.classify(image)
        XCTAssertEqual(watch.runs, 1)
    }

    func testADelegateThatRefusesGivesWayAndThatIsTold() async throws {
        let classifier = try await open(delegate: "gpu")
        XCTAssertEqual(classifier.refusal, "ONNX Runtime has no delegate `gpu` here")
        XCTAssertEqual(classifier.delegate, "CPUExecutionProvider")
    }

    func testWithoutFallbackItIsAnError() async throws {
        do {
            _ = try await open(delegate: "gpu", fallback: false)
            XCTFail("it was opened")
        } catch let error as MobileViTError {
            XCTAssertEqual(error.kind, .refused)
            XCTAssertEqual(error.hint, "it has cpu")
        }
    }

    func testWhereAllRefuseTheFirstRefusalIsTold() async throws {
        let bundle = try signedBundle("refused", "mobilevit_xxs_fp32.onnx") { $0.prefix(100) }
        do {
            _ = try await MobileViTClassifier(bundle, runtime: OnnxRuntime(), delegate: "gpu")
            XCTFail("it was opened")
        } catch let error as MobileViTError {
            XCTAssertEqual(error.message, "ONNX Runtime has no delegate `gpu` here")
        }
    }

    func testNoBundleAndNoSuchArtifactAreRefusedInWords() async throws {
        let folder = try Inputs.out("no-bundle")
        for (folder, artifact) in [(folder, nil), (try Inputs.bundle(), "other.onnx")] {
            do {
                _ = try await MobileViTClassifier(
                    bundle: folder, runtime: OnnxRuntime(), artifact: artifact)
                XCTFail("it was opened")
            } catch let error as MobileViTError {
                XCTAssertEqual(error.kind, .bundle)
                XCTAssertTrue(error.message.contains(folder.lastPathComponent), error.message)
            }
        }
    }

    func testTheSelfTestPasses() async throws {
        let images = try DecodedImages()
        let result = try await open().selfTest { try images.decode($0) }
        XCTAssertEqual(result.faults, [])
        XCTAssertTrue(result.passed)
    }
}

private func open(
    _ runtime: (any InferenceRuntime)? = nil, delegate: String? = nil, fallback: Bool = true
) async throws -> MobileViTClassifier {
    try await MobileViTClassifier(
        bundle: Inputs.bundle(), runtime: runtime ?? OnnxRuntime(), delegate: delegate,
        fallback: fallback)
}

private func golden(of bundle: ModelBundle) throws -> [(RGBImage, [Float])] {
    let images = try DecodedImages()
    return try bundle.manifest.golden.map {
        let image = try images.decode(bundle.read($0.file, sha256: $0.sha256))
        return (image, $0.probabilities.map { Float($0) })
    }
}

@MainActor
private func fromTheMainThread(_ work: @MainActor () async throws -> Void) async throws {
    XCTAssertTrue(Thread.isMainThread)
    try await work()
}

/// What was seen of runs.
private final class Watch: @unchecked Sendable {
    // Sendable: the lock is held wherever a field is read or written.
    private let lock = NSLock()
    private var running = 0
    private var counted = (runs: 0, atOnce: 0, onMainThread: 0)

    var runs: Int { lock.withLock { counted.runs } }
    var atOnce: Int { lock.withLock { counted.atOnce } }
    var onMainThread: Int { lock.withLock { counted.onMainThread } }

    func during<Result>(_ work: () throws -> Result) rethrows -> Result {
        lock.withLock {
            running += 1
            counted.runs += 1
            counted.atOnce = max(counted.atOnce, running)
            counted.onMainThread += Thread.isMainThread ? 1 : 0
        }
        defer { lock.withLock { running -= 1 } }
        return try work()
    }
}

private final class WatchedPredictor: WrappedPredictor {
    private let watch: Watch

    init(_ real: any Predictor, watch: Watch) {
        self.watch = watch
        super.init(real)
    }

    override func run() throws { try watch.during { try super.run() } }
}
