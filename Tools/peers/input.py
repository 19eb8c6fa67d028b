"""Pictures a second of training input with torchvision, albumentations, OpenCV and Pillow, on one thread.

python Tools/peers/input.py FOLDER [--size 640] [--limit 200] [--rounds 3] [--policy all|S1|S4] [--only NAME,NAME]
Prints JSON. The work is that of `pupil bench input`: a JPEG is read from disk and decoded upright, augmented, and
written as a normalised fp32 canvas of size x size; five boxes a picture go with it.

S1: fitted into a square of U(0.8, 1.2) x size, cropped at random to the canvas, flipped half the time, normalised, and
padded below and to the right with the mean colour. S4: before that, two different of RandAugment's sixteen operations
at magnitude 10 on the whole picture (translation 100 pixels, cutout 80 x 80), and U(0.5, 2) in place of U(0.8, 1.2).
Flipping commutes with resizing and with a uniform crop, so each library does it where that costs it least.

torchvision               v2 functions on tv_tensors; channels first. Antialiased. Normalises planar, which is faster.
torchvision_tuned         plain tensors, boxes in NumPy but for S4's two operations. Resizes only the part that is kept,
                          and writes it normalised into a batch's canvas that is used again; channels last.
torchvision_image_only    S4 alone: v2.RandAugment(num_ops=2, magnitude=10, num_magnitude_bins=31), which does not move
                          boxes, has its own fourteen operations, and at 10 of 30 they are milder. No boxes.
albumentations            linear, which aliases where it shrinks; channels last. Operations as near as it has them:
                          angles and offsets uniform up to the maximum, `Sharpen`. Pads with the rounded mean colour.
albumentations_area       INTER_AREA where it shrinks.
opencv, opencv_area       OpenCV's decoder and resizing, linear, or area where it shrinks; S4's two operations are
                          albumentations'; the rest as torchvision_tuned.
opencv_reduced            S1 alone: linear, decoding at 1/2, 1/4 or 1/8 where that is still no smaller than the result.
pillow                    S1 alone: Pillow's decoder and resizing, antialiased; the rest as torchvision_tuned.
pillow_draft              the same, decoding at 1/2, 1/4 or 1/8 where that is still no smaller than the result.
"""
import argparse
import itertools
import json
import math
import os
import random
import time

import albumentations as A
import cv2
import numpy as np
import torch
import torchvision
from PIL import Image, ImageOps, __version__ as pillow_version
from torchvision import tv_tensors
from torchvision.io import ImageReadMode, decode_image, read_file
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SCALES = {"S1": (0.8, 1.2), "S4": (0.5, 2.0)}
GREY, TRANSLATE, CUTOUT, SHEAR = 128, 100, 40, math.degrees(math.atan(0.3))


