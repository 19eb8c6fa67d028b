"""Writes Tests/ImagingTests/Fixtures.swift: small files and what Pillow and torch make of them.

Needs pillow, numpy and torch. Run from the repository's root: python Tools/reference/imaging.py
"""
import base64, io, struct, zlib
import numpy as np
import torch
from PIL import Image, ImageOps

W, H = 13, 10


def picture(channels, top=255, w=W, h=H):
    """A smooth, asymmetric picture by formula, [h, w, channels]."""
    y, x, c = np.mgrid[0:h, 0:w, 0:channels]
    return np.floor(top * (0.5 + 0.45 * np.sin(0.35 * x * (c + 1) + 0.6 * y + c))).astype(np.int64)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(rows, bits):
    """Filterless PNG scan lines of samples [h, w * channels]."""
    out = b""
    for row in rows:
        if bits == 16:
            line = row.astype(">u2").tobytes()
        elif bits == 8:
            line = row.astype(np.uint8).tobytes()
        else:
            text = "".join(format(int(v), f"0{bits}b") for v in row)
            text += "0" * (-len(text) % 8)
            line = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
        out += b"\0" + line
    return out


def png(samples, bits, colour, interlaced=False, extra=b""):
    h, w, c = samples.shape
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, int(interlaced)))
    if interlaced:  # Adam7
        passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
        data = b"".join(
            packed(part.reshape(part.shape[0], -1), bits)
            for x0, y0, dx, dy in passes
            if (part := samples[y0::dy, x0::dx]).size
        )
    else:
        data = packed(samples.reshape(h, -1), bits)
    return b"\x89PNG\r\n\x1a\n" + head + extra + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


files = {}  # name: (bytes, expected RGB array)


def add(name, data, expected=None):
    if expected is None:
        image = Image.open(io.BytesIO(data))
        image.load()
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    files[name] = (data, np.asarray(expected, np.uint8))


rgb, gray = picture(3), picture(1)
photo = Image.fromarray(rgb.astype(np.uint8))
add("baseline.jpg", jpeg(photo, quality=90, subsampling=0))
add("subsampled.jpg", jpeg(photo, quality=90, subsampling=2))
add("progressive.jpg", jpeg(photo, quality=90, progressive=True))
add("gray.jpg", jpeg(photo.convert("L"), quality=90))
cmyk = jpeg(Image.fromarray(picture(4).astype(np.uint8), "CMYK"), quality=95)
add("cmyk.jpg", cmyk)
adobe = cmyk.index(b"Adobe") + 11  # the byte that says whether CMYK is stored as YCCK
add("ycck.jpg", cmyk[:adobe] + b"\x02" + cmyk[adobe + 1 :])
# Codes of all lengths: noise that saturates, tables of their own, restart markers by blocks and by rows.
steps = picture(3, 7, 41, 35)
rough = Image.fromarray(((picture(3, 255, 41, 35) + 89 * steps**3) % 256).astype(np.uint8))
add("restarts.jpg", jpeg(rough, quality=85, subsampling=2, restart_marker_blocks=1, optimize=True))
add("rows.jpg", jpeg(rough, quality=100, subsampling=1, restart_marker_rows=1))
add("fine.jpg", jpeg(rough, quality=100, subsampling=0, optimize=True))
add("grayrestarts.jpg", jpeg(rough.convert("L"), quality=97, restart_marker_blocks=4))
for bits in (1, 2, 4, 8, 16):
    samples = picture(1, (1 << bits) - 1)
    shown = samples * 255 // ((1 << bits) - 1) if bits < 16 else samples >> 8
    add(f"gray{bits}.png", png(samples, bits, 0), np.repeat(shown, 3, 2))
palette = picture(3, 255, 4, 4).reshape(-1, 3)
for bits in (1, 2, 4, 8):
    indices = picture(1, min(15, (1 << bits) - 1))
    plte = chunk(b"PLTE", palette[: 1 << bits].astype(np.uint8).tobytes()) + chunk(b"tRNS", bytes([0, 128]))
    add(f"palette{bits}.png", png(indices, bits, 3, extra=plte), palette[indices[..., 0]])
for bits in (8, 16):
    shift = bits - 8
    top = (1 << bits) - 1
    add(f"rgb{bits}.png", png(picture(3, top), bits, 2), picture(3, top) >> shift)
    add(f"grayalpha{bits}.png", png(picture(2, top), bits, 4), np.repeat(picture(2, top)[..., :1] >> shift, 3, 2))
    add(f"rgba{bits}.png", png(picture(4, top), bits, 6), picture(4, top)[..., :3] >> shift)
