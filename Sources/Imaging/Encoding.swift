import CImage

extension Image {
    /// The picture as a JPEG file's bytes; the same bytes for the same picture and quality. `quality` is 1...100;
    /// colours keep their full resolution from 90 on (4:4:4, below 4:2:0).
    public func jpeg(quality: Int = 92) -> [UInt8] {
        precondition((1...100).contains(quality), "a JPEG's quality is 1...100, not \(quality)")
        precondition(width <= 65500 && height <= 65500, "a JPEG's sides are at most 65500, not \(width)x\(height)")
        return encoded { pupil_jpeg_encode($0, Int32(width), Int32(height), Int32(quality), &$1) }
    }

    /// The picture as a PNG file's bytes.
    public func png() -> [UInt8] { encoded { pupil_png_encode($0, Int32(width), Int32(height), 3, nil, &$1) } }

    private func encoded(
        _ encode: (UnsafePointer<UInt8>, inout UnsafeMutablePointer<UInt8>?) -> Int
    ) -> [UInt8] {
        encodedFile(pixels, width, height, encode)
    }
}

extension LabelMap {
    /// The mask as a PNG file's bytes: palette indices in the colours of PASCAL VOC, as masks are commonly stored, so that
    /// viewers show classes apart and readers get the labels themselves.
    public func png() -> [UInt8] {
        Color.vocPalette.withUnsafeBufferPointer { palette in
            encodedFile(labels, width, height) {
                pupil_png_encode($0, Int32(width), Int32(height), 1, palette.baseAddress, &$1)
            }
        }
    }

    /// Its values as a grey PNG file's bytes: for maps that are no labels, such as confidence.
    public func greyPNG() -> [UInt8] {
        encodedFile(labels, width, height) { pupil_png_encode($0, Int32(width), Int32(height), 1, nil, &$1) }
    }
}

private func encodedFile(
    _ pixels: [UInt8], _ width: Int, _ height: Int,
    _ encode: (UnsafePointer<UInt8>, inout UnsafeMutablePointer<UInt8>?) -> Int
) -> [UInt8] {
    precondition(width > 0 && height > 0, "a picture of \(width)x\(height) pixels cannot be a file")
    var buffer: UnsafeMutablePointer<UInt8>?
    let count = pixels.withUnsafeBufferPointer { pixels in pixels.baseAddress.map { encode($0, &buffer) } ?? 0 }
    precondition(count > 0, "out of memory while encoding \(width)x\(height) pixels")
    defer { pupil_buffer_free(buffer) }
    return Array(UnsafeBufferPointer(start: buffer, count: count))
}
