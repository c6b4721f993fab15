import Foundation
import MobileViTCore

do {
    try await run(Array(CommandLine.arguments.dropFirst()))
} catch let error as WrongUsage {
    complain(error.usage)
    exit(2)
} catch {
    complain("\(error)")
    exit(1)
}

private func complain(_ text: String) {
    // there is no one else to tell
    try? FileHandle.standardError.write(contentsOf: Data((text + "\n").utf8))
}
