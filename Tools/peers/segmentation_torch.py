#!/usr/bin/env python3
"""The peer of Pupil's little segmenter: ResNet-18 with a pyramid in plain PyTorch, trained from random weights.

torchvision's resnet18 and FPN on C2 to C5; the levels brought to stride 4 and summed; 3x3 convolutions with norms; a
1x1 classifier: what `seg-nano` is, of the same 2.91 G multiply-adds (256 x 256, 11 classes).
Pictures are fitted into the canvas, learnt from labels at stride 4 (of each block of 4 x 4 the pixel right and below of
its centre), and judged at the size they have.

Prints one JSON line: val and test (mIoU, per_class, pixel_accuracy; over the whole set, classes without a pixel in
truth and prediction left out), macs, parameters, seconds (of training: pictures are decoded before, but augmented
within), steps, seed, pictures, precision.

    python segmentation_torch.py --images images --masks masks --split train.txt --val-split val.txt \\
        --test-split test.txt --classes 11 --steps 2000 --labels 92 --seed 1
"""
import argparse
import concurrent.futures
import json
import math
import os
import random
import signal
import subprocess
import sys
import time


def avoid_half_hidden_amx():
    """What retinanet_torchvision.py tells of virtual machines that show AMX but not its tile sizes: bf16 convolutions
    die of SIGILL in their backward pass, which only a child process can find out."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        if "amx_tile" not in file.read() or "ONEDNN_MAX_CPU_ISA" in os.environ:
            return
    probe = ("import torch; c = torch.nn.Conv2d(64, 64, 3, 2, 1).bfloat16().to(memory_format=torch.channels_last); "
             "c(torch.ones(1, 64, 8, 8).bfloat16().requires_grad_()).sum().backward()")
    if subprocess.run([sys.executable, "-c", probe], stderr=subprocess.DEVNULL).returncode == -signal.SIGILL:
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_FP16"
        print("this machine hides the tile sizes of its AMX; oneDNN is limited to AVX-512", file=sys.stderr)


if os.path.exists("/proc/cpuinfo"):
    avoid_half_hidden_amx()  # before torch is imported

import cv2
import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torchvision.ops import FeaturePyramidNetwork

MEAN, STD = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))
IGNORED = 255


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, help="folder of the pictures")
    parser.add_argument("--masks", required=True, help="folder of their masks, PNG, a class or 255 (ignored) a pixel")
    parser.add_argument("--split", required=True, help="file of ids to train on: names without endings, one a line")
    parser.add_argument("--val-split", required=True)
    parser.add_argument("--test-split", required=True)
    fewer = parser.add_mutually_exclusive_group()
    fewer.add_argument("--labels", type=int, help="train on the first N of the split, shuffled by the seed")
    fewer.add_argument("--labelled", help="file with the ids to train on, in place of the whole split")
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--size", type=int, default=256, help="side of the square canvas, a multiple of 32")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", choices=("auto", "bf16", "fp32"), default="auto",
                        help="auto: bf16 where the processor has it")
    parser.add_argument("--width", type=int, default=64, help="channels of the pyramid and of the head")
    parser.add_argument("--head-convs", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="the loss at full size, logits upsampled; not at stride 4")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--weight-decay", type=float, default=0.05, help="of kernels; norms and biases have none")
    parser.add_argument("--clip", type=float, default=10.0, help="global norm; 0: off")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    if options.size % 32:
        parser.error(f"--size {options.size} is not a multiple of 32")
    return options


def has_bf16(device):
    if device != "cpu":
        return True
    if not os.path.exists("/proc/cpuinfo"):
        return False
    with open("/proc/cpuinfo", encoding="ascii") as file:
        words = file.read().split()
    return "avx512_bf16" in words or "amx_bf16" in words


# Pictures


def ids(path):
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip()]


class Pictures:
    """Finds and reads pictures with their masks by id."""

    def __init__(self, images, masks, classes):
        self.folders, self.classes = (images, masks), classes
        self.names = [{os.path.splitext(name)[0]: name for name in os.listdir(folder)} for folder in self.folders]

    def __getitem__(self, key):
        for folder, names in zip(self.folders, self.names):
            if key not in names:
                sys.exit(f"{folder} has nothing named {key}")
        image, mask = (os.path.join(folder, names[key]) for folder, names in zip(self.folders, self.names))
        with Image.open(image) as file:
            picture = np.asarray(file.convert("RGB"))
        with Image.open(mask) as file:
            labels = np.asarray(file)
        if labels.dtype != np.uint8 or labels.shape != picture.shape[:2]:
            sys.exit(f"{mask}: {labels.dtype} {labels.shape} for a picture of {picture.shape[:2]}")
        if (wrong := labels[(labels >= self.classes) & (labels != IGNORED)]).size:
            sys.exit(f"{mask}: {wrong[0]} is neither a class (0 to {self.classes - 1}) nor {IGNORED}")
        return picture, labels


def place(picture, mask, size, scale=1.0, offset=(0.0, 0.0), flip=False):
    """The picture fitted into the square canvas, times `scale`; cropped at `offset` (0...1) where it is larger, padded
    at the right and below where it is smaller: with the mean colour, 0 after normalisation, and with 255. Returns float
    [size, size, 3], the mask, and how much of height and width is covered."""
    height, width = mask.shape
    target = round(size * scale)
    factor = min(target / height, target / width)
    h, w = max(1, round(height * factor)), max(1, round(width * factor))
    x, y = int(offset[0] * max(0, w - size)), int(offset[1] * max(0, h - size))
    if flip:
        picture, mask = np.ascontiguousarray(picture[:, ::-1]), np.ascontiguousarray(mask[:, ::-1])
    shown = cv2.resize(picture, (w, h), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    shown = shown[y:y + size, x:x + size]
    # INTER_NEAREST would take the upper left of the pixels below, half a pixel away from the picture's.
    labels = cv2.resize(mask, (w, h), interpolation=cv2.INTER_NEAREST_EXACT)[y:y + size, x:x + size]
    covered = labels.shape
    canvas = np.zeros((size, size, 3), np.float32)
    canvas[:covered[0], :covered[1]] = (shown.astype(np.float32) / 255 - MEAN) / STD
    full = np.full((size, size), IGNORED, np.uint8)
    full[:covered[0], :covered[1]] = labels
    return canvas, full, covered


def stacked(canvases):
    """[n, 3, size, size], in memory as channels-last."""
    return torch.from_numpy(np.stack(canvases)).permute(0, 3, 1, 2)


def batch_of(examples, options, step):
    """The batch of a step, a function of seed and step: an epoch is a permutation; visits draw flip, scale and crop."""
    canvases, masks = [], []
    for position in range(step * options.batch, (step + 1) * options.batch):
        epoch, place_in_epoch = divmod(position, len(examples))
        order = list(range(len(examples)))
        random.Random(f"{options.seed}/{epoch}").shuffle(order)
        draw = random.Random(f"{options.seed}/{epoch}/{place_in_epoch}")
        canvas, mask, _ = place(*examples[order[place_in_epoch]], options.size, draw.uniform(0.8, 1.2),
                                (draw.random(), draw.random()), draw.random() < 0.5)
        canvases.append(canvas)
        masks.append(mask)
    return stacked(canvases), torch.from_numpy(np.stack(masks)).long()


# The network


class Segmenter(nn.Module):
    """Logits [n, classes, size / 4, size / 4]."""

    def __init__(self, classes, width, head_convs):
        super().__init__()
        body = torchvision.models.resnet18(weights=None)
        self.stem = nn.Sequential(body.conv1, body.bn1, body.relu, body.maxpool)
        self.stages = nn.ModuleList([body.layer1, body.layer2, body.layer3, body.layer4])
        self.pyramid = FeaturePyramidNetwork([64, 128, 256, 512], width)
        self.head = nn.Sequential(*(
            layer for _ in range(head_convs)
            for layer in (nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(True))))
        self.classifier = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        x, levels = self.stem(x), {}
        for i, stage in enumerate(self.stages):
            x = levels[str(i)] = stage(x)
        levels = list(self.pyramid(levels).values())
        total = levels[0]
        for level in levels[1:]:
            total = total + resized(level, total.shape[2:])
        return self.classifier(self.head(total))


def resized(maps, size):
    return F.interpolate(maps, size=tuple(size), mode="bilinear", align_corners=False)


def multiply_adds(model, size):
    """Of the convolutions in one pass over one picture."""
    total = 0

    def count(layer, _, output):
        nonlocal total
        total += output[0].numel() * layer.weight[0].numel()

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, nn.Conv2d)]
    model.eval()
    with torch.no_grad():
        model(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    return total


# Training and evaluation


def rate(step, steps):
    """The factor of the learning rate: from 1/100 up in a straight line, then half a cosine to 0."""
    warmup = min(1000, steps // 10)
    if step < warmup:
        return 0.01 + 0.99 * step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) if step < steps else 0.0


def train(model, cast, examples, options):
    """The wall time. One thread makes the next batch while this one trains."""
    kernels = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": kernels, "weight_decay": options.weight_decay},
                                   {"params": others, "weight_decay": 0.0}], lr=options.lr, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, options.steps))
    model.train()
    started = last = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(1) as maker:
        coming = maker.submit(batch_of, examples, options, 0)
        for step in range(options.steps):
            pictures, masks = coming.result()
            if step + 1 < options.steps:
                coming = maker.submit(batch_of, examples, options, step + 1)
            pictures, masks = pictures.to(options.device), masks.to(options.device)
            with cast():
                logits = model(pictures)
            logits = logits.float()
            if options.full:
                logits = resized(logits, masks.shape[1:])
            else:
                masks = masks[:, 2::4, 2::4]
            valid = (masks != IGNORED).sum().clamp(min=1)
            loss = F.cross_entropy(logits, masks, ignore_index=IGNORED, reduction="sum") / valid
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if options.clip:
                nn.utils.clip_grad_norm_(model.parameters(), options.clip)
            optimizer.step()
            schedule.step()
            if step % 50 == 49 or step + 1 == options.steps:
                now = time.perf_counter()
                print(f"step {step + 1}/{options.steps}  loss {loss.item():.4f}  {now - last:.1f} s", file=sys.stderr)
                last = now
    return time.perf_counter() - started


@torch.no_grad()
def evaluate(model, cast, pictures, names, options):
    """Logits go to the canvas, lose its padding, and go on to the size of the picture; there the largest is compared
    with the mask as it was read."""
    model.eval()
    k = options.classes
    confusion = torch.zeros(k, k, dtype=torch.int64)  # truth, prediction
    for start in range(0, len(names), options.batch):
        chunk = [pictures[name] for name in names[start:start + options.batch]]
        placed = [place(picture, mask, options.size) for picture, mask in chunk]
        with cast():
            logits = model(stacked([canvas for canvas, _, _ in placed]).to(options.device))
        logits = resized(logits.float(), [options.size] * 2)
        for (_, mask), (_, _, (h, w)), scores in zip(chunk, placed, logits):
            found = resized(scores[None, :, :h, :w], mask.shape)[0].argmax(0).cpu()
            truth = torch.from_numpy(mask.astype(np.int64))
            valid = truth != IGNORED
            confusion += torch.bincount(truth[valid] * k + found[valid], minlength=k * k).reshape(k, k)
    right = confusion.diag().tolist()
    union = (confusion.sum(0) + confusion.sum(1) - confusion.diag()).tolist()
    per_class = [r / u if u else None for r, u in zip(right, union)]
    known = [iou for iou in per_class if iou is not None]
    total = int(confusion.sum())
    return {"mIoU": sum(known) / len(known) if known else None, "per_class": per_class,
            "pixel_accuracy": sum(right) / total if total else None}


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    torch.manual_seed(options.seed)
    names = ids(options.labelled or options.split)
    if options.labels is not None:
        if not 1 <= options.labels <= len(names):
            sys.exit(f"--labels {options.labels}: {options.split} has {len(names)} pictures")
        random.Random(options.seed).shuffle(names)
        names = names[:options.labels]
    bf16 = options.precision == "bf16" or options.precision == "auto" and has_bf16(options.device)

    def cast():
        return torch.autocast(torch.device(options.device).type, torch.bfloat16, enabled=bf16)

    model = Segmenter(options.classes, options.width, options.head_convs)
    macs, parameters = multiply_adds(model, options.size), sum(p.numel() for p in model.parameters())
    print(f"{macs / 1e9:.3f} G multiply-adds a picture, {parameters / 1e6:.2f} M parameters, {len(names)} pictures, "
          f"{'bf16' if bf16 else 'fp32'}", file=sys.stderr)
    model = model.to(options.device, memory_format=torch.channels_last)
    pictures = Pictures(options.images, options.masks, options.classes)
    seconds = train(model, cast, [pictures[name] for name in names], options)
    print(json.dumps({
        "val": evaluate(model, cast, pictures, ids(options.val_split), options),
        "test": evaluate(model, cast, pictures, ids(options.test_split), options),
        "macs": macs, "parameters": parameters, "seconds": seconds, "steps": options.steps, "seed": options.seed,
        "pictures": len(names), "precision": "bf16" if bf16 else "fp32",
    }))


if __name__ == "__main__":
    main()
