/// The machine that a plan runs on.
public protocol Machine: Sendable {
    func describe() -> DeviceDescription
    func state() -> DeviceState
    /// Most memory that ever was resident, and what is now, in bytes; nil where it is not told.
    func peakMemory() -> Int?
    func residentMemory() -> Int?
}

/// A machine, as it is whatever it does. Nil: it does not tell.
public struct DeviceDescription: Codable, Sendable, Equatable {
    /// Such as `iPhone17,3`.
    public let model: String?
    public let chip: String?
    /// Instruction set, such as `arm64`.
    public let machine: String
    /// Logical ones that a run may use.
    public let cores: Int
    public let memoryBytes: Int?
    /// Name and version.
    public let system: String
    /// What runs the plan, such as `org.mobilevit.demo 1.0`.
    public let runner: String
    /// Not a real one: its times mean nothing.
    public let emulated: Bool

    public init(
        model: String?, chip: String?, machine: String, cores: Int, memoryBytes: Int?,
        system: String, runner: String, emulated: Bool = false
    ) {
        self.model = model
        self.chip = chip
        self.machine = machine
        self.cores = cores
        self.memoryBytes = memoryBytes
        self.system = system
        self.runner = runner
        self.emulated = emulated
    }

    private enum CodingKeys: String, CodingKey {
        case model, chip, machine, cores
        case memoryBytes = "memory_bytes"
        case system, runner, emulated
    }
}

/// What a machine was doing, as far as it tells; empty or nil where it does not.
public struct DeviceState: Codable, Sendable, Equatable {
    /// Over 1, 5 and 15 minutes.
    public let loadAverage: [Double]?
    /// Per frequency domain.
    public let governors: [String]
    public let frequenciesHz: [Int]
    /// In degrees Celsius, by sensor.
    public let temperaturesC: [String: Double]
    /// ProcessInfo's: nominal, fair, serious or critical.
    public let thermalStatus: String?
    /// 0..100.
    public let batteryPercent: Double?
    public let power: Power?

    public enum Power: String, Codable, Sendable { case battery, mains }

    public init(
        loadAverage: [Double]? = nil, governors: [String] = [], frequenciesHz: [Int] = [],
        temperaturesC: [String: Double] = [:], thermalStatus: String? = nil,
        batteryPercent: Double? = nil, power: Power? = nil
    ) {
        self.loadAverage = loadAverage
        self.governors = governors
        self.frequenciesHz = frequenciesHz
        self.temperaturesC = temperaturesC
        self.thermalStatus = thermalStatus
        self.batteryPercent = batteryPercent
        self.power = power
    }

    private enum CodingKeys: String, CodingKey {
        case loadAverage = "load_average"
        case governors
        case frequenciesHz = "frequencies_hz"
        case temperaturesC = "temperatures_c"
        case thermalStatus = "thermal_status"
        case batteryPercent = "battery_percent"
        case power
    }
}
