"""Reference values for RetinaNet's anchors, matching, targets, losses, decoding and suppression.

Written in numpy (float64) from the definitions (Lin et al. 2017, "Focal Loss for Dense Object Detection"; Zoph et al.
2020 for gamma 1.5, Huber delta 0.1 and weight 50; the TPU detection code for the normalisers), and checked here against
torchvision where torchvision has the same function.

    python Tools/reference/retinanet.py Tests/ModelsTests/Fixtures/retinanet.json

Frames: boxes are x1, y1, x2, y2 in pixels of the canvas. Anchors are ordered by level P3..P7, then row, column, scale,
ratio. Box codes are dx, dy, dw, dh.
"""
import math
import sys

import numpy as np
import torch
import torchvision

from common import wave, write

RATIOS = (1.0, 2.0, 0.5)  # width over height
BASE, SCALES, LEVELS = 4.0, 3, (3, 4, 5, 6, 7)


def grid(height, width, level):
    """Cells of a level: each level halves the one before, rounding up."""
    for _ in range(level):
        height, width = -(-height // 2), -(-width // 2)
    return height, width


def anchors(height, width):
    """[A, 4] of a canvas, and the number of anchors of each level."""
    rows, counts = [], []
    for level in LEVELS:
        stride = 2 ** level
        ny, nx = grid(height, width, level)
        for y in range(ny):
            for x in range(nx):
                cx, cy = stride / 2 + x * stride, stride / 2 + y * stride
                for k in range(SCALES):
                    size = BASE * stride * 2 ** (k / SCALES)
                    for ratio in RATIOS:
                        w, h = size * math.sqrt(ratio), size / math.sqrt(ratio)
                        rows.append((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
        counts.append(ny * nx * SCALES * len(RATIOS))
    return np.array(rows), counts


def iou(a, b):
    """[N, M] intersection over union."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    side = np.clip(high - low, 0, None)
    inter = side[..., 0] * side[..., 1]
    area = lambda v: (v[:, 2] - v[:, 0]) * (v[:, 3] - v[:, 1])
    return inter / (area(a)[:, None] + area(b)[None] - inter)


def match(boxes, anchors, threshold=0.5):
    """[A]: the box of each anchor, -1 for background. Every box also takes its best anchor, whatever its overlap;
    the box that comes first wins an anchor that is the best of two."""
    overlap = iou(boxes, anchors)
    ordered = np.sort(overlap, axis=1)
    assert (ordered[:, -1] - ordered[:, -2] > 1e-4).all(), "a tie would make the fixture depend on rounding"
    assert (np.abs(overlap - threshold) > 1e-4).all()
    best = overlap.argmax(axis=0)
    result = np.where(overlap.max(axis=0) >= threshold, best, -1)
    for box in reversed(range(len(boxes))):
        result[overlap[box].argmax()] = box
    return result


def encode(boxes, anchors):
    """[N, 4] dx, dy, dw, dh: centre offsets in anchor sizes, logarithms of the ratio of sizes."""
    wa, ha = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    dx = ((boxes[:, 0] + boxes[:, 2]) - (anchors[:, 0] + anchors[:, 2])) / 2 / wa
    dy = ((boxes[:, 1] + boxes[:, 3]) - (anchors[:, 1] + anchors[:, 3])) / 2 / ha
    return np.stack([dx, dy, np.log(w / wa), np.log(h / ha)], axis=1)


CAP = math.log(1000 / 16)


def decode(codes, anchors, plus_one=False):
    """[N, 4] boxes; dw and dh are capped above. `plus_one`: the TPU code's anchor sizes with +1 and result with -1."""
    extra = 1.0 if plus_one else 0.0
    wa, ha = anchors[:, 2] - anchors[:, 0] + extra, anchors[:, 3] - anchors[:, 1] + extra
    cx, cy = anchors[:, 0] + wa / 2 + codes[:, 0] * wa, anchors[:, 1] + ha / 2 + codes[:, 1] * ha
    w, h = wa * np.exp(np.minimum(codes[:, 2], CAP)), ha * np.exp(np.minimum(codes[:, 3], CAP))
    return np.stack([cx - w / 2, cy - h / 2, cx + w / 2 - extra, cy + h / 2 - extra], axis=1)


def focal(x, target, alpha=0.25, gamma=1.5):
    """Loss and derivative of each logit; target is 0 or 1."""
    p = 1 / (1 + np.exp(-x))
    pt = np.where(target == 1, p, 1 - p)
    a = np.where(target == 1, alpha, 1 - alpha)
    sign = np.where(target == 1, 1.0, -1.0)
    loss = -a * (1 - pt) ** gamma * np.log(pt)
    # d/dpt [-(1-pt)^g ln pt] = g (1-pt)^(g-1) ln pt - (1-pt)^g / pt, and dpt/dx = sign * pt (1-pt)
    slope = a * (gamma * (1 - pt) ** (gamma - 1) * np.log(pt) - (1 - pt) ** gamma / pt) * sign * pt * (1 - pt)
    return loss, slope


def huber(error, delta=0.1):
    """Loss and derivative."""
    size = np.abs(error)
    loss = np.where(size <= delta, 0.5 * error ** 2, delta * (size - 0.5 * delta))
    return loss, np.clip(error, -delta, delta)


def suppress(boxes, scores, threshold):
    """Indices kept, best first: a box goes if its overlap with a kept, better one is above the threshold."""
    kept = []
    for i in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[i:i + 1], boxes[j:j + 1])[0, 0] <= threshold for j in kept):
            kept.append(int(i))
    return kept


def detect(boxes, scores, least=0.05, threshold=0.5, per_class=100, total=100):
    """The detections of one image from boxes [A, 4] and scores [A, K]: (anchor, class, score), best first."""
    found = []
    for label in range(scores.shape[1]):
        candidates = np.flatnonzero(scores[:, label] > least)
        kept = suppress(boxes[candidates], scores[candidates, label], threshold)[:per_class]
        found += [(int(candidates[k]), label, float(scores[candidates[k], label])) for k in kept]
    return sorted(found, key=lambda d: -d[2])[:total]


def check_against_torchvision():
    ours, _ = anchors(128, 128)
    generator = torchvision.models.detection.anchor_utils.AnchorGenerator(
        sizes=tuple(tuple(BASE * 2 ** n * 2 ** (k / 3) for k in range(3)) for n in LEVELS),
        aspect_ratios=(tuple(1 / r for r in RATIOS),) * len(LEVELS))  # theirs is height over width
    # torchvision rounds the base anchors to whole pixels and puts them on the corner of a cell.
    maps = [torch.zeros(1, 1, *grid(128, 128, n)) for n in LEVELS]
    images = torchvision.models.detection.image_list.ImageList(torch.zeros(1, 3, 128, 128), [(128, 128)])
    theirs = generator(images, maps)[0].double().numpy()
    half = np.concatenate([np.full(m.shape[2] * m.shape[3] * 9, 2 ** n / 2) for n, m in zip(LEVELS, maps)])
    columns = lambda v: np.sort(v, axis=0)
    assert np.abs(columns(theirs + half[:, None]) - columns(ours)).max() <= 0.51

    a, b = ours[:50], ours[200:260]
    assert np.allclose(iou(a, b), torchvision.ops.box_iou(torch.tensor(a), torch.tensor(b)).numpy())
    x, t = wave(60, 0.37, 4.0), (np.arange(60) % 7 == 0).astype(float)
    logits = torch.tensor(x, requires_grad=True)
    loss = torchvision.ops.sigmoid_focal_loss(logits, torch.tensor(t), alpha=0.25, gamma=1.5, reduction="sum")
    loss.backward()
    values, slopes = focal(x, t)
    assert math.isclose(loss.item(), values.sum(), rel_tol=1e-9) and np.allclose(logits.grad.numpy(), slopes)
    error = torch.tensor(wave(40, 0.7, 0.3), requires_grad=True)
    loss = torch.nn.functional.huber_loss(error, torch.zeros(40, dtype=torch.float64), delta=0.1, reduction="sum")
    loss.backward()
    values, slopes = huber(error.detach().numpy())
    assert math.isclose(loss.item(), values.sum(), rel_tol=1e-9) and np.allclose(error.grad.numpy(), slopes)
    codes = wave(80, 0.5, 0.8).reshape(20, 4)
    coder = torchvision.models.detection._utils.BoxCoder((1.0, 1.0, 1.0, 1.0), bbox_xform_clip=CAP)
    theirs = coder.decode_single(torch.tensor(codes), torch.tensor(ours[:20])).numpy()
    assert np.allclose(decode(codes, ours[:20]), theirs)
    theirs = coder.encode_single(torch.tensor(ours[20:40]), torch.tensor(ours[:20])).numpy()
    assert np.allclose(encode(ours[20:40], ours[:20]), theirs)


def main():
    check_against_torchvision()
    result = {"source": "Tools/reference/retinanet.py", "ratios_w_over_h": list(RATIOS), "cap": CAP}

    sizes = []
    for height, width in ((128, 128), (96, 160), (640, 640)):
        table, counts = anchors(height, width)
        starts = np.cumsum([0] + counts[:-1])
        places = sorted({int(s + d) for s, c in zip(starts, counts) for d in (0, 1, 2, 3, 8, 9, c - 1) if d < c})
        if height == 640:
            places = [0, len(table) - 1]
        sizes.append({"height": height, "width": width, "per_level": counts, "count": len(table),
                      "sum": table.sum(axis=0), "at": [[p, *table[p]] for p in places]})
    result["anchors"] = sizes

    # Ordinary boxes; one that overlaps another; two slender ones (positive by force alone); two whose best anchor is
    # the same. A box that lies wholly inside several equal anchors would be a tie: see match().
    table, _ = anchors(128, 160)
    boxes = np.array([
        [10.0, 12.0, 45.0, 50.0], [40.0, 30.0, 101.0, 77.0], [44.0, 36.0, 107.5, 84.0], [46.3, 102.2, 105.9, 114.0],
        [118.3, 7.2, 130.0, 64.9], [77.0, 90.0, 103.0, 121.0], [77.7, 90.9, 103.2, 120.0],
    ])
    labels = np.array([0, 1, 2, 0, 1, 2, 0])
    matched = match(boxes, table)
    positives = np.flatnonzero(matched >= 0)
    overlap = iou(boxes, table)
    codes = encode(boxes[matched[positives]], table[positives])
    result["match"] = {
        "height": 128, "width": 160, "boxes": boxes, "labels": labels, "threshold": 0.5,
        "anchors": positives, "box_of_anchor": matched[positives],
        "overlap": [overlap[m, p] for p, m in zip(positives, matched[positives])], "codes_dxdydwdh": codes,
        "best_anchor_of_box": overlap.argmax(axis=1), "best_overlap_of_box": overlap.max(axis=1),
    }

    # Logits [A, 3] = 3 sin(0.37 i) - 2, codes [A, 4] = 0.4 sin(0.23 i) + the first positive's own target.
    classes, count = 3, len(table)
    logits = wave(count * classes, 0.37, 3.0).reshape(count, classes) - 2
    target = np.zeros((count, classes))
    target[positives, labels[matched[positives]]] = 1
    loss, slope = focal(logits, target)
    normaliser = len(positives) + 1
    predicted = wave(count * 4, 0.23, 0.4).reshape(count, 4)
    error = predicted[positives] - codes
    box_loss, box_slope = huber(error)
    first = int(positives[0])
    result["loss"] = {
        "classes": classes, "logits": "logits[i] = 3 * sin(0.37 * i) - 2 over [A, 3] in row order",
        "codes": "codes[i] = 0.4 * sin(0.23 * i) over [A, 4] in row order", "positives": len(positives),
        "class_loss": loss.sum() / normaliser, "box_loss": box_loss.sum() / (4 * normaliser), "box_weight": 50,
        "total": loss.sum() / normaliser + 50 * box_loss.sum() / (4 * normaliser),
        "class_loss_alpha_gamma_0.5_2": focal(logits, target, 0.5, 2.0)[0].sum() / normaliser,
        "logit_gradient_at": [[int(a), k, slope[a, k] / normaliser] for a in (0, 7, first, int(positives[-1]))
                              for k in range(classes)],
        "logit_gradient_abs_sum": np.abs(slope).sum() / normaliser,
        "code_gradient_at": [[int(p), c, 50 * box_slope[j, c] / (4 * normaliser)]
                             for j, p in ((0, positives[0]), (len(positives) - 1, positives[-1])) for c in range(4)],
        "code_gradient_abs_sum": 50 * np.abs(box_slope).sum() / (4 * normaliser),
        "elements": {"x": [-4, -1, 0, 0.5, 3], "focal_positive": focal(np.array([-4, -1, 0, 0.5, 3.0]), np.ones(5))[0],
                     "focal_negative": focal(np.array([-4, -1, 0, 0.5, 3.0]), np.zeros(5))[0],
                     "error": [-0.3, -0.1, -0.05, 0, 0.02, 0.5],
                     "huber": huber(np.array([-0.3, -0.1, -0.05, 0, 0.02, 0.5]))[0]},
    }

    picked = np.array([0, 5, 100, 2000, count - 1])
    codes = np.array([[0, 0, 0, 0], [0.1, -0.2, 0.3, -0.4], [-1.5, 0.7, 5.0, 1.0], [0.25, 0.5, -2.0, 9.0],
                      [-0.3, 0.3, 4.2, 4.1]])
    result["decode"] = {"height": 128, "width": 160, "anchors": picked, "codes_dxdydwdh": codes,
                        "boxes": decode(codes, table[picked]),
                        "boxes_tpu_plus_one": decode(codes, table[picked], plus_one=True)}

    # 24 boxes in clusters of overlapping ones, and scores [24, 3], none near a tie.
    i = np.arange(24)
    x, y = 10 + 30 * (i % 4) + 6 * np.sin(1.3 * i), 8 + 30 * (i % 3) + 5 * np.cos(0.9 * i)
    boxes = np.round(np.stack([x, y, x + 30 + 4 * np.sin(i), y + 26 + 4 * np.cos(2.1 * i)], axis=1), 2)
    scores = np.round(1 / (1 + np.exp(-(wave(72, 2.39, 3.0) - 1.0))), 5).reshape(24, 3)
    assert len(set(scores.reshape(-1))) == 72
    off = iou(boxes, boxes)
    assert (np.abs(off - 0.5) > 1e-3).all()
    found = detect(boxes, scores)
    for label in range(3):
        candidates = np.flatnonzero(scores[:, label] > 0.05)
        theirs = torchvision.ops.nms(torch.tensor(boxes[candidates]), torch.tensor(scores[candidates, label]), 0.5)
        assert [int(candidates[k]) for k in theirs] == [d[0] for d in found if d[1] == label]
    result["suppression"] = {"boxes": boxes, "scores": scores, "least_score": 0.05, "overlap": 0.5,
                             "kept_anchor_class_score": found,
                             "kept_with_limits_per_class_4_total_7": detect(boxes, scores, per_class=4, total=7)}
    write(sys.argv[1], result)


main()