class Plan:
    """Where a picture of w x h goes: resized to (w, h), of which `size` at (x, y) is kept, and perhaps flipped."""

    def __init__(self, rng, w, h, size, scales):
        box = round(rng.uniform(*scales) * size)
        s = min(box / w, box / h)
        self.w, self.h = max(1, round(w * s)), max(1, round(h * s))
        self.x, self.y = (int(rng.random() * max(0, n - size)) for n in (self.w, self.h))
        self.cw, self.ch = min(self.w, size), min(self.h, size)
        self.flip = rng.random() < 0.5

    def source(self, w, h):
        """The part of a w x h picture that is kept: left, top, right, bottom."""
        sx, sy = w / self.w, h / self.h
        return self.x * sx, self.y * sy, (self.x + self.cw) * sx, (self.y + self.ch) * sy

    def boxes(self, boxes):
        """Boxes in fractions of the picture, as pixels of the canvas."""
        boxes = boxes * np.float32([self.w, self.h] * 2) - np.float32([self.x, self.y] * 2)
        boxes = np.clip(boxes, 0, np.float32([self.cw, self.ch] * 2))
        if self.flip:
            boxes = np.stack([self.cw - boxes[:, 2], boxes[:, 1], self.cw - boxes[:, 0], boxes[:, 3]], 1)
        return boxes[((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)]


def writer(size):
    """Writes rows of RGB bytes, normalised and padded, into the next of the eight canvases of a batch."""
    mean, factor = (torch.tensor(MEAN) * 255).repeat(size), (1 / (torch.tensor(STD) * 255)).repeat(size)
    canvases = itertools.cycle(torch.zeros(8, size, size * 3))

    def write(rows, plan):
        canvas, h, w = next(canvases), plan.ch, plan.cw * 3
        torch.sub(rows.reshape(h, w), mean[:w], out=canvas[:h, :w]).mul_(factor[:w])
        canvas[:h, w:] = 0
        canvas[h:] = 0
        return canvas.view(size, size, 3)

    return write


# torchvision


def warped(image, boxes, **how):
    how = {"angle": 0.0, "translate": [0, 0], "scale": 1.0, "shear": [0.0, 0.0], "fill": [GREY] * 3} | how
    return F.affine(image, **how), F.affine(boxes, **how)


def shifted(image, boxes, x, y):  # as F.affine, which takes ten times as long
    result, (h, w) = torch.full_like(image, GREY), image.shape[-2:]
    x, y = max(-w, min(w, x)), max(-h, min(h, y))
    result[:, max(0, y) : h + y, max(0, x) : w + x] = image[:, max(0, -y) : h - y, max(0, -x) : w - x]
    moved = tv_tensors.wrap(boxes + torch.tensor([x, y, x, y]), like=boxes)
    return tv_tensors.wrap(result, like=image), F.clamp_bounding_boxes(moved)


def cut_out(image, rng):
    h, w = image.shape[-2:]
    x, y = rng.randrange(w), rng.randrange(h)
    image = image.clone()
    image[:, max(0, y - CUTOUT) : y + CUTOUT, max(0, x - CUTOUT) : x + CUTOUT] = GREY
    return image


COLOUR = [
    lambda image, rng: F.autocontrast(image.contiguous()),  # this and saturation are faster on planes
    lambda image, rng: F.equalize(image),
    lambda image, rng: F.invert(image),
    lambda image, rng: F.posterize(image, 4),
    lambda image, rng: F.solarize(image, 255),
    lambda image, rng: F.adjust_saturation(image.contiguous(), 1.9),
    lambda image, rng: F.adjust_contrast(image, 1.9),
    lambda image, rng: F.adjust_brightness(image, 1.9),
    lambda image, rng: F.adjust_sharpness(image, 1.9),
    lambda image, rng: torch.add(image, (image < 128).view(torch.uint8), alpha=110),
    cut_out,
]
GEOMETRY = [
    lambda image, boxes, rng: warped(image, boxes, angle=rng.choice([-30.0, 30.0])),
    lambda image, boxes, rng: warped(image, boxes, shear=[rng.choice([-SHEAR, SHEAR]), 0.0], center=[0, 0]),
    lambda image, boxes, rng: warped(image, boxes, shear=[0.0, rng.choice([-SHEAR, SHEAR])], center=[0, 0]),
    lambda image, boxes, rng: shifted(image, boxes, rng.choice([-TRANSLATE, TRANSLATE]), 0),
    lambda image, boxes, rng: shifted(image, boxes, 0, rng.choice([-TRANSLATE, TRANSLATE])),
]


def torchvision_decoded(path):
    return decode_image(read_file(path), ImageReadMode.RGB, apply_exif_orientation=True)


def as_tv_tensors(image, boxes):
    h, w = image.shape[1:]
    boxes = torch.from_numpy(boxes * np.float32([w, h, w, h]))
    return tv_tensors.Image(image), tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(h, w))


def two_operations(image, boxes, rng):
    for op in rng.sample(COLOUR + GEOMETRY, 2):
        if op in GEOMETRY:
            image, boxes = op(image, boxes, rng)
        else:
            image = tv_tensors.wrap(op(image, rng), like=image)
    return image, boxes


def torchvision_finished(image, plan, size):
    image = F.to_dtype(image.contiguous(), torch.float32, scale=True)
    return F.pad(F.normalize(image, MEAN, STD, inplace=True), [0, 0, size - plan.cw, size - plan.ch])


