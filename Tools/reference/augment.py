"""Writes Tests/AugmentationTests/Fixtures/operators.json and views.json: pictures after augmentation.

Needs numpy, pillow, torch and torchvision. Run from the repository's root: python Tools/reference/augment.py

Pictures, unsigned bytes [h, w, 3], row by row:
- small (15 wide, 11 high), large (31 wide, 23 high):
  p(x, y, c) = (7 x + 13 y + 50 c + 3 ((x y) mod 31) + 60 ((x/5 + y/4) mod 2)) mod 256, divisions floored
- dull: 60 + p/3 of large, floored; flat (31 x 23): 77 + 20 c

operators.json: one case a line, with the picture's name, the operator, the magnitude m the argument comes from (null if
it was picked by hand), the argument, and the result's bytes in base64. Arithmetic is in float32, one rounding an
operation and in the order written, then clipped to 0...255 and truncated. Operators and arguments:
- AutoContrast [], Equalize [], Invert [], Flip [] (left and right swapped)
- Posterize [int(0.4 m)], the bits kept; Solarize [int(25.6 m)], the lowest value inverted; SolarizeAdd [int(11 m)],
  added below 128
- Color, Contrast, Contrast_quirk, Brightness, Sharpness [0.18 m + 0.1]: degenerate + factor * (picture - degenerate)
- Cutout [centre x, centre y, half side], half side int(m / 10 * 100): columns max(0, x - half) ..< min(w, x + half),
  rows alike
- BBox_Cutout [centre x, centre y, half width, half height], halves int(m / 10 * 0.75 / 2 * width of the box) and alike
- Rotate [degrees], +-3 m, positive counterclockwise as displayed; ShearX, ShearY [level], +-0.03 m;
  TranslateX, TranslateY [pixels], +-m / 10 * 250, positive to the right or down
Geometry takes the nearest pixel, halves away from zero, computed in float64; no case is within 1e-6 of a half. For that
the shears leave out m = 5, 10, 15 and the rotations of whole pictures m = 10, where 0.5 times an odd number turns up.

"boxes" of a case: where the box corners of the file's "boxes" go, their extents, clipped to the picture. Boxes are
x0, y0, x1, y1 in the frame where pixel i covers i ..< i + 1, so its centre is at i + 0.5 and the map is the one under
which pixel centres move as the pixels do. A box that leaves the picture keeps a width or height of 0.

"patch" of a case: the operator sees only columns x0 ..< x1 and rows y0 ..< y1, as if they were the picture; a centre
counts from the patch's corner. TranslateX and TranslateY are then of m / 10 * 120 pixels, half sides of m / 10 * 50.

views.json: float operators on large / 255, float32. "values" are the red, green and blue of the pixels "points" (x, y),
"mean" is over all values. Operators: Brightness, Contrast, Saturation [factor], Hue [fraction of a turn], Grey [],
Blur [radius, sigma], ResizedCrop [crop x, y, w, h, output w, h].

Choices where the facts are silent:
- Grey is (0.2989 R + 0.5870 G + 0.1140 B) / 255 * 255.5, truncated, and Contrast's level int(mean of it + 0.5), summed
  exactly; Contrast_quirk's level is min(255, count of pixels / 256 floored).
- Sharpness's smooth picture is the integer sum / 13, floored: taps of 1/13 in float32 could fall just below an integer.
- A positive translation moves the content right or down; the sign is random in use.
- Views take torchvision's meaning of contrast (one grey mean, not one a channel), saturation (a blend with grey) and
  hue; the blur mirrors at edges; the resized crop is bilinear with antialiasing, where the facts say bicubic.
"""
import base64, json, math
import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F

from common import rounded

FOLDER = "Tests/AugmentationTests/Fixtures"
BOXES = [(3, 4, 12, 15), (0, 0, 31, 23), (20.5, 10.25, 30, 22), (1, 18, 4, 22)]
PATCH = (3, 4, 25, 20)
f32 = np.float32


