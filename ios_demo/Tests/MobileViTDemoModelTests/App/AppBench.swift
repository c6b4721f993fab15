import Foundation
import MobileViTCore
import MobileViTDemoModel
import MobileViTFixtures
import MobileViTONNX
import XCTest

/// The app without its views, on ONNX Runtime and a camera that shows what a test gives it.
@MainActor
final class AppBench {
    let app: AppModel
    let camera = PhotoCamera()
    let said = Said()
    let memory: UserDefaults

    /// - Parameters:
    ///   - bundle: nil: the whole one.
    ///   - memory: of an earlier start; nil: there was none.
    ///   - runs: what a computer asks for; nil: nothing.
    init(
        bundle: URL? = nil, memory: UserDefaults? = nil, version: String = "1.0 (1)",
        locale: String = "en_US", delegate: String? = nil, runs: URL? = nil
    ) throws {
        let images = try DecodedImages()
        let out = try Inputs.out("app-\(UUID().uuidString)")
        self.memory = try memory ?? XCTUnwrap(UserDefaults(suiteName: UUID().uuidString))
        app = AppModel(
            Surroundings(
                bundle: try bundle ?? Inputs.bundle(), runtime: { try OnnxRuntime() },
                delegate: delegate,
                decode: { file in
                    do {
                        return try images.decode(file)
                    } catch is DecodedImages.Missing {
                        throw MobileViTError(.image, "this is not an image", hint: "choose another")
                    }
                },
                memory: self.memory, version: version, locale: Locale(identifier: locale),
                machine: LinuxMachine(runner: "tests"), results: out, runs: runs ?? out,
                say: { [said] in said.words.append($0) }),
            camera: camera)
    }

    /// Waits until something is so, as a person does who looks at the screen.
    func wait(
        for what: String, file: StaticString = #filePath, line: UInt = #line,
        until isSo: () -> Bool
    ) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while !isSo() {
            if ContinuousClock.now > end {
                return XCTFail("\(what) did not come", file: file, line: line)
            }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// The app is started, and the model open and tested.
    func start() async throws {
        app.phaseIs(.active)
        try await wait(for: "the end of the self-test") {
            self.app.selfTest.state.verdict.action != nil
        }
    }

    var liveProblem: Problem? {
        if case .blocked(let problem) = app.live.state.scene { problem } else { nil }
    }

    var liveCard: ResultCard? {
        if case .watching(let card) = app.live.state.scene { card } else { nil }
    }

    var photoProblem: Problem? {
        if case .failed(let problem) = app.photo.state.scene { problem } else { nil }
    }

    var photoCard: ResultCard? {
        if case .named(let card) = app.photo.state.scene { card } else { nil }
    }
}

/// What a screen reader was told.
@MainActor
final class Said {
    var words: [String] = []
}

/// A camera that shows images, as often as a test wants.
@MainActor
final class PhotoCamera: Camera {
    var permission = CameraPermission.granted
    /// What the person answers, when the system asks.
    var answer = CameraPermission.granted
    var changed: ((CameraState) -> Void)?
    private(set) var asked = 0
    private(set) var starts = 0
    private(set) var frames: FrameClassifier?
    /// What starting comes to.
    var begins = CameraState.running

    func askForPermission() async {
        asked += 1
        await Task.yield()
        permission = answer
    }

    func start(offering frames: FrameClassifier) {
        starts += 1
        self.frames = frames
        changed?(.opening)
        changed?(begins)
    }

    func stop() { frames = nil }

    func show(_ image: RGBImage) { frames?.offer { $0 = image } }
}

/// A golden image of the bundle, and what the reference gave for it.
struct Golden {
    let file: URL
    let image: RGBImage
    let label: String
    let probability: Double

    init(_ index: Int) throws {
        let bundle = try ModelBundle(folder: Inputs.bundle())
        let record = bundle.manifest.golden[index]
        file = bundle.folder.appendingPathComponent(record.file)
        image = try DecodedImages().decode(Data(contentsOf: file))
        let best = try XCTUnwrap(record.probabilities.max())
        label = bundle.labels[try XCTUnwrap(record.probabilities.firstIndex(of: best))]
        probability = best
    }

    /// A copy that may be removed, as the picker gives it.
    func picked() throws -> URL {
        let copy = FileManager.default.temporaryDirectory
            .appendingPathComponent(UUID().uuidString + ".png")
        try FileManager.default.copyItem(at: file, to: copy)
        return copy
    }
}

/// Changes a copy of the bundle; what Linux does not open is left out.
func bundle(_ name: String, changed change: (URL) throws -> Void) throws -> URL {
    let folder = try Inputs.out(name).appendingPathComponent("MobileViT.bundle")
    try FileManager.default.copyItem(at: Inputs.bundle(), to: folder)
    try change(folder)
    return folder
}

/// Changes the text of the manifest, and has its digest be right again.
func rewriteManifest(in folder: URL, _ change: (String) throws -> String) throws {
    let file = folder.appendingPathComponent("manifest.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let digest = try ModelBundle(folder: folder).manifest.digest
    let zeros = String(repeating: "0", count: 64)
    let changed = try change(text.replacingOccurrences(of: digest, with: zeros))
    let right = try sha256(Data(changed.utf8))
    try changed.replacingOccurrences(of: zeros, with: right)
        .write(to: file, atomically: true, encoding: .utf8)
}
