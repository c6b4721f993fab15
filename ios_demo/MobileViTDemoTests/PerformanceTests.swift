import Foundation
import MobileViTCore
import MobileViTKit
import XCTest

/// Time, memory and processor time of what a frame of the camera takes, by Xcode's own metrics, so that
/// a change that makes it slower is seen beside the code. Xcode keeps a baseline for each of these tests
/// and each device. What is published is measured by the benchmark of the app, whose protocol tells its
/// spread and what disturbed it.
///
/// Run it on a phone, in a release build: of the simulator's times none is a phone's.
final class PerformanceTests: XCTestCase {
    // MARK: - Inference

    @MainActor func testInferenceOnAllComputeUnits() async throws {
        try await measureInference("all")
    }

    @MainActor func testInferenceOnNeuralEngine() async throws {
        try await measureInference("cpu+ne")
    }

    @MainActor func testInferenceOnGPU() async throws {
        try await measureInference("cpu+gpu")
    }

    @MainActor func testInferenceOnCPU() async throws {
        try await measureInference("cpu")
    }

    // MARK: - Loading

    func testLoadingOnAllComputeUnits() throws { try measureLoading("all") }
    func testLoadingOnNeuralEngine() throws { try measureLoading("cpu+ne") }
    func testLoadingOnGPU() throws { try measureLoading("cpu+gpu") }
    func testLoadingOnCPU() throws { try measureLoading("cpu") }

    // MARK: - Preprocessing

    /// Of a photo of twelve megapixels.
    func testPreprocessingAPhoto() throws { try measurePreprocessing(width: 4032, height: 3024) }

    /// Of a frame of the live camera.
    func testPreprocessingAFrame() throws { try measurePreprocessing(width: 1280, height: 720) }

    // MARK: - How it is measured

    /// Twenty runs at a time, as one is shorter than what the metrics resolve; on the main thread, where
    /// XCTest measures what is not asynchronous.
    @MainActor private func measureInference(_ delegate: String) async throws {
        let bundle = try embeddedBundle()
        let classifier = try await ImageClassifier.open(
            bundle, runtime: CoreMLRuntime(for: bundle), delegate: delegate)
        let pixels = noise(CropResizer(bundle.manifest.preprocessing).byteCount)
        // what is put off until then is no part of a run
        for _ in 0..<10 { _ = try classifier.probabilities(of: pixels) }
        try measureThrowing {
            for _ in 0..<20 { _ = try classifier.probabilities(of: pixels) }
        }
    }

    /// Of a model that was compiled before, as every start of an app but the first.
    private func measureLoading(_ delegate: String) throws {
        let bundle = try embeddedBundle()
        let runtime = try CoreMLRuntime(for: bundle)
        let load: @Sendable () async throws -> Void = {
            _ = try await ImageClassifier.open(bundle, runtime: runtime, delegate: delegate)
        }
        try wait(for: load)
        try measureThrowing { try self.wait(for: load) }
    }

    private func measurePreprocessing(width: Int, height: Int) throws {
        let resizer = CropResizer(try embeddedBundle().manifest.preprocessing)
        let image = try RGBImage(width: width, height: height, pixels: noise(3 * width * height))
        try measureThrowing { _ = try resizer.crop(image) }
    }

    private func measureThrowing(_ work: () throws -> Void) throws {
        var failure: (any Error)?
        let options = XCTMeasureOptions()
        options.iterationCount = 10
        measure(
            metrics: [XCTClockMetric(), XCTMemoryMetric(), XCTCPUMetric()], options: options
        ) {
            do { try work() } catch { failure = error }
        }
        if let failure { throw failure }
    }

    /// `measure` takes nothing asynchronous.
    private func wait(for work: @escaping @Sendable () async throws -> Void) throws {
        let done = expectation(description: "done")
        let ending = Ending()
        Task {
            do { try await work() } catch { ending.set(error) }
            done.fulfill()
        }
        // the first load for the Neural Engine compiles the model
        wait(for: [done], timeout: 300)
        if let failure = ending.failure { throw failure }
    }

    /// What `mobilevit embed` put into the app.
    private func embeddedBundle() throws -> ModelBundle {
        guard let folder = Bundle.main.url(forResource: "MobileViT", withExtension: "bundle") else {
            throw XCTSkip("no bundle in the app: run `mobilevit embed` on it first")
        }
        return try ModelBundle(folder: folder)
    }
}

/// How a task ended. Sendable: it is read and written under the lock.
private final class Ending: @unchecked Sendable {
    private let lock = NSLock()
    private var error: (any Error)?

    var failure: (any Error)? { lock.withLock { error } }

    func set(_ error: any Error) { lock.withLock { self.error = error } }
}

/// Bytes that no run of zeros makes faster, the same each time.
private func noise(_ count: Int) -> [UInt8] {
    var state: UInt32 = 1
    return (0..<count).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(state >> 24)
    }
}
