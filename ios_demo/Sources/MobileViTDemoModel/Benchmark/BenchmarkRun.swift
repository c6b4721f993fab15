import Foundation
import MobileViTCore

/// One run of the protocol, for the screen: what it measures, and what becomes of the records.
struct BenchmarkRun: Sendable {
    let bundle: ModelBundle
    let runtime: any InferenceRuntime
    let machine: any Machine
    let cases: [BenchmarkCase]
    let settings: ProtocolSettings
    let words: BenchmarkWords
    /// What spoiled the figures before the run.
    var before: [BenchmarkCondition]
    let surroundings: BenchmarkSurroundings
    /// Where results lie that may be shared.
    let results: URL

    /// What was recorded, to the end or until it was cancelled or failed.
    struct Measured: Sendable {
        let plan: Plan
        var records: [Record] = []
        var trace: BenchmarkTrace
        var isCancelled = false
        var failure: MobileViTError?
    }

    var titles: [String] { cases.map(\.title) }

    var emptyTrace: BenchmarkTrace {
        BenchmarkTrace(cases: cases.map(\.id), isSustained: settings.sustainedS != nil)
    }

    /// What is measured, in a line.
    var subject: String {
        var files: [String] = []
        for one in cases where !files.contains(one.artifact.file) {
            files.append(one.artifact.file)
        }
        return "\(files.joined(separator: ", ")) · \(runtimeTitle(runtime.name))"
    }

    /// Runs the plan; ends early where the task is cancelled, after the run that is under way.
    ///
    /// - Parameter show: is given the trace now and then, as drawing takes time from what is timed.
    func measure(show: @escaping (BenchmarkTrace) -> Void) async -> Measured {
        var measured = Measured(plan: plan(), trace: emptyTrace)
        var shown = ContinuousClock.now - showEvery
        do {
            try checkArtifacts()
            try await conduct(
                measured.plan, folder: bundle.folder, runtimes: [runtime], machine: machine
            ) { record in
                let stage = measured.trace.stage
                measured.records.append(record)
                measured.trace.add(record)
                let now = ContinuousClock.now
                if measured.trace.stage == stage && now - shown < showEvery { return }
                shown = now
                show(measured.trace)
            }
        } catch is CancellationError {
            measured.isCancelled = true
        } catch let error as MobileViTError {
            measured.failure = error
        } catch {
            measured.failure = MobileViTError(.refused, error.localizedDescription)
        }
        return measured
    }

    /// That they are what was exported, before anything is timed.
    private func checkArtifacts() throws {
        var checked: Set<String> = []
        for one in cases where checked.insert(one.artifact.file).inserted {
            try Task.checkCancellation()
            _ = try bundle.check(one.artifact)
        }
    }

    private func plan() -> Plan {
        Plan(
            run: Plan.drawRun(), protocol: settings,
            cases: cases.map {
                PlannedCase(
                    id: $0.id, artifact: $0.artifact.file, artifactSha256: $0.artifact.sha256,
                    runtime: runtime.name, delegate: $0.delegate)
            })
    }

    /// What a run is shown as while it goes on.
    func running(_ trace: BenchmarkTrace, stopping: BenchmarkStopReason?) -> BenchmarkRunning {
        BenchmarkRunning(
            subject: subject,
            progress: BenchmarkProgress(trace, titles: titles, settings: settings),
            chart: LatencyChart(trace, titles: titles, words: words),
            chartText: chartText(trace, titles: titles, words: words),
            stopping: stopping)
    }

    /// What it came to; its result is written where it can be shared from.
    ///
    /// - Parameter stopped: why it ended before its plan.
    func end(_ measured: Measured, stopped: BenchmarkStopReason?) -> BenchmarkState {
        if let failure = measured.failure { return .failed(message(on: failure)) }
        let created = Date()
        do {
            let json = try resultJSON(
                of: measured.records, plan: measured.plan, manifest: bundle.manifest,
                sizes: Dictionary(uniqueKeysWithValues: cases.map { ($0.id, $0.artifact.size) }),
                created: created, stopped: stopped?.rawValue)
            let chart = LatencyChart(measured.trace, titles: titles, words: words)
            guard let json, let chart else {
                return .failed(messageOnNothing(measured, stopped: stopped))
            }
            return .finished(outcome(measured, json, chart, created: created, stopped: stopped))
        } catch let error as MobileViTError {
            return .failed(message(on: error))
        } catch {
            return .failed(message(on: MobileViTError(.refused, error.localizedDescription)))
        }
    }

    private func outcome(
        _ measured: Measured, _ json: String, _ chart: LatencyChart, created: Date,
        stopped: BenchmarkStopReason?
    ) -> BenchmarkOutcome {
        let trace = measured.trace
        let device = machine.describe()
        let after = conditions(of: device, in: machine.state(), surroundings)
        let spoiled = BenchmarkCondition.allCases.filter {
            before.contains($0) || after.contains($0)
        }
        let outcomes = zip(trace.cases, titles).compactMap {
            CaseOutcome($0, title: $1, runtime: runtime.name, in: trace, words: words)
        }
        return BenchmarkOutcome(
            subject: subject,
            stopped: stopped.map {
                "\($0.text) These figures are of what was measured until then."
            },
            cases: outcomes,
            comparison: comparison(of: outcomes, words: words),
            rows: machineRows(trace, words: words),
            remarks: remarks(on: titles, trace, conditions: spoiled, words: words),
            chart: chart,
            chartText: chartText(trace, titles: titles, words: words),
            created: created,
            json: json,
            export: export(json, created: created))
    }

    /// Writes the result where it can be shared from.
    func export(_ json: String, created: Date) -> BenchmarkOutcome.Export {
        do {
            let model = machine.describe().model
            return .written(
                try writeResult(json, into: results, created: created, device: model))
        } catch let error as MobileViTError {
            return .failed(error.description)
        } catch {
            return .failed(error.localizedDescription)
        }
    }
}

private let showEvery = Duration.milliseconds(500)
