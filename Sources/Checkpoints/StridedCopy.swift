/// The elements of a view, row-major: `source` begins with the first element of the view.
///
/// - Precondition: `shape` and `strides` reach no further than `source`, and no size is 0.
func rowMajor(_ source: UnsafeRawBufferPointer, shape: [Int], strides: [Int], width: Int) -> [UInt8] {
    let count = shape.reduce(1, *)
    precondition(span(of: shape, strides: strides).map { $0 * width } == source.count, "a view of other bytes")
    return [UInt8](unsafeUninitializedCapacity: count * width) { target, initialized in
        if let from = source.baseAddress, let to = target.baseAddress.map(UnsafeMutableRawPointer.init) {
            switch width {
            case 1: gather(UInt8.self, from, to, shape, strides)
            case 2: gather(UInt16.self, from, to, shape, strides)
            case 4: gather(UInt32.self, from, to, shape, strides)
            default: gather(UInt64.self, from, to, shape, strides)
            }
        }
        initialized = count * width
    }
}

/// Neither side need be aligned.
private func gather<Word: FixedWidthInteger>(
    _ type: Word.Type, _ from: UnsafeRawPointer, _ to: UnsafeMutableRawPointer, _ shape: [Int], _ strides: [Int]
) {
    let width = MemoryLayout<Word>.size
    let inner = shape.last ?? 1
    let step = (strides.last ?? 0) * width
    let outer = shape.dropLast().reduce(1, *)
    var index = [Int](repeating: 0, count: max(0, shape.count - 1))
    var row = 0
    var to = to
    for _ in 0..<outer {
        var at = from + row
        for _ in 0..<inner {
            to.storeBytes(of: at.loadUnaligned(as: Word.self), as: Word.self)
            to += width
            at += step
        }
        // The next row, as an odometer counts.
        var dimension = index.count - 1
        while dimension >= 0 {
            index[dimension] += 1
            row += strides[dimension] * width
            if index[dimension] < shape[dimension] { break }
            row -= strides[dimension] * width * shape[dimension]
            index[dimension] = 0
            dimension -= 1
        }
    }
}
