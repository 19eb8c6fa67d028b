import FuzzTargets
import Glibc

/// The target of this process: `FUZZ_TARGET`.
private let target: FuzzTarget = {
    let name = getenv("FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        let names = FuzzTarget.all.map(\.name).joined(separator: " ")
        print("FUZZ_TARGET is one of: \(names)")
        fflush(nil)
        _exit(2)  // without libFuzzer's report of an exit
    }
    return target
}()

/// What libFuzzer calls with each input; its own main reads the command line.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