def formula(w, h):
    y, x, c = np.mgrid[0:h, 0:w, 0:3]
    return ((7 * x + 13 * y + 50 * c + 3 * (x * y % 31) + 60 * ((x // 5 + y // 4) % 2)) % 256).astype(np.uint8)


pictures = {"small": formula(15, 11), "large": formula(31, 23)}
pictures["dull"] = (60 + pictures["large"] // 3).astype(np.uint8)
pictures["flat"] = np.broadcast_to(np.array([77, 97, 117], np.uint8), (23, 31, 3))


def truncated(v):
    assert v.dtype == f32
    return np.clip(v, 0, 255).astype(np.uint8)


# Colours


def autocontrast(p):
    out = p.copy()
    for c in range(3):
        lo, hi = f32(p[..., c].min()), f32(p[..., c].max())
        if hi > lo:
            scale = f32(255) / (hi - lo)
            out[..., c] = truncated(p[..., c].astype(f32) * scale + -lo * scale)
    return out


def equalize(p):
    out = p.copy()
    for c in range(3):
        counts = np.bincount(p[..., c].ravel(), minlength=256)
        step = int(counts.sum() - counts[counts > 0][-1]) // 255
        if step:
            before = np.cumsum(counts) - counts
            out[..., c] = np.minimum((before + step // 2) // step, 255)[p[..., c]]
    return out


def posterize(p, bits):
    return p >> (8 - bits) << (8 - bits) if bits else p * 0


def solarize(p, threshold):
    return np.where(p < threshold, p, 255 - p)


def solarize_add(p, addition):
    return np.where(p < 128, np.clip(p.astype(int) + addition, 0, 255), p)


def blend(degenerate, p, factor):
    degenerate = np.asarray(degenerate, f32)
    return truncated(degenerate + f32(factor) * (p.astype(f32) - degenerate))


def grey(p):
    r, g, b = np.moveaxis(p.astype(f32), 2, 0)
    return truncated((f32(0.2989) * r + f32(0.5870) * g + f32(0.1140) * b) / f32(255) * f32(255.5))


def color(p, factor):
    return blend(grey(p)[..., None], p, factor)


def contrast(p, factor):
    return blend(int(grey(p).mean(dtype=np.float64) + 0.5), p, factor)


def contrast_quirk(p, factor):
    return blend(min(255, p.shape[0] * p.shape[1] // 256), p, factor)


def brightness(p, factor):
    return blend(0, p, factor)


def sharpness(p, factor):
    h, w, _ = p.shape
    wide = p.astype(int)
    total = 4 * wide[1:-1, 1:-1] + sum(wide[i : h - 2 + i, j : w - 2 + j] for i in range(3) for j in range(3))
    smooth = p.copy()
    smooth[1:-1, 1:-1] = total // 13
    return blend(smooth, p, factor)


def cutout(p, x, y, half, half_height=None):
    out = p.copy()
    half_height = half if half_height is None else half_height
    out[max(0, y - half_height) : y + half_height, max(0, x - half) : x + half] = 128
    return out


# Geometry: 2 x 3 matrices from output to input pixel indices


def rotation(w, h, degrees):
    a = math.radians(degrees)
    cos, sin, cx, cy = math.cos(a), math.sin(a), (w - 1) / 2, (h - 1) / 2
    return np.array([[cos, -sin, cx - cos * cx + sin * cy], [sin, cos, cy - sin * cx - cos * cy]])


matrices = {
    "Rotate": rotation,
    "ShearX": lambda w, h, level: np.array([[1, level, 0], [0, 1, 0.0]]),
    "ShearY": lambda w, h, level: np.array([[1, 0, 0], [level, 1, 0.0]]),
    "TranslateX": lambda w, h, pixels: np.array([[1, 0, -pixels], [0, 1, 0.0]]),
    "TranslateY": lambda w, h, pixels: np.array([[1, 0, 0], [0, 1.0, -pixels]]),
}


def warp(p, matrix):
    h, w, _ = p.shape
    y, x = np.mgrid[0:h, 0:w]
    at = matrix @ np.stack([x.ravel(), y.ravel(), np.ones(w * h)])
    assert np.abs(at - np.floor(at) - 0.5).min() > 1e-6, "a tie"
    x, y = (np.sign(at) * np.floor(np.abs(at) + 0.5)).astype(int)
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    out = np.full((w * h, 3), 128, np.uint8)
    out[inside] = p[y[inside], x[inside]]
    return out.reshape(p.shape)


def moved(box, matrix, w, h):
    x0, y0, x1, y1 = box
    corners = np.array([[x0, x1, x0, x1], [y0, y0, y1, y1]])
    out = np.linalg.solve(matrix[:, :2], corners - 0.5 - matrix[:, 2:]) + 0.5
    x, y = np.clip(out[0], 0, w), np.clip(out[1], 0, h)
    return [x.min(), y.min(), x.max(), y.max()]


plain = {
    "AutoContrast": autocontrast, "Equalize": equalize, "Invert": lambda p: 255 - p, "Flip": lambda p: p[:, ::-1],
    "Posterize": posterize, "Solarize": solarize, "SolarizeAdd": solarize_add, "Color": color, "Contrast": contrast,
    "Contrast_quirk": contrast_quirk, "Brightness": brightness, "Sharpness": sharpness, "Cutout": cutout,
    "BBox_Cutout": cutout,
}


def apply(p, operator, argument):
    if operator in plain:
        return np.asarray(plain[operator](p, *argument)).astype(np.uint8)
    return warp(p, matrices[operator](p.shape[1], p.shape[0], *argument))


cases = []


def add(name, operator, argument=(), magnitude=None, patch=None):
    p = pictures[name]
    argument = [round(a, 10) for a in argument]
    case = {"picture": name, "operator": operator, "magnitude": magnitude, "argument": argument}
    if patch:
        x0, y0, x1, y1 = patch
        out = p.copy()
        out[y0:y1, x0:x1] = apply(p[y0:y1, x0:x1], operator, argument)
        case["patch"] = patch
    else:
        out = apply(p, operator, argument)
        compare(p, operator, argument, out)
        if name == "large" and operator in matrices:
            h, w, _ = p.shape
            matrix = matrices[operator](w, h, *argument)
            case["boxes"] = [[round(v, 9) + 0.0 for v in moved(box, matrix, w, h)] for box in BOXES]
    case["pixels"] = base64.b64encode(out.tobytes()).decode()
    cases.append(case)


# Pillow and torchvision. Equalize, Invert, Solarize and Posterize must be equal. Of the rest only two differ:
# - Color: Pillow's grey is rounded from the weights 0.299, 0.587, 0.114.
# - Sharpness: Pillow's smooth picture is rounded, not truncated.
# With Pillow's grey or smooth picture put in, the blends are equal to the last pixel.

seen = {}


def compare(p, operator, argument, out):
    image = Image.fromarray(np.ascontiguousarray(p))

    def record(other, by):
        difference = np.abs(np.asarray(other).astype(int) - out)
        row = seen.setdefault((operator, by), [0, 0, 0])
        row[0] += int((difference.max(2) > 0).sum())
        row[1] += p.shape[0] * p.shape[1]
        row[2] = max(row[2], int(difference.max()))

    enhance = {"Color": "Color", "Contrast": "Contrast", "Brightness": "Brightness", "Sharpness": "Sharpness"}
    if operator in enhance:
        record(getattr(ImageEnhance, enhance[operator])(image).enhance(argument[0]), "Pillow")
    elif operator == "AutoContrast":
        record(ImageOps.autocontrast(image), "Pillow")
    elif operator in ("Equalize", "Invert", "Solarize") or operator == "Posterize" and argument[0] > 0:
        other = getattr(ImageOps, operator.lower())(image, *argument)
        assert np.array_equal(np.asarray(other), out), operator
    elif operator in matrices:
        h, w, _ = p.shape
        a = matrices[operator](w, h, *argument)
        # Pillow maps pixel centres, at i + 0.5, and floors.
        b = np.column_stack([a[:, :2], a[:, 2] + 0.5 - a[:, :2].sum(1) / 2])
        record(image.transform((w, h), Image.Transform.AFFINE, b.ravel().tolist(), fillcolor=(128, 128, 128)), "Pillow")
        if operator == "Rotate":
            tensor = torch.from_numpy(np.ascontiguousarray(p)).permute(2, 0, 1)
            other = F.rotate(tensor, argument[0], InterpolationMode.NEAREST, fill=[128.0] * 3)
            record(other.permute(1, 2, 0).numpy(), "torchvision")
            record(image.rotate(argument[0], fillcolor=(128, 128, 128)), "Pillow rotate")


# Cases

for name in pictures:
    add(name, "AutoContrast")
    add(name, "Equalize")
add("small", "Invert")
add("small", "Flip")
for m in (0, 2, 5, 8, 10, 15):
    add("small", "Posterize", [int(0.4 * m)], m)
    add("small", "Solarize", [int(25.6 * m)], m)
    add("small", "SolarizeAdd", [int(11 * m)], m)
    for operator in ("Color", "Contrast", "Contrast_quirk", "Brightness", "Sharpness"):
        add("small", operator, [0.18 * m + 0.1], m)
for m in (2, 10):
    add("large", "Contrast", [0.18 * m + 0.1], m)
    add("large", "Contrast_quirk", [0.18 * m + 0.1], m)
for operator in ("Contrast", "Color", "Sharpness"):
    add("dull", operator, [0.18 * 15 + 0.1], 15)
    add("flat", operator, [0.18 * 8 + 0.1], 8)
add("small", "Cutout", [7, 5, 0], 0)
add("small", "Cutout", [14, 9, 10], 1)
for argument in ([7, 5, 3], [0, 0, 4], [14, 10, 2], [3, 10, 5], [7, 5, 100]):
    add("small", "Cutout", argument)
add("large", "Rotate", [0], 0)
for m in (2, 5, 8, 15):
    add("large", "Rotate", [3 * m], m)
    add("large", "Rotate", [-3 * m], m)
add("large", "Rotate", [90])
add("small", "Rotate", [27], 9)
add("small", "Rotate", [-36], 12)
for operator in ("ShearX", "ShearY"):
    for m, sign in ((4, 1), (8, -1), (13, 1), (16, -1)):
        add("large", operator, [sign * 0.03 * m], m)
    for m, sign in ((0, 1), (2, 1), (8, 1), (9, -1)):
        add("small", operator, [sign * 0.03 * m], m)
for operator in ("TranslateX", "TranslateY"):
    add("large", operator, [5])
    add("large", operator, [-7])
    for m, sign in ((0, 1), (1, -1)):
        add("small", operator, [sign * 25 * m], m)
    add("small", operator, [3])
add("large", "TranslateX", [25], 1)
for operator, argument, m in (
    ("Rotate", [30], 10), ("Rotate", [-24], 8), ("ShearX", [0.24], 8), ("TranslateY", [12], 1),
    ("TranslateY", [-5], None), ("Flip", [], None), ("Solarize", [51], 2), ("Equalize", [], None),
    ("Cutout", [15, 4, 5], 1), ("Cutout", [1, 15, 4], None),
):
    add("large", operator, argument, m, PATCH)
for m, x, y in ((1, 20, 6), (2, 4, 15), (3, 30, 22)):
    # RandAugment's 40 pixels.
    add("large", "Cutout", [x, y, int(m / 10 * 40)], m)
for m, box, x, y in ((10, 0, 7, 9), (5, 0, 11, 4), (8, 2, 29, 11), (2, 3, 2, 20)):
    x0, y0, x1, y1 = BOXES[box]
    add("large", "BBox_Cutout", [x, y, int(m / 10 * 0.75 / 2 * (x1 - x0)), int(m / 10 * 0.75 / 2 * (y1 - y0))], m)
for operator, argument, m in (
    ("Rotate", [15], 5), ("ShearX", [-0.12], 4), ("ShearY", [0.24], 8), ("ShearY", [-0.12], 4), ("TranslateX", [12], 1),
    ("TranslateX", [-24], 2), ("TranslateX", [4], None), ("TranslateY", [24], 2), ("Solarize", [204], 8),
    ("Cutout", [11, 8, 10], 2),
):
    add("large", operator, argument, m, PATCH)


# Views

views = []
tensor = torch.from_numpy(pictures["large"].astype(f32) / f32(255)).permute(2, 0, 1)


def view(operator, argument, out):
    out = out.permute(1, 2, 0).numpy()
    assert out.dtype == f32
    h, w, _ = out.shape
    points = [[i * (w - 1) // 11, 5 * i % 12 * (h - 1) // 11] for i in range(12)]
    values = [v for x, y in points for v in out[y, x].tolist()]
    views.append({"operator": operator, "argument": argument, "points": points, "values": values,
                  "mean": out.mean(dtype=np.float64)})


def blur(p, radius, sigma):
    """The formula, in float64."""
    taps = np.exp(-np.arange(-radius, radius + 1) ** 2 / (2 * sigma**2))
    taps /= taps.sum()
    wide = np.pad(p, ((radius, radius), (radius, radius), (0, 0)), "reflect")
    h, w, _ = p.shape
    wide = sum(t * wide[i : i + h] for i, t in enumerate(taps))
    return sum(t * wide[:, i : i + w] for i, t in enumerate(taps))


worst = 0.0
for factor in (1.5, 0.4):
    view("Brightness", [factor], F.adjust_brightness(tensor, factor))
for factor in (0.4, 1.7):
    view("Contrast", [factor], F.adjust_contrast(tensor, factor))
for factor in (0.3, 1.8):
    view("Saturation", [factor], F.adjust_saturation(tensor, factor))
for factor in (-0.2, 0.15):
    view("Hue", [factor], F.adjust_hue(tensor, factor))
view("Grey", [], F.rgb_to_grayscale(tensor, 3))
# SimCLR's radius is max(1, side / 10 / 2 floored): 1 for this picture, 11 for one of 224.
for radius in (1, 3, 11):
    for sigma in (0.5, 1.7):
        out = F.gaussian_blur(tensor, [2 * radius + 1] * 2, [sigma] * 2)
        formulas = blur(tensor.permute(1, 2, 0).double().numpy(), radius, sigma)
        worst = max(worst, np.abs(out.permute(1, 2, 0).numpy() - formulas).max())
        view("Blur", [radius, sigma], out)
for size in (12, 40):
    out = F.resized_crop(tensor, 3, 4, 15, 19, [size, size], InterpolationMode.BILINEAR, antialias=True)
    view("ResizedCrop", [4, 3, 19, 15, size, size], out)
assert worst < 1e-6, worst


def write(name, head, key, rows, digits):
    lines = ",\n".join(json.dumps(rounded(row, digits), separators=(",", ":")) for row in rows)
    text = json.dumps(head, separators=(",", ":"))[:-1] + f',"{key}":[\n{lines}\n]}}\n'
    json.loads(text)
    with open(f"{FOLDER}/{name}", "w", encoding="utf-8") as file:
        file.write(text)
    print(f"{FOLDER}/{name}: {len(rows)} cases, {len(text)} bytes")


script = "Tools/reference/augment.py"
write("operators.json", {"script": script, "boxes": BOXES}, "cases", cases, 9)
write("views.json", {"script": script}, "cases", views, 7)
for (operator, by), (count, total, most) in seen.items():
    print(f"{operator} against {by}: {count} of {total} pixels differ, by at most {most}")
