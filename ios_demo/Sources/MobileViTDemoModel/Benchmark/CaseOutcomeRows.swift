import MobileViTCore

extension CaseOutcome {
    /// Nil where no round was measured.
    init?(
        _ one: BenchmarkTrace.Case, title: String, runtime: String, in trace: BenchmarkTrace,
        words: BenchmarkWords
    ) {
        guard let figures = CaseFigures(one, in: trace) else { return nil }
        id = one.id
        self.title = title
        self.figures = figures
        median = words.milliseconds(ns: figures.summary.p50Ns)
        let runs = words.count(figures.summary.count, "run")
        basis = "Median of \(runs) in \(words.count(figures.rounds, "round"))"
        rows = CaseOutcome.rows(figures, runtime: runtime, words)
    }

    private static func rows(
        _ figures: CaseFigures, runtime: String, _ words: BenchmarkWords
    ) -> [FigureRow] {
        let summary = figures.summary
        let spread =
            "\(words.percent(summary.cv)) of the mean, \(words.percent(summary.madSpread)) by medians"
        let rows: [FigureRow?] = [
            FigureRow("90th percentile", words.milliseconds(ns: summary.p90Ns)),
            FigureRow("99th percentile", words.milliseconds(ns: summary.p99Ns)),
            FigureRow("Mean", words.milliseconds(ns: summary.meanNs)),
            figures.mean.map { FigureRow("95 % interval of the mean", interval($0, words)) },
            FigureRow("Spread", spread),
            figures.throttling.map { FigureRow("First and last tenth", heatChange($0, words)) },
            figures.throttling.map { FigureRow("Throttled", onset($0, words)) },
            FigureRow("Load", words.milliseconds(ns: figures.loadNs)),
            FigureRow("First run", words.milliseconds(ns: figures.firstRunNs)),
            FigureRow(
                "Peak memory of the app", figures.peakMemory.map(words.megabytes) ?? "not told"),
            FigureRow("Ran on", figures.delegateRan),
            FigureRow("Runtime", "\(runtimeTitle(runtime)) \(figures.runtimeVersion)"),
        ]
        return rows.compactMap { $0 }
    }

    private static func interval(_ mean: Interval, _ words: BenchmarkWords) -> String {
        "\(words.figures(ms: mean.low / nsPerMs)) to \(words.milliseconds(ns: mean.high))"
    }

    private static func heatChange(_ throttling: Throttling, _ words: BenchmarkWords) -> String {
        let change = throttling.lastNs / throttling.firstNs - 1
        let first = words.milliseconds(ns: throttling.firstNs)
        let last = words.milliseconds(ns: throttling.lastNs)
        return "\(first), \(last) (\(change > 0 ? "+" : "")\(words.percent(change)))"
    }

    private static func onset(_ throttling: Throttling, _ words: BenchmarkWords) -> String {
        throttling.afterS.map { "after \(words.number($0, decimals: 0)) s" } ?? "no"
    }
}

/// What the phone did over the run, by its system and by the fixed piece of work.
func machineRows(_ trace: BenchmarkTrace, words: BenchmarkWords) -> [FigureRow] {
    let before = trace.thermal.first ?? nil
    let after = trace.thermal.last ?? nil
    let heat = FigureRow(
        "Heat, before and after", "\(thermalTitle(before)), \(thermalTitle(after))")
    guard !trace.isSustained, let drift = drift(trace.sentinel) else { return [heat] }
    let sign = drift > 0 ? "+" : ""
    return [heat, FigureRow("Drift of the phone", sign + words.percent(drift))]
}

/// How the others compare with the fastest, by their medians; empty of one case.
func comparison(of cases: [CaseOutcome], words: BenchmarkWords) -> [String] {
    let ranked = cases.sorted { $0.figures.summary.p50Ns < $1.figures.summary.p50Ns }
    guard let fastest = ranked.first, ranked.count > 1 else { return [] }
    let others = ranked.dropFirst().map { other in
        let ratio = other.figures.summary.p50Ns / fastest.figures.summary.p50Ns
        return "\(other.title) takes \(words.times(ratio)) as long."
    }
    return ["\(fastest.title) has the lowest median."] + others
}
