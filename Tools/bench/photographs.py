#!/usr/bin/env python3
"""Makes large JPEGs with a photograph's bits a pixel for timing decoders: mosaics of 4 x 4 real photographs.

    PYTHON Tools/bench/photographs.py OUT --from FOLDER [--count 24] [--width 2000] [--height 1500] [--seed 1]

PYTHON has Pillow. Writes OUT/00000.jpg and on, quality 90, 4:2:0. Photographs of FOLDER that have a tile's size (500 x
375, as most of VOC's) are laid out as they are; if there are fewer than 16 of them, all are used, cropped and resized
to it. The same pictures for the same folder and arguments.
"""
import argparse
import os
import random

from PIL import Image, ImageOps

SIDE = 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--from", dest="folder", required=True)
    for name, value in (("count", 24), ("width", 2000), ("height", 1500), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    paths = [os.path.join(args.folder, n) for n in sorted(os.listdir(args.folder))
             if n.lower().endswith((".jpg", ".jpeg"))]
    if not paths:
        parser.error(f"no JPEG in {args.folder}")
    tile = -(-args.width // SIDE), -(-args.height // SIDE)
    fitting = [p for p in paths if Image.open(p).size == tile]
    if len(fitting) >= SIDE * SIDE:
        paths = fitting
    rng = random.Random(args.seed)
    os.makedirs(args.out, exist_ok=True)
    written = 0
    for number in range(args.count):
        mosaic = Image.new("RGB", (args.width, args.height))
        chosen = rng.sample(paths, SIDE * SIDE) if len(paths) >= SIDE * SIDE else rng.choices(paths, k=SIDE * SIDE)
        for i, path in enumerate(chosen):
            picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            if picture.size != tile:
                picture = ImageOps.fit(picture, tile, Image.LANCZOS)
            mosaic.paste(picture, (i % SIDE * tile[0], i // SIDE * tile[1]))
        target = os.path.join(args.out, f"{number:05d}.jpg")
        mosaic.save(target, quality=90, subsampling="4:2:0")
        written += os.path.getsize(target)
    bits = 8 * written / (args.count * args.width * args.height)
    print(f"{args.count} pictures of {args.width} x {args.height}, {written / 2**20:.1f} MiB, {bits:.2f} bits a pixel")


if __name__ == "__main__":
    main()
