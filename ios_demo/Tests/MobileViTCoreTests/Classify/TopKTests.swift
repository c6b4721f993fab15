import MobileViTFixtures
import XCTest

@testable import MobileViTCore

final class TopKTests: XCTestCase {
    func testTheLargestComeFirstAndEqualOnesInTheirOwnOrder() {
        let values: [Float] = [0.1, 0.3, 0.2, 0.3, 0.1]
        XCTAssertEqual(topK(values, count: 3), [1, 3, 2])
        XCTAssertEqual(topK(values, count: 5), [1, 3, 2, 0, 4])
    }

    func testThereAreNoMoreThanValues() {
        XCTAssertEqual(topK([0.4, 0.6], count: 1000), [1, 0])
        XCTAssertEqual(topK([], count: 3), [])
        XCTAssertEqual(topK([0.4, 0.6], count: 0), [])
    }

    func testWhatIsNotANumberComesLast() {
        XCTAssertEqual(topK([.nan, 0.5, .nan, -.infinity], count: 4), [1, 3, 0, 2])
    }

    func testItIsAStableSortCutOff() {
        var random = SeededGenerator(seed: 0)
        for _ in 0..<500 {
            let values = (0..<Int.random(in: 1..<40, using: &random)).map { _ in
                Float(Int.random(in: 0..<8, using: &random)) / 8
            }
            let sorted = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }
            let count = Int.random(in: 1..<45, using: &random)
            XCTAssertEqual(topK(values, count: count), Array(sorted.prefix(count)))
        }
    }
}
