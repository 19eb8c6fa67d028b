"""Writes Tests/ImagingTests/AwkwardTable.swift: what Pillow makes of each file of a folder of awkward pictures.

Needs pillow and numpy. Run from the repository's root: python Tools/reference/awkward.py FOLDER
Files that Pillow reads get their upright size and the mean colours of their four quarters; the words of refusals, and
the files for which we do otherwise than Pillow, are told by hand in Tests/ImagingTests/AwkwardTests.swift.
"""
import json
import os
import sys

import numpy as np
from PIL import Image, ImageOps

folder = sys.argv[1]
lines = [
    "// swift-format-ignore-file",
    "// Written by Tools/reference/awkward.py (Pillow); do not edit.",
    "",
    "/// Files that Pillow reads: upright size, and red, green, blue means of the upper left, upper right, lower left",
    "/// and lower right quarter (the middle line belongs to the right and lower ones).",
    "let awkwardTable: [(file: String, width: Int, height: Int, means: [Double])] = [",
]
with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
    entries = json.load(file)["files"]
for entry in entries:
    try:
        with Image.open(os.path.join(folder, entry["file"])) as image:
            image.load()
            image = ImageOps.exif_transpose(image)
            if image.mode == "I;16":  # convert("RGB") makes 255 of everything above it; the high byte is meant
                image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            upright = np.asarray(image.convert("RGB"), np.float64)
    except (OSError, ValueError, SyntaxError):
        continue
    h, w, _ = upright.shape
    quarters = [upright[a:b, c:d] for a, b in ((0, h // 2), (h // 2, h)) for c, d in ((0, w // 2), (w // 2, w))]
    means = [v for q in quarters for v in (q.mean(axis=(0, 1)) if q.size else (0, 0, 0))]
    lines.append(f'    ("{entry["file"]}", {w}, {h}, [{", ".join(f"{v:.3f}" for v in means)}]),')
with open("Tests/ImagingTests/AwkwardTable.swift", "w", encoding="utf-8") as file:
    file.write("\n".join(lines) + "\n]\n")
