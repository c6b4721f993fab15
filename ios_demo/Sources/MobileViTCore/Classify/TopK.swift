/// The indices of the largest values, largest first; of equal ones the first comes first.
///
/// There are no more than values; what is not a number comes last.
public func topK(_ values: [Float], count: Int) -> [Int] {
    let count = min(max(count, 0), values.count)
    var top: [Int] = []
    top.reserveCapacity(count + 1)
    for (index, value) in values.enumerated() {
        var place = top.count
        while place > 0, isAbove(value, values[top[place - 1]]) { place -= 1 }
        guard place < count else { continue }
        top.insert(index, at: place)
        if top.count > count { top.removeLast() }
    }
    return top
}

private func isAbove(_ value: Float, _ other: Float) -> Bool {
    value > other || (other.isNaN && !value.isNaN)
}
