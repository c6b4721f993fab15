import Foundation
import XCTest

@testable import MobileViTDemoModel

final class SteadyLabelTests: XCTestCase {
    private let start = ContinuousClock.now

    func testTheFirstFrameIsShownAtOnce() {
        var steady = SteadyLabel()
        XCTAssertTrue(steady.isShown(3, at: start))
    }

    func testALabelOfOneFrameOnlyDoesNotFlickerPast() {
        var steady = SteadyLabel()
        let shown = [1, 2, 1, 2, 3, 3, 1, 3].map { steady.isShown($0, at: start) }
        XCTAssertEqual(shown, [true, false, true, false, false, true, false, true])
    }

    func testALabelIsSaidOnceWhenItHasStayed() {
        var steady = SteadyLabel()
        var said: [Int] = []
        for tenth in 0..<60 {
            let now = start + .milliseconds(100 * tenth)
            let label = tenth < 30 ? 1 : 2
            if steady.isShown(label, at: now), steady.isSaid(at: now) { said.append(tenth) }
        }
        // the second one is shown from its second frame
        XCTAssertEqual(said, [10, 41])
    }
}

final class ViewfinderTests: XCTestCase {
    private let frame = PixelSize(width: 720, height: 1280)

    func testThePictureFillsTheViewAndKeepsItsProportions() {
        let view = CGSize(width: 360, height: 500)
        let found = Viewfinder(view: view, frame: frame, cropFraction: 0.875)
        XCTAssertEqual(found.picture.width, 360, accuracy: 1e-9)
        XCTAssertEqual(found.picture.height, 640, accuracy: 1e-9)
        XCTAssertEqual(found.side, 315, accuracy: 1e-9)
    }

    func testTheSquareThatTheModelLooksAtIsInEveryView() {
        for width in stride(from: 50.0, through: 900, by: 85) {
            for height in stride(from: 50.0, through: 900, by: 85) {
                for frame in [frame, PixelSize(width: 1280, height: 720)] {
                    let view = CGSize(width: width, height: height)
                    let found = Viewfinder(view: view, frame: frame, cropFraction: 0.9)
                    XCTAssertLessThanOrEqual(found.side, min(width, height) + 1e-9)
                    XCTAssertEqual(
                        found.picture.width * CGFloat(frame.height),
                        found.picture.height * CGFloat(frame.width), accuracy: 1e-6)
                }
            }
        }
    }

    func testAViewWithoutASizeIsNoHarm() {
        let found = Viewfinder(
            view: .zero, frame: PixelSize(width: 0, height: 0), cropFraction: 0.9)
        XCTAssertEqual(found.side, 0)
    }

    func testFramesTurnUprightAsThePhoneIsHeld() {
        XCTAssertEqual(
            ScreenOrientation.allCases.map { $0.rotation(frontCamera: false) }, [90, 270, 180, 0])
        XCTAssertEqual(
            ScreenOrientation.allCases.map { $0.rotation(frontCamera: true) }, [90, 270, 0, 180])
    }
}

final class FiguresTests: XCTestCase {
    private let english = Figures(locale: Locale(identifier: "en_US"))
    private let german = Figures(locale: Locale(identifier: "de_DE"))

    func testPercentagesAreWholeAndBetweenNoneAndAll() {
        XCTAssertEqual(
            [0, 0.004, 0.006, 0.125, 0.995, 1, 1.2, -0.1].map { english.percent($0) },
            ["0%", "0%", "1%", "13%", "100%", "100%", "100%", "0%"])
        XCTAssertEqual(english.percent(.nan), "0%")
        XCTAssertEqual(german.percent(0.42), "42\u{a0}%")
    }

    func testMillisecondsHaveOneDecimal() {
        XCTAssertEqual(english.milliseconds(18_449_999), "18.4")
        XCTAssertEqual(english.milliseconds(0), "0.0")
        XCTAssertEqual(german.milliseconds(1_234_560_000), "1.234,6")
    }

    func testDifferencesHaveTwoDigitsThatCountAndNoExponent() {
        XCTAssertEqual(english.twoDigits(0.0017321), "0.0017")
        XCTAssertEqual(english.twoDigits(0.0000371), "0.000037")
        XCTAssertEqual(english.twoDigits(1.2e-9), "0.0000000012")
        XCTAssertEqual(english.twoDigits(0.02), "0.02")
        XCTAssertEqual(german.twoDigits(0.5), "0,5")
        XCTAssertEqual(english.twoDigits(.nan), "what is no number")
    }
}
