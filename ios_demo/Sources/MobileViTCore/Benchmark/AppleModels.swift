import Foundation

/// The chip of an iPhone or iPad that runs iOS 16 or later, by Apple's identifier of the model, such as
/// `iPhone17,3`; nil of one that is not known here.
public func appleChip(ofModel identifier: String) -> String? {
    chips.first { $0.models.contains(identifier) }?.chip
}

/// Name and version of the system of a model, such as `iOS 18.2 (22C55)`.
///
/// - Parameter build: Apple's identifier of it, nil where it is not told.
public func appleSystem(
    ofModel identifier: String?, version: OperatingSystemVersion, build: String?
) -> String {
    let model = identifier ?? ""
    let name = model.hasPrefix("iPhone") ? "iOS" : model.hasPrefix("iPad") ? "iPadOS" : "macOS"
    let patch = version.patchVersion == 0 ? "" : ".\(version.patchVersion)"
    let number = "\(version.majorVersion).\(version.minorVersion)\(patch)"
    return "\(name) \(number)" + (build.map { " (\($0))" } ?? "")
}

private let chips: [(chip: String, models: Set<String>)] = [
    ("A9", ["iPad6,11", "iPad6,12"]),
    ("A9X", ["iPad6,3", "iPad6,4", "iPad6,7", "iPad6,8"]),
    ("A10 Fusion", ["iPad7,5", "iPad7,6", "iPad7,11", "iPad7,12"]),
    ("A10X Fusion", ["iPad7,1", "iPad7,2", "iPad7,3", "iPad7,4"]),
    (
        "A11 Bionic",
        ["iPhone10,1", "iPhone10,2", "iPhone10,3", "iPhone10,4", "iPhone10,5", "iPhone10,6"]
    ),
    (
        "A12 Bionic",
        [
            "iPhone11,2", "iPhone11,4", "iPhone11,6", "iPhone11,8", "iPad11,1", "iPad11,2",
            "iPad11,3", "iPad11,4", "iPad11,6", "iPad11,7",
        ]
    ),
    (
        "A13 Bionic",
        ["iPhone12,1", "iPhone12,3", "iPhone12,5", "iPhone12,8", "iPad12,1", "iPad12,2"]
    ),
    (
        "A14 Bionic",
        [
            "iPhone13,1", "iPhone13,2", "iPhone13,3", "iPhone13,4", "iPad13,1", "iPad13,2",
            "iPad13,18", "iPad13,19",
        ]
    ),
    (
        "A15 Bionic",
        [
            "iPhone14,2", "iPhone14,3", "iPhone14,4", "iPhone14,5", "iPhone14,6", "iPhone14,7",
            "iPhone14,8", "iPad14,1", "iPad14,2",
        ]
    ),
    ("A16 Bionic", ["iPhone15,2", "iPhone15,3", "iPhone15,4", "iPhone15,5"]),
    ("A17 Pro", ["iPhone16,1", "iPhone16,2", "iPad16,1", "iPad16,2"]),
    ("A18", ["iPhone17,3", "iPhone17,4", "iPhone17,5"]),
    ("A18 Pro", ["iPhone17,1", "iPhone17,2"]),
    (
        "M1",
        [
            "iPad13,4", "iPad13,5", "iPad13,6", "iPad13,7", "iPad13,8", "iPad13,9", "iPad13,10",
            "iPad13,11", "iPad13,16", "iPad13,17",
        ]
    ),
    (
        "M2",
        [
            "iPad14,3", "iPad14,4", "iPad14,5", "iPad14,6", "iPad14,8", "iPad14,9", "iPad14,10",
            "iPad14,11",
        ]
    ),
    ("M4", ["iPad16,3", "iPad16,4", "iPad16,5", "iPad16,6"]),
]
