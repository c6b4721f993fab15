import Foundation
import XCTest

/// What `make -C ios_demo/ci test` gives the tests, by the environment.
public enum Inputs {
    /// A bundle with `.onnx` and `.mlpackage`, fp32 and fp16.
    public static func bundle() throws -> URL { try folder("MOBILEVIT_BUNDLE") }

    /// A file or folder that Python made; skips where it is not there.
    public static func corpus(_ name: String) throws -> URL {
        let file = try folder("MOBILEVIT_CORPORA").appendingPathComponent(name)
        guard FileManager.default.fileExists(atPath: file.path) else {
            throw XCTSkip("no \(name): `make -C ios_demo/ci test` makes it where it has the photos")
        }
        return file
    }

    /// A folder of this name to write to, empty.
    public static func out(_ name: String) throws -> URL {
        let folder = try folder("MOBILEVIT_OUT").appendingPathComponent(name)
        if FileManager.default.fileExists(atPath: folder.path) {
            try FileManager.default.removeItem(at: folder)
        }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    private static func folder(_ variable: String) throws -> URL {
        guard let path = ProcessInfo.processInfo.environment[variable] else {
            throw XCTSkip("\(variable) is not set: run `make -C ios_demo/ci test`")
        }
        return URL(fileURLWithPath: path)
    }
}
