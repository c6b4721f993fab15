import Foundation
import MobileViTCore
import MobileViTFixtures
import MobileViTONNX
import XCTest

@testable import MobileViTDemoModel

final class FrameClassifierTests: XCTestCase {
    @MainActor
    private final class Told: Sendable {
        var outcomes: [FrameClassifier.Outcome] = []
        nonisolated init() {}
    }

    private func model() async throws -> OpenModel {
        let runtime = try OnnxRuntime()
        return OpenModel(
            classifier: try await MobileViTClassifier(bundle: Inputs.bundle(), runtime: runtime),
            runtime: runtime)
    }

    private func count(_ told: Told, reaches count: Int) async throws {
        for _ in 0..<5000 {
            if await told.outcomes.count >= count { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        XCTFail("\(count) outcomes did not come")
    }

    func testFramesPassByUntilThereIsAModel() async throws {
        let frames = FrameClassifier { _ in XCTFail("nothing was to be told") }
        frames.offer { _ in XCTFail("nothing was to be read") }
        frames.use(try await model())
        frames.use(nil)
        frames.offer { _ in XCTFail("nothing was to be read") }
        try await Task.sleep(for: .milliseconds(20))
    }

    func testAFramePassesByWhileAnotherOneIsLookedAtOrTooSoon() async throws {
        let told = Told()
        let frames = FrameClassifier { told.outcomes.append($0) }
        frames.use(try await model())
        let image = try Golden(0).image
        let read = Counter()
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .milliseconds(1000) {
            frames.offer {
                read.count += 1
                $0 = image
            }
            try await Task.sleep(for: .milliseconds(1))
        }
        let seconds = Double((ContinuousClock.now - start).components.seconds) + 1
        XCTAssertGreaterThan(read.count, 1)
        XCTAssertLessThanOrEqual(Double(read.count), seconds * 10)
        try await count(told, reaches: read.count)
        let outcomes = await told.outcomes
        XCTAssertEqual(outcomes.count, read.count)
    }

    func testTheMemoryOfTheFrameBeforeIsGivenToTheNext() async throws {
        let told = Told()
        let frames = FrameClassifier { told.outcomes.append($0) }
        frames.use(try await model())
        let golden = try [Golden(0).image, Golden(1).image]
        for (index, image) in golden.enumerated() {
            var earlier: RGBImage?
            while true {
                let before = await told.outcomes.count
                frames.offer {
                    earlier = $0
                    $0 = image
                }
                try await Task.sleep(for: .milliseconds(20))
                let after = await told.outcomes.count
                if before + after > 2 * index { break }
            }
            try await count(told, reaches: index + 1)
            XCTAssertEqual(earlier, index == 0 ? nil : golden[0])
        }
    }

    private final class Counter: @unchecked Sendable {  // of one task
        var count = 0
    }
}
