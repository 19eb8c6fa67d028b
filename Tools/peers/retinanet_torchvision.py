#!/usr/bin/env python3
"""The peer of Pupil's `nano`: torchvision's RetinaNet with ResNet-18 and 64 channels, trained from random weights.

Everything but the input pipeline is torchvision's own: model, anchors, matching, losses, post-processing. Prints one
JSON line: AP, AP50, per_class, train_seconds, eval_seconds, seconds_per_step, data_wait (the share of the training time
spent waiting for pictures), and the arguments.

    python retinanet_torchvision.py --train instances_train.json --images images --val instances_test.json --seed 1
"""
import argparse
import contextlib
import io
import json
import math
import os
import random
import signal
import subprocess
import sys
import time


def avoid_half_hidden_amx():
    """Some virtual machines show AMX but not its tile sizes (CPUID leaf 1DH). oneDNN 3.10 then prepares no tiles, and
    the backward pass of strided bf16 convolutions uses them all the same: SIGILL. A child process tries that."""
    with open("/proc/cpuinfo", encoding="ascii") as file:
        if "amx_tile" not in file.read() or "ONEDNN_MAX_CPU_ISA" in os.environ:
            return
    probe = ("import torch; x, w, g = (torch.ones(s).bfloat16().contiguous(memory_format=torch.channels_last)"
             " for s in ((1, 64, 8, 8), (64, 64, 3, 3), (1, 64, 4, 4))); torch.ops.aten.convolution_backward("
             "g, x, w, None, [2, 2], [1, 1], [1, 1], False, [0, 0], 1, [True, False, False])")
    if subprocess.run([sys.executable, "-c", probe], stderr=subprocess.DEVNULL).returncode == -signal.SIGILL:
        os.environ["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE_FP16"
        print("this machine hides the tile sizes of its AMX; oneDNN is limited to AVX-512", file=sys.stderr)


avoid_half_hidden_amx()  # before torch is imported

import torch
import torchvision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.ops.feature_pyramid_network import LastLevelP6P7
from torchvision.transforms import functional as F

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="COCO JSON of the training set")
    parser.add_argument("--images", required=True, help="folder of its images")
    parser.add_argument("--val", required=True, help="COCO JSON to evaluate on")
    parser.add_argument("--val-images", help="folder of its images (default: --images)")
    parser.add_argument("--size", type=int, default=256, help="side of the square canvas")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare batches; 0: none but this one")
    parser.add_argument("--dtype", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--anchor-scale", type=float, default=4,
                        help="side of the smallest anchors in strides; 4 is torchvision's own, 2 that of Pupil's nano")
    parser.add_argument("--head-convs", type=int, default=4)
    parser.add_argument("--head-norm", choices=("none", "batch", "group"), default="none",
                        help="none: as retinanet_resnet50_fpn; group: as its v2")
    parser.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    parser.add_argument("--lr", type=float, help="default: 1e-3 for adamw, 1e-2 for sgd")
    parser.add_argument("--weight-decay", type=float, default=1e-4, help="of kernels; norms and biases have none")
    parser.add_argument("--warmup", type=int, default=50, help="steps of linear warm-up")
    parser.add_argument("--clip", type=float, default=10.0, help="global norm; 0: off")
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def load(path, folder):
    """The pictures as uint8 tensors, the boxes [n, 4] xyxy in their pixels, the labels [n] in 0..<K."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(path)
    index = {category: i for i, category in enumerate(sorted(coco.getCatIds()))}
    examples = []
    for image_id in sorted(coco.getImgIds()):
        name = coco.loadImgs(image_id)[0]["file_name"]
        rows = [a for a in coco.loadAnns(coco.getAnnIds(image_id)) if not a.get("iscrowd") and min(a["bbox"][2:]) > 0]
        boxes = torch.tensor([a["bbox"] for a in rows], dtype=torch.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        picture = torchvision.io.decode_image(os.path.join(folder, name), torchvision.io.ImageReadMode.RGB)
        examples.append((image_id, picture, boxes, torch.tensor([index[a["category_id"]] for a in rows]).long()))
    return coco, index, examples


def place(picture, boxes, size, scale=1.0, offset=(0.0, 0.0), flip=False):
    """The picture on a square canvas: resized by its longer side, cropped where larger, padded right and below with 0
    after normalisation. Returns it as float [3, size, size], its boxes, and canvas pixels per picture pixel."""
    _, height, width = picture.shape
    target = round(size * scale)
    factor = min(target / height, target / width)
    h, w = max(1, round(height * factor)), max(1, round(width * factor))
    x0, y0 = int(offset[0] * max(0, w - size)), int(offset[1] * max(0, h - size))
    picture = F.resize(picture, [h, w], antialias=True)[:, y0:y0 + size, x0:x0 + size]
    boxes = boxes * torch.tensor([w / width, h / height] * 2) - torch.tensor([x0, y0, x0, y0], dtype=torch.float32)
    shown_h, shown_w = picture.shape[1:]
    if flip:
        picture = picture.flip(2)
        boxes = torch.stack([shown_w - boxes[:, 2], boxes[:, 1], shown_w - boxes[:, 0], boxes[:, 3]], dim=1)
    canvas = torch.zeros(3, size, size)
    canvas[:, :shown_h, :shown_w] = F.normalize(picture.float() / 255, MEAN, STD)
    boxes[:, 0::2] = boxes[:, 0::2].clamp(0, shown_w)
    boxes[:, 1::2] = boxes[:, 1::2].clamp(0, shown_h)
    return canvas, boxes, (w / width, h / height)


class Steps(torch.utils.data.Dataset):
    """Item t is the batch of step t: an epoch is a permutation, each picture is flipped, jittered and cropped."""

    def __init__(self, examples, size, batch, steps, seed):
        self.examples, self.size, self.batch, self.steps, self.seed = examples, size, batch, steps, seed

    def __len__(self):
        return self.steps

    def __getitem__(self, step):
        pictures, targets = [], []
        for position in range(step * self.batch, (step + 1) * self.batch):
            epoch, place_in_epoch = divmod(position, len(self.examples))
            order = list(range(len(self.examples)))
            random.Random(f"{self.seed}/{epoch}").shuffle(order)
            draw = random.Random(f"{self.seed}/{position}")
            _, picture, boxes, labels = self.examples[order[place_in_epoch]]
            canvas, boxes, _ = place(picture, boxes, self.size, draw.uniform(0.8, 1.2),
                                     (draw.random(), draw.random()), draw.random() < 0.5)
            kept = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)
            pictures.append(canvas)
            targets.append({"boxes": boxes[kept], "labels": labels[kept]})
        return torch.stack(pictures).contiguous(memory_format=torch.channels_last), targets


def build(classes, channels, head_convs, head_norm, size, anchor_scale):
    body = torchvision.models.resnet18(weights=None)
    backbone = BackboneWithFPN(body, {"layer2": "0", "layer3": "1", "layer4": "2"}, [128, 256, 512], channels,
                               extra_blocks=LastLevelP6P7(channels, channels))
    norm = {"none": None, "batch": torch.nn.BatchNorm2d, "group": lambda c: torch.nn.GroupNorm(32, c)}[head_norm]
    sizes = tuple(tuple(int(anchor_scale * stride * 2 ** (k / 3)) for k in range(3)) for stride in (8, 16, 32, 64, 128))
    anchors = AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))
    model = RetinaNet(backbone, classes, min_size=size, max_size=size, anchor_generator=anchors, detections_per_img=100)
    anchors = model.anchor_generator.num_anchors_per_location()[0]
    model.head = RetinaNetHead(channels, anchors, classes, norm_layer=norm)
    for part in (model.head.classification_head, model.head.regression_head):
        part.conv = part.conv[:head_convs]
    return model


class Network:
    """The model in the chosen precision; losses and box arithmetic stay in fp32."""

    def __init__(self, model, dtype, device):
        self.model, self.device = model.to(device, memory_format=torch.channels_last), device
        self.autocast = lambda: torch.autocast(device, torch.bfloat16, enabled=dtype == "bf16")

    def heads(self, pictures):
        with self.autocast():
            features = list(self.model.backbone(pictures).values())
            outputs = self.model.head(features)
        sizes = [tuple(pictures.shape[2:])] * len(pictures)
        anchors = self.model.anchor_generator(ImageList(pictures, sizes), features)
        return {name: value.float() for name, value in outputs.items()}, anchors, features, sizes

    def loss(self, pictures, targets):
        outputs, anchors, _, _ = self.heads(pictures.to(self.device))
        targets = [{name: value.to(self.device) for name, value in target.items()} for target in targets]
        losses = self.model.compute_loss(targets, outputs, anchors)
        return losses["classification"] + losses["bbox_regression"]

    @torch.no_grad()
    def detect(self, pictures):
        outputs, anchors, features, sizes = self.heads(pictures.to(self.device))
        per_level = [f.shape[2] * f.shape[3] * self.model.anchor_generator.num_anchors_per_location()[0]
                     for f in features]
        outputs = {name: list(value.split(per_level, dim=1)) for name, value in outputs.items()}
        return self.model.postprocess_detections(outputs, [list(a.split(per_level)) for a in anchors], sizes)


def train(network, examples, options):
    """The wall time, and the part of it spent waiting for the next batch."""
    loader = torch.utils.data.DataLoader(
        Steps(examples, options.size, options.batch, options.steps, options.seed), batch_size=None,
        num_workers=options.workers, prefetch_factor=4 if options.workers else None)
    named = list(network.model.named_parameters())
    groups = [{"params": [p for _, p in named if p.ndim > 1], "weight_decay": options.weight_decay},
              {"params": [p for _, p in named if p.ndim <= 1], "weight_decay": 0.0}]
    if options.optimizer == "adamw":
        optimizer = torch.optim.AdamW(groups, lr=options.lr or 1e-3, fused=True)
    else:
        optimizer = torch.optim.SGD(groups, lr=options.lr or 1e-2, momentum=0.9, fused=True)
    warmup = min(options.warmup, options.steps - 1)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: (t + 1) / warmup if t < warmup else 0.5 * (
        1 + math.cos(math.pi * (t - warmup) / (options.steps - warmup))))
    network.model.train()
    started, waited = time.perf_counter(), 0.0
    batches, last = iter(loader), started
    for step in range(options.steps):
        before = time.perf_counter()
        pictures, targets = next(batches)
        waited += time.perf_counter() - before
        loss = network.loss(pictures, targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if options.clip:
            torch.nn.utils.clip_grad_norm_(network.model.parameters(), options.clip)
        optimizer.step()
        schedule.step()
        if step % 50 == 49 or step + 1 == options.steps:
            now = time.perf_counter()
            print(f"step {step + 1}/{options.steps}  loss {loss.item():.3f}  {now - last:.1f} s", file=sys.stderr)
            last = now
    return time.perf_counter() - started, waited


def evaluate(network, coco, index, examples, options):
    network.model.eval()
    categories = {i: category for category, i in index.items()}
    results = []
    for start in range(0, len(examples), options.batch):
        chunk = examples[start:start + options.batch]
        placed = [place(picture, boxes, options.size) for _, picture, boxes, _ in chunk]
        pictures = torch.stack([p[0] for p in placed]).contiguous(memory_format=torch.channels_last)
        for (image_id, picture, _, _), (_, _, (sx, sy)), found in zip(chunk, placed, network.detect(pictures)):
            limit = torch.tensor([picture.shape[2], picture.shape[1]] * 2)
            boxes = torch.minimum((found["boxes"].cpu() / torch.tensor([sx, sy, sx, sy])).clamp(min=0), limit)
            boxes[:, 2:] -= boxes[:, :2]
            for box, score, label in zip(boxes.tolist(), found["scores"].tolist(), found["labels"].tolist()):
                results.append({"image_id": image_id, "category_id": categories[label], "bbox": box, "score": score})
    if not results:
        return 0.0, 0.0, {}
    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(coco, coco.loadRes(results), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    per_class = {}
    for k, category in enumerate(judge.params.catIds):
        precision = judge.eval["precision"][:, :, k, 0, -1]
        valid = precision[precision > -1]
        per_class[coco.cats[category]["name"]] = float(valid.mean()) if valid.size else None
    return float(judge.stats[0]), float(judge.stats[1]), per_class


def main():
    options = arguments()
    options.val_images = options.val_images or options.images
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    _, index, examples = load(options.train, options.images)
    model = build(
        len(index), options.channels, options.head_convs, options.head_norm, options.size, options.anchor_scale)
    network = Network(model, options.dtype, options.device)
    train_seconds, waited = train(network, examples, options)
    coco, val_index, val_examples = load(options.val, options.val_images)
    if val_index != index:
        sys.exit(f"the classes of {options.train} and {options.val} differ")
    started = time.perf_counter()
    ap, ap50, per_class = evaluate(network, coco, index, val_examples, options)
    print(json.dumps({
        "AP": ap, "AP50": ap50, "per_class": per_class, "train_seconds": train_seconds,
        "eval_seconds": time.perf_counter() - started, "seconds_per_step": train_seconds / options.steps,
        "data_wait": waited / train_seconds, "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__, "torchvision": torchvision.__version__, "arguments": vars(options),
    }))


main()
