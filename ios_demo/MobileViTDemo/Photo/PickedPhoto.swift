import CoreTransferable
import Foundation
import PhotosUI
import SwiftUI

/// A copy of a photo that the picker hands over.
struct PickedPhoto: Transferable {
    let file: URL

    static var transferRepresentation: some TransferRepresentation {
        FileRepresentation(importedContentType: .image) { received in
            PickedPhoto(file: try temporaryCopy(of: received.file))
        }
    }
}

/// A file that the app may read for as long as it wants: what the system hands over goes away.
func temporaryCopy(of file: URL) throws -> URL {
    let copy = FileManager.default.temporaryDirectory
        .appendingPathComponent(UUID().uuidString)
        .appendingPathExtension(file.pathExtension)
    try FileManager.default.copyItem(at: file, to: copy)
    return copy
}

/// The same of a file of another app's, off the main thread: it may lie on a disk that is slow.
func temporaryCopy(ofForeign file: URL) async throws -> URL {
    let isScoped = file.startAccessingSecurityScopedResource()
    defer { if isScoped { file.stopAccessingSecurityScopedResource() } }
    return try temporaryCopy(of: file)
}

extension PhotosPickerItem {
    /// The photo as a file; nil where it is none. It may come from a cloud, and take long.
    @MainActor
    func fetch() async throws -> URL? {
        try await withCheckedThrowingContinuation { continuation in
            loadTransferable(type: PickedPhoto.self) { @Sendable result in
                continuation.resume(with: result.map { $0?.file })
            }
        }
    }
}
