import COnnxRuntime
import MobileViTCore

/// The table of functions of the library that is loaded.
///
/// Later libraries serve the tables of earlier versions: of the header's this asks.
struct OrtCalls: @unchecked Sendable {
    // Sendable: the table lives as long as the library, and nothing writes to it.
    private let pointer: UnsafePointer<OrtApi>
    /// Of the library, such as `1.31.1`.
    let version: String

    /// - Throws: `MobileViTError` of kind `refused`: the library is older than the header.
    init() throws {
        guard let base = OrtGetApiBase(), let text = base.pointee.GetVersionString?() else {
            throw MobileViTError(.refused, "ONNX Runtime has no interface for C")
        }
        version = String(cString: text)
        guard let table = base.pointee.GetApi?(UInt32(ORT_API_VERSION)) else {
            throw MobileViTError(
                .refused,
                "ONNX Runtime \(version) does not have version \(ORT_API_VERSION) of its API",
                hint: "link a later one")
        }
        pointer = table
    }

    var table: OrtApi { pointer.pointee }

    /// Calls a function that gives a status.
    ///
    /// - Parameter refusal: what does not happen where it fails.
    /// - Throws: `MobileViTError` of kind `refused`.
    func callAsFunction<Function>(
        _ function: Function?, or refusal: @autoclosure () -> String,
        _ call: (Function) -> OrtStatusPtr?
    ) throws {
        let status = try call(Self.present(function))
        guard let status else { return }
        defer { table.ReleaseStatus?(status) }
        let message = table.GetErrorMessage?(status).map { String(cString: $0) } ?? ""
        throw MobileViTError(.refused, "\(refusal()): \(firstLine(message))")
    }

    /// An object that a function gives.
    ///
    /// - Throws: `MobileViTError` of kind `refused`.
    func made<Function>(
        _ function: Function?, or refusal: @autoclosure () -> String,
        _ call: (Function, inout OpaquePointer?) -> OrtStatusPtr?
    ) throws -> OpaquePointer {
        var object: OpaquePointer?
        try self(function, or: refusal()) { call($0, &object) }
        guard let object else { throw MobileViTError(.refused, "\(refusal()): it gave nothing") }
        return object
    }

    private static func present<Function>(_ function: Function?) throws -> Function {
        guard let function else {
            throw MobileViTError(.refused, "ONNX Runtime lacks the function \(Function.self)")
        }
        return function
    }
}

private func firstLine(_ message: String) -> Substring {
    message.split(whereSeparator: \.isNewline).first ?? "it does not tell why"
}