def with_torchvision(size, policy, rng):
    def work(path, boxes):
        image, boxes = as_tv_tensors(torchvision_decoded(path), boxes)
        if policy == "S4":
            image, boxes = two_operations(image, boxes, rng)
        plan = Plan(rng, image.shape[2], image.shape[1], size, SCALES[policy])

        def placed(x):
            x = F.crop(F.resize(x, [plan.h, plan.w], antialias=True), plan.y, plan.x, plan.ch, plan.cw)
            return F.horizontal_flip(x) if plan.flip else x

        image, boxes = placed(image), placed(boxes)
        return torchvision_finished(image, plan, size), boxes[((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)]

    return work


def with_torchvision_tuned(size, policy, rng):
    write = writer(size)

    def work(path, boxes):
        image = torchvision_decoded(path)
        h, w = image.shape[1:]
        if policy == "S4":
            image, boxes = two_operations(*as_tv_tensors(image, boxes), rng)
            image, boxes = image.as_subclass(torch.Tensor), boxes.numpy() / np.float32([w, h, w, h])
        plan = Plan(rng, w, h, size, SCALES[policy])
        left, top, right, bottom = plan.source(w, h)
        image = image.permute(1, 2, 0)[int(top) : math.ceil(bottom), int(left) : math.ceil(right)].contiguous()
        image = image.permute(2, 0, 1)  # dense, or resizing would take its slower path
        image = F.resize_image(image, [plan.ch, plan.cw], antialias=True)
        if plan.flip:
            image = image.flip(-1)
        return write(image.permute(1, 2, 0), plan), plan.boxes(boxes)

    return work


def with_torchvision_image_only(size, policy, rng):
    augment = v2.RandAugment(num_ops=2, magnitude=10, num_magnitude_bins=31, fill=GREY)

    def work(path, _):
        image = augment(torchvision_decoded(path))
        plan = Plan(rng, image.shape[2], image.shape[1], size, SCALES[policy])
        image = F.crop(F.resize(image, [plan.h, plan.w], antialias=True), plan.y, plan.x, plan.ch, plan.cw)
        return torchvision_finished(F.horizontal_flip(image) if plan.flip else image, plan, size), None

    return work


# albumentations


SOLARIZE_ADD = np.uint8([v + 110 if v < 128 else v for v in range(256)])


def solarize_add(image, **_):
    return cv2.LUT(image, SOLARIZE_ADD)


def sixteen():
    affine = {"interpolation": cv2.INTER_NEAREST, "fill": GREY, "p": 1}
    still = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0), "p": 1}
    return [
        A.AutoContrast(method="pil", p=1), A.Equalize(p=1), A.InvertImg(p=1), A.Posterize(num_bits=4, p=1),
        A.Solarize(threshold_range=(1, 1), p=1),
        *(A.ColorJitter(**still | {k: (1.9, 1.9)}) for k in ("saturation", "contrast", "brightness")),
        A.Sharpen(alpha=(0.5, 0.5), lightness=(1, 1), kernel_size=3, p=1),
        A.Lambda(image=solarize_add, p=1),
        A.CoarseDropout((1, 1), (2 * CUTOUT, 2 * CUTOUT), (2 * CUTOUT, 2 * CUTOUT), fill=GREY, p=1),
        A.Affine(rotate=(-30, 30), **affine),
        *(A.Affine(shear={"x": (0, 0), "y": (0, 0)} | {k: (-SHEAR, SHEAR)}, **affine) for k in "xy"),
        *(A.Affine(translate_px={"x": (0, 0), "y": (0, 0)} | {k: (-TRANSLATE, TRANSLATE)}, **affine) for k in "xy"),
    ]


def composed(steps, rng):
    boxes = A.BboxParams("pascal_voc", label_fields=["labels"], clip=True)
    return A.Compose(steps, bbox_params=boxes, seed=rng.randrange(2**31))


def with_albumentations(size, policy, rng, area=None):
    low, high = (round(s * size) for s in SCALES[policy])
    steps = [
        A.LongestMaxSize(list(range(low, high + 1)), interpolation=cv2.INTER_LINEAR, area_for_downscale=area),
        A.HorizontalFlip(p=0.5),
        A.RandomCrop(size, size, pad_if_needed=True, pad_position="top_left", fill=tuple(round(255 * m) for m in MEAN)),
        A.Normalize(MEAN, STD),
    ]
    compose = composed([A.SomeOf(sixteen(), n=2)] * (policy == "S4") + steps, rng)
    labels = np.arange(5)

    def work(path, boxes):
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        h, w = image.shape[:2]
        result = compose(image=image, bboxes=boxes * np.float32([w, h, w, h]), labels=labels)
        return result["image"], result["bboxes"]

    return work


def with_albumentations_area(size, policy, rng):
    return with_albumentations(size, policy, rng, area="image")


# OpenCV and Pillow


def reduction(w, h, plan):
    """The largest of 1, 2, 4, 8 by which the decoder may divide a picture that is to be resized by the plan."""
    return max(k for k in (1, 2, 4, 8) if k == 1 or (w >= k * plan.w and h >= k * plan.h))


