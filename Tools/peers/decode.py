"""Pictures a second of decoding, and of decoding and rendering, with Pillow and with torchvision.

python Tools/peers/decode.py FOLDER [--size 256] [--limit 200] [--rounds 5] [--workers 1]
Prints JSON. The work is that of `pupil bench decode`: upright RGB, fitted into a square canvas with an antialiased
bilinear filter, ImageNet's normalisation, fp32. Each worker is a process of one thread.
"""
import argparse
import json
import os
import time
from multiprocessing import get_context

import numpy as np
import torch
from PIL import Image, ImageOps
from torchvision.io import ImageReadMode, decode_image, read_file
from torchvision.transforms.v2 import functional as F

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def fitted(w, h, size):
    s = min(size / w, size / h)
    return max(1, round(w * s)), max(1, round(h * s))


def pillow_decode(path, size):
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def pillow_render(path, size, draft=False):
    image = Image.open(path)
    if draft:  # as Image.thumbnail does: at least twice what is needed
        w, h = fitted(*image.size, size)
        image.draft("RGB", (2 * w, 2 * h))
    image = ImageOps.exif_transpose(image).convert("RGB")
    w, h = fitted(*image.size, size)
    canvas = np.zeros((size, size, 3), np.float32)
    canvas[:h, :w] = (np.asarray(image.resize((w, h), Image.BILINEAR), np.float32) / 255 - MEAN) / STD
    return canvas


def pillow_draft(path, size):
    return pillow_render(path, size, draft=True)


def torchvision_decode(path, size):
    return decode_image(read_file(path), ImageReadMode.RGB, apply_exif_orientation=True)


def torchvision_render(path, size):
    image = torchvision_decode(path, size)
    w, h = fitted(image.shape[2], image.shape[1], size)
    image = F.resize(image, [h, w], antialias=True)
    image = F.normalize(F.to_dtype(image, torch.float32, scale=True), MEAN.tolist(), STD.tolist())
    return F.pad(image, [0, 0, size - w, size - h])


WORK = [pillow_decode, pillow_render, pillow_draft, torchvision_decode, torchvision_render]


def one_pass(job):
    work, paths, size = job
    start = time.process_time()
    for path in paths:
        WORK[work](path, size)
    return time.process_time() - start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    for name, value in (("size", 256), ("limit", 200), ("rounds", 5), ("workers", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    names = sorted(n for n in os.listdir(args.folder) if n.lower().endswith((".jpg", ".jpeg", ".png", ".webp")))
    paths = [os.path.join(args.folder, n) for n in names[: args.limit]]
    torch.set_num_threads(1)
    result = {"pictures": len(paths), "size": args.size, "workers": args.workers}
    with get_context("fork").Pool(args.workers) as pool:
        for work, function in enumerate(WORK):
            jobs = [(work, paths[i :: args.workers], args.size) for i in range(args.workers)]
            wall = processor = float("inf")
            for _ in range(args.rounds):
                start = time.perf_counter()
                spent = sum(pool.map(one_pass, jobs, chunksize=1))
                wall, processor = min(wall, time.perf_counter() - start), min(processor, spent)
            result[function.__name__] = {
                "value": len(paths) / wall, "unit": "pictures/s", "processor_ms": 1000 * processor / len(paths)}
    print(json.dumps(result))


main()
