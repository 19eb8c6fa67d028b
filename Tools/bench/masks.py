#!/usr/bin/env python3
"""Draws masks to time mIoU with: 1,000 pairs of 500 x 375, 21 classes, as PASCAL VOC's are.

    PYTHON Tools/bench/masks.py OUT [--count 1000] [--seed 0]

Writes OUT/gt/NAME.png and OUT/dt/NAME.png, with a palette. A picture has up to six blobs on a background and a line of
ignored pixels around each; its prediction has them moved and resized a little, some of another class, and no line.
"""
import argparse
import os
import random

import numpy as np
from PIL import Image

WIDTH, HEIGHT, CLASSES, IGNORED = 500, 375, 21, 255


def drawn(blobs, line):
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for label, cx, cy, rx, ry, waves, phase in blobs:
        angle = np.arctan2(y - cy, x - cx)
        reach = np.hypot((x - cx) / rx, (y - cy) / ry) * (1 + 0.2 * np.sin(waves * angle + phase))
        if line:
            mask[np.abs(reach - 1) * min(rx, ry) <= 3] = IGNORED
        mask[reach < 1 - (3 / min(rx, ry) if line else 0)] = label
    return mask


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    draw = random.Random(args.seed)
    palette = [draw.randrange(256) for _ in range(768)]
    for part in ("gt", "dt"):
        os.makedirs(os.path.join(args.out, part), exist_ok=True)
    for i in range(args.count):
        blobs = [(draw.randint(1, CLASSES - 1), draw.uniform(0, WIDTH), draw.uniform(0, HEIGHT), draw.uniform(15, 150),
                  draw.uniform(15, 150), draw.randint(2, 7), draw.uniform(0, 6.3)) for _ in range(draw.randint(1, 6))]
        found = [(label if draw.random() < 0.85 else draw.randint(0, CLASSES - 1), cx + draw.gauss(0, 4),
                  cy + draw.gauss(0, 4), rx * draw.uniform(0.9, 1.1), ry * draw.uniform(0.9, 1.1), waves, phase)
                 for label, cx, cy, rx, ry, waves, phase in blobs]
        for part, mask in (("gt", drawn(blobs, True)), ("dt", drawn(found, False))):
            image = Image.fromarray(mask, "P")
            image.putpalette(palette)
            image.save(os.path.join(args.out, part, f"{i:04}.png"))


if __name__ == "__main__":
    main()
