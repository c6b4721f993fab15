import Foundation
import MobileViTCore

/// Image files as Pillow decoded them, by the SHA-256 of the file: there is no decoder here. Of the
/// bundle's golden and conformance images, and of the photos of `expected.jsonl`
/// (tests/clients/decoded_images.py).
public struct DecodedImages: Sendable {
    private let folder: URL
    /// Of the photos, by their paths.
    private let hashes: [String: String]

    /// Skips the test where the images are not there.
    public init() throws {
        folder = try Inputs.corpus("decoded")
        let photos = try Data(contentsOf: folder.appendingPathComponent("photos.json"))
        hashes = try JSONDecoder().decode([String: String].self, from: photos)
    }

    /// In the place of a decoder: the samples go through `PixelLayout` and are turned as on a phone.
    public func decode(_ file: Data) throws -> RGBImage {
        try read(sha256(file)).upright()
    }

    /// A photo of `expected.jsonl`, by its path: the file itself may be out of sight.
    public func photo(_ path: String) throws -> RGBImage {
        guard let hash = hashes[path] else { throw Missing(image: path) }
        return try read(hash).upright()
    }

    /// An image file as it is stored.
    public func stored(_ file: Data) throws -> StoredImage {
        try read(sha256(file))
    }

    private func read(_ hash: String) throws -> StoredImage {
        let record = folder.appendingPathComponent(hash)
        guard FileManager.default.fileExists(atPath: record.path) else {
            throw Missing(image: hash)
        }
        return try StoredImage(Data(contentsOf: record))
    }

    public struct Missing: Error, CustomStringConvertible {
        let image: String
        public var description: String { "\(image) was not decoded: make the corpora anew" }
    }
}

/// Samples as a file has them, lying as they were stored.
public struct StoredImage: Sendable {
    public let layout: PixelLayout
    /// EXIF's.
    public let orientation: Int
    public let samples: [UInt8]

    /// - Parameter record: a line of JSON, then the samples.
    init(_ record: Data) throws {
        let end = record.firstIndex(of: UInt8(ascii: "\n")) ?? record.endIndex
        let header = try JSONDecoder().decode(Header.self, from: record[..<end])
        layout = PixelLayout(
            width: header.width, height: header.height, bytesPerRow: header.bytesPerRow,
            channels: header.channels, bitsPerChannel: header.bitsPerChannel,
            bigEndian: header.bigEndian)
        orientation = header.orientation
        samples = [UInt8](record[end...].dropFirst())
    }

    public func upright() throws -> RGBImage {
        try samples.withUnsafeBytes {
            try RGBImage(samples: $0, layout: layout, orientation: orientation)
        }
    }

    private struct Header: Decodable {
        let width: Int
        let height: Int
        let bytesPerRow: Int
        let channels: PixelLayout.Channels
        let bitsPerChannel: Int
        let bigEndian: Bool
        let orientation: Int
    }
}