def with_opencv(size, policy, rng, shrinking=cv2.INTER_LINEAR, reduced=False):
    write = writer(size)
    flags = {1: cv2.IMREAD_COLOR_RGB, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
             8: cv2.IMREAD_REDUCED_COLOR_8}
    operations = composed([A.SomeOf(sixteen(), n=2)], rng) if policy == "S4" else None
    labels = np.arange(5)

    def work(path, boxes):
        k = 1
        if reduced:
            with Image.open(path) as header:
                w, h = header.size
                if header.getexif().get(0x0112, 1) >= 5:
                    w, h = h, w
            plan = Plan(rng, w, h, size, SCALES[policy])
            k = reduction(w, h, plan)
        image = cv2.imread(path, flags[k])
        h, w = image.shape[:2]
        if operations:
            whole = np.float32([w, h, w, h])
            result = operations(image=image, bboxes=boxes * whole, labels=labels)
            image, boxes = result["image"], result["bboxes"] / whole
        if not reduced:
            plan = Plan(rng, w, h, size, SCALES[policy])
        left, top, right, bottom = plan.source(w, h)
        image = image[int(top) : math.ceil(bottom), int(left) : math.ceil(right)]
        way = shrinking if plan.w < w else cv2.INTER_LINEAR
        image = cv2.resize(image, (plan.cw, plan.ch), interpolation=way)
        if plan.flip:
            image = cv2.flip(image, 1)
        if k > 1:
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        return write(torch.from_numpy(image), plan), plan.boxes(boxes)

    return work


def with_opencv_area(size, policy, rng):
    return with_opencv(size, policy, rng, shrinking=cv2.INTER_AREA)


def with_opencv_reduced(size, policy, rng):
    return with_opencv(size, policy, rng, reduced=True)


def with_pillow(size, policy, rng, draft=False):
    write = writer(size)

    def work(path, boxes):
        image = Image.open(path)
        w, h = image.size
        if image.getexif().get(0x0112, 1) >= 5:
            w, h = h, w
        plan = Plan(rng, w, h, size, SCALES[policy])
        if draft:
            k = reduction(w, h, plan)
            image.draft("RGB", (image.size[0] // k, image.size[1] // k))
        image = ImageOps.exif_transpose(image).convert("RGB")
        image = image.resize((plan.cw, plan.ch), Image.BILINEAR, box=plan.source(*image.size))
        if plan.flip:
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
        return write(torch.from_numpy(np.array(image)), plan), plan.boxes(boxes)

    return work


def with_pillow_draft(size, policy, rng):
    return with_pillow(size, policy, rng, draft=True)


WORK = {
    "S1": [with_torchvision, with_torchvision_tuned, with_albumentations, with_albumentations_area, with_opencv,
           with_opencv_area, with_opencv_reduced, with_pillow, with_pillow_draft],
    "S4": [with_torchvision, with_torchvision_tuned, with_torchvision_image_only, with_albumentations,
           with_albumentations_area, with_opencv, with_opencv_area],
}


def five_boxes(seed):
    corners = np.random.default_rng(seed).random((5, 2, 2), np.float32)
    return np.concatenate([corners.min(1), corners.max(1)], 1)


def one_pass(make, size, policy, seed, paths, boxes):
    torch.manual_seed(seed)
    work = make(size, policy, random.Random(seed))
    wall, processor = time.perf_counter(), time.process_time()
    for path, own in zip(paths, boxes):
        work(path, own)
    return time.perf_counter() - wall, time.process_time() - processor


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    for name, value in (("size", 640), ("limit", 200), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--policy", choices=["all", *WORK], default="all")
    parser.add_argument("--only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    names = sorted(n for n in os.listdir(args.folder) if n.lower().endswith((".jpg", ".jpeg")))
    paths = [os.path.join(args.folder, n) for n in names[: args.limit]]
    boxes = [five_boxes(i) for i in range(len(paths))]
    jobs = [(p, f) for p in WORK if args.policy in ("all", p) for f in WORK[p]]
    if args.only:
        jobs = [(p, f) for p, f in jobs if f.__name__.removeprefix("with_") in args.only.split(",")]
    best = [(math.inf, math.inf)] * len(jobs)
    for _ in range(args.rounds):  # the libraries take turns, so that what else the machine does strikes all of them
        for i, (policy, make) in enumerate(jobs):
            best[i] = tuple(map(min, best[i], one_pass(make, args.size, policy, 1, paths, boxes)))
    result = {"pictures": len(paths), "size": args.size, "versions": {
        "torch": torch.__version__, "torchvision": torchvision.__version__, "albumentations": A.__version__,
        "opencv": cv2.__version__, "pillow": pillow_version, "numpy": np.__version__}}
    for (policy, make), (wall, processor) in zip(jobs, best):
        result.setdefault(policy, {})[make.__name__.removeprefix("with_")] = {
            "value": len(paths) / wall, "unit": "images/s", "processor_ms": 1000 * processor / len(paths)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
