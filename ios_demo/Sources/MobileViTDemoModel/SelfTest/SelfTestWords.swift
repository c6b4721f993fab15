import MobileViTCore

/// What the self-test found, in words.
struct SelfTestWords {
    static let passed = "This phone computes what the training computed"
    static let didNotRun = "The self-test did not run"

    let figures: Figures

    func verdict(on result: SelfTestResult) -> SelfTestState.Verdict {
        var lines = [labels(result), difference(result)]
        if !result.passed { lines.insert("Do not rely on the labels that it gives.", at: 0) }
        if !result.wrongPixels.isEmpty { lines += pixels(result) }
        return SelfTestState.Verdict(
            tone: result.passed ? .good : .bad,
            title: result.passed
                ? SelfTestWords.passed : "This phone computes something else than the training did",
            text: lines.joined(separator: "\n"), action: "Run again")
    }

    /// A sentence for each image of the conformance set that is wrong, after one for all of them.
    func pixels(_ result: SelfTestResult) -> [String] {
        let (wrong, all) = (result.wrongPixels.count, result.conformance)
        if all == 0 { return ["The bundle has no pictures to compare."] }
        guard wrong > 0 else {
            let kinds = all == 1 ? "kind of picture" : "kinds of picture"
            return [
                "\(all) \(kinds) (rotated, grey, transparent, huge, tiny and more) "
                    + "\(all == 1 ? "gets" : "get") the pixels that the training had."
            ]
        }
        let verb = wrong == 1 ? "gets" : "get"
        return ["\(wrong) of \(all) kinds of picture \(verb) other pixels than the training had:"]
            + result.wrongPixels
    }

    func golden(_ outcome: GoldenOutcome, allowed: Double) -> SelfTestState.Golden {
        // NaN is not near enough either
        let isNear = outcome.maxDifference <= allowed
        let difference = figures.twoDigits(outcome.maxDifference)
        let text: String
        if !outcome.sameLabel {
            text = "Taken for \(outcome.label) · differs by \(difference)"
        } else if isNear {
            text = "Same label · differs by \(difference)"
        } else {
            text = "Same label · differs by \(difference): too much"
        }
        return SelfTestState.Golden(
            file: outcome.file, label: outcome.expected, text: text,
            isGood: outcome.sameLabel && isNear)
    }

    private func labels(_ result: SelfTestResult) -> String {
        let (same, all) = (result.golden.filter(\.sameLabel).count, result.golden.count)
        let words = all == 1 ? "reference photo gets" : "reference photos get"
        return "\(same) of \(all) \(words) the label of the training."
    }

    private func difference(_ result: SelfTestResult) -> String {
        let allowed = figures.twoDigits(result.allowed)
        if result.maxDifference == 0 {
            return "Probabilities are the same to the last digit; "
                + "a difference of up to \(allowed) is allowed."
        }
        return "Probabilities differ by \(figures.twoDigits(result.maxDifference)) at most; "
            + "up to \(allowed) is allowed."
    }
}