add("key.png", png(rgb, 8, 2, extra=chunk(b"tRNS", struct.pack(">HHH", *rgb[2, 3]))), rgb)
add("interlaced.png", png(rgb, 8, 2, interlaced=True))
add("interlaced4.png", png(picture(1, 15), 4, 0, interlaced=True), np.repeat(picture(1, 15) * 17, 3, 2))
for orientation in range(1, 9):
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + struct.pack(">HHI", orientation, 0, 0)
    add(f"turned{orientation}.png", png(picture(3, 255, 5, 3), 8, 2, extra=chunk(b"eXIf", exif)))



def webp(image, **options):
    out = io.BytesIO()
    image.save(out, "WEBP", **options)
    return out.getvalue()


def riff(*chunks):
    body = b"WEBP" + b"".join(k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2) for k, d in chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def body(data):
    """The image chunk of a simple WebP: its name and bytes."""
    return data[12:16], data[20 : 20 + struct.unpack("<I", data[16:20])[0]]


def u24(n):
    return struct.pack("<I", n)[:3]


small = Image.fromarray(picture(3, 255, 5, 3).astype(np.uint8))
turn = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
extended = struct.pack("<I", 8) + u24(4) + u24(2)
add("lossy.webp", webp(photo, quality=80))
add("lossless.webp", webp(photo, lossless=True))
add("alpha.webp", webp(Image.fromarray(picture(4).astype(np.uint8), "RGBA"), lossless=True, exact=True))
add("lossyalpha.webp", webp(Image.fromarray(picture(4).astype(np.uint8), "RGBA"), quality=80))
add("exif.webp", riff((b"VP8X", extended), body(webp(small, lossless=True)), (b"EXIF", turn)))
add("exifjpegstyle.webp", riff((b"VP8X", extended), body(webp(small, lossless=True)), (b"EXIF", b"Exif\0\0" + turn)))
frame = u24(1) + u24(1) + u24(4) + u24(2) + u24(100) + b"\x02"  # at (2, 2)
moving = riff(
    (b"VP8X", struct.pack("<I", 2) + u24(12) + u24(9)),
    (b"ANIM", b"\x40\x80\xc0\xff" + b"\0\0"),
    *[(b"ANMF", frame + k + struct.pack("<I", len(d)) + d + b"\0" * (len(d) % 2))
      for k, d in (body(webp(small, lossless=True)), body(webp(small.rotate(180), lossless=True)))],
)
add("animated.webp", moving)

lines = ["// Written by Tools/reference/imaging.py (Pillow and torch); do not edit.", ""]
lines.append("/// Files by name, base64, with the RGB pixels that Pillow makes of them.")
lines.append("let fixtureFiles: [(name: String, width: Int, height: Int, file: String, pixels: String)] = [")
for name, (data, expected) in files.items():
    h, w, _ = expected.shape
    lines.append(f'    ("{name}", {w}, {h},')
    lines.append(f'     "{base64.b64encode(data).decode()}",')
    lines.append(f'     "{base64.b64encode(expected.tobytes()).decode()}"),')
lines += ["]", ""]

lines.append("/// The picture `floor(255 * (0.5 + 0.45 * sin(0.35 * x * (c + 1) + 0.6 * y + c)))`, 13 x 10, resized by")
lines.append("/// torch.nn.functional.interpolate(mode=\"bilinear\"), rows of floats [height, width, 3].")
lines.append("let torchResized: [(width: Int, height: Int, antialias: Bool, values: [Float])] = [")
x = torch.tensor(rgb, dtype=torch.float64).permute(2, 0, 1)[None]
for w, h in ((5, 4), (3, 7), (20, 6), (29, 23)):
    for antialias in (True, False):
        y = torch.nn.functional.interpolate(x, size=(h, w), mode="bilinear", antialias=antialias, align_corners=False)
        values = y[0].permute(1, 2, 0).reshape(-1)
        if values.numel() > 400:  # the larger ones: every 7th value
            values = values[::7]
        text = ", ".join(f"{v:.3f}" for v in values.tolist())
        lines.append(f"    ({w}, {h}, {'true' if antialias else 'false'},")
        lines.append(f"     [{text}]),")
lines += ["]", ""]
open("Tests/ImagingTests/Fixtures.swift", "w").write("// swift-format-ignore-file\n" + "\n".join(lines))
