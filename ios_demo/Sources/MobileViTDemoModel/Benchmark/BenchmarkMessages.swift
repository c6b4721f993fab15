import MobileViTCore

extension BenchmarkRun {
    /// Why there are no figures, of a run that failed as a whole.
    func message(on error: MobileViTError) -> BenchmarkMessage {
        switch error.kind {
        case .bundle:
            BenchmarkMessage(title: "The model is damaged", text: error.sentence)
        case .storage:
            BenchmarkMessage(title: "No space for the model", text: error.sentence)
        case .refused, .input, .image:
            BenchmarkMessage(
                title: "It could not be measured",
                text: "The run ended before there was a result.", detail: error.description)
        }
    }

    /// Why there are none, where no round was finished.
    func messageOnNothing(
        _ measured: Measured, stopped: BenchmarkStopReason?
    ) -> BenchmarkMessage {
        if let stopped {
            return BenchmarkMessage(
                title: "Stopped early",
                text: "\(stopped.text) No round was finished, so there is nothing to show.")
        }
        let refusals = zip(cases, measured.trace.cases).compactMap { one, traced in
            traced.refusal.map { cases.count == 1 ? $0 : "\(one.title): \($0)" }
        }
        return BenchmarkMessage(
            title: "This phone does not run it that way",
            text:
                "\(runtimeTitle(runtime.name)) was asked to run \(asked) and refused. Nothing else "
                + "was measured in its place.",
            detail: refusals.joined(separator: "\n"))
    }

    private var asked: String {
        cases.map { "\($0.artifact.file) on \(delegateTitle($0.delegate))" }
            .joined(separator: ", ")
    }
}

extension MobileViTError {
    /// Message and way out, each a sentence.
    var sentence: String {
        [message, hint].compactMap { $0 }
            .map { $0.prefix(1).uppercased() + $0.dropFirst() + "." }
            .joined(separator: " ")
    }
}
