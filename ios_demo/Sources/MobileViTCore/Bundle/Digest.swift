import Foundation

#if canImport(CryptoKit)
import CryptoKit
#else
import CCrypto
#endif

/// SHA-256 in 64 hexadecimal digits: CryptoKit's, or OpenSSL's where there is none.
///
/// - Throws: `MobileViTError` of kind `refused` where OpenSSL fails.
public func sha256(_ bytes: Data) throws -> String {
    var digest = try RunningDigest()
    try bytes.withUnsafeBytes { try digest.add($0) }
    return try digest.finish()
}

#if canImport(CryptoKit)
/// The SHA-256 of bytes that come in pieces.
struct RunningDigest {
    private var hash = SHA256()

    init() throws {}

    mutating func add(_ bytes: UnsafeRawBufferPointer) throws {
        hash.update(bufferPointer: bytes)
    }

    /// In hexadecimal digits.
    func finish() throws -> String { hexadecimal(hash.finalize()) }
}
#else
/// The SHA-256 of bytes that come in pieces.
struct RunningDigest {
    private let hash: Hash

    init() throws {
        hash = try Hash()
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) throws {
        try succeed(EVP_DigestUpdate(hash.context, bytes.baseAddress, bytes.count))
    }

    /// In hexadecimal digits. Nothing can be added later.
    func finish() throws -> String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        try succeed(EVP_DigestFinal_ex(hash.context, &digest, &count))
        return hexadecimal(digest.prefix(Int(count)))
    }
}

/// OpenSSL's state, freed with it.
private final class Hash {
    let context: OpaquePointer

    init() throws {
        guard let context = EVP_MD_CTX_new() else { throw opensslFailed }
        self.context = context
        try succeed(EVP_DigestInit_ex(context, EVP_sha256(), nil))
    }

    deinit { EVP_MD_CTX_free(context) }
}

private let opensslFailed = MobileViTError(.refused, "OpenSSL makes no SHA-256")

private func succeed(_ status: Int32) throws {
    if status != 1 { throw opensslFailed }
}
#endif

private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { $0.hex(2) }.joined()
}
