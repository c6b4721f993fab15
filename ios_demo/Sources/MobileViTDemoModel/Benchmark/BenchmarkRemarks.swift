import MobileViTCore

/// What spoils the figures of a run that is over, and what was not measured.
///
/// - Parameter titles: of the trace's cases.
func remarks(
    on titles: [String], _ trace: BenchmarkTrace, conditions: [BenchmarkCondition],
    words: BenchmarkWords
) -> [String] {
    let drifted = trace.isSustained ? nil : drift(trace.sentinel)
    return conditions.map(\.text)
        + zip(titles, trace.cases).flatMap { title, traced in
            // with one case, there is no need to say of which
            remarks(on: traced, of: titles.count == 1 ? nil : title, in: trace, words)
        }
        + [drifted.flatMap { remark(onDrift: $0, words) }].compactMap { $0 }
}

private func remarks(
    on one: BenchmarkTrace.Case, of title: String?, in trace: BenchmarkTrace,
    _ words: BenchmarkWords
) -> [String] {
    let disturbed = trace.disturbed(one).count
    var remarks: [String] = []
    if one.launches.contains(where: { $0.capped && !$0.rounds.isEmpty }) {
        remarks.append("the times had not settled when the warm-up was ended.")
    }
    if disturbed > 0 {
        let rounds = words.count(one.rounds.count, "round")
        remarks.append(
            "\(disturbed) of \(rounds) \(disturbed == 1 ? "is" : "are") marked: beside "
                + "\(disturbed == 1 ? "it" : "them") a fixed piece of work ran slow too, so the phone "
                + "was busy or hot.")
    }
    if let reason = one.refusal {
        let what = one.rounds.isEmpty ? "it was not measured" : "the runtime gave up before the end"
        remarks.append("\(what): \(reason)")
    }
    return title.map { title in remarks.map { "\(title): \($0)" } } ?? remarks.map(capitalized)
}

private func remark(onDrift drift: Double, _ words: BenchmarkWords) -> String? {
    guard abs(drift) > driftTolerance else { return nil }
    let pace = drift > 0 ? "slower" : "faster"
    return "By a fixed piece of work, the phone became \(words.percent(abs(drift))) \(pace) over "
        + "the run."
}

private func capitalized(_ sentence: String) -> String {
    sentence.prefix(1).uppercased() + sentence.dropFirst()
}

/// What the chart shows, for who does not see it.
func chartText(
    _ trace: BenchmarkTrace, titles: [String], words: BenchmarkWords
) -> String {
    let measured = zip(trace.cases, titles).filter { !$0.0.samplesNs.isEmpty }
    if measured.isEmpty { return "Times appear here once the warm-up is over." }
    let cases = measured.map { one, title in
        let samples = one.samplesNs
        let summary = summarize(samples)
        let ms = { (ns: Double) in words.figures(ms: ns / nsPerMs) }
        let runs = words.count(samples.count, "run")
        let rounds = words.count(one.rounds.count, "round")
        let disturbed = trace.disturbed(one).count
        let marked =
            disturbed == 0 ? "" : " \(words.count(disturbed, "round")) marked as disturbed."
        return
            "\(title), \(runs) in \(rounds): median \(ms(summary.p50Ns)) milliseconds, nine of ten "
            + "within \(ms(summary.p90Ns)), fastest \(ms(Double(samples.min() ?? 0))), slowest "
            + "\(ms(Double(samples.max() ?? 0))).\(marked)"
    }
    let warmUp = trace.stretches.reduce(0) { $0 + ($1.round == nil ? $1.samplesNs.count : 0) }
    let shaded = warmUp == 0 ? [] : ["\(words.count(warmUp, "run")) before them shaded as warm-up."]
    return (cases + shaded).joined(separator: " ")
}
