"""Losses, gradients and detections of torchvision's RetinaNets, with weights filled by the mixed formula of resnet.py.

    python Tools/reference/retinanet_torchvision.py Tests/ModelsTests/Fixtures/retinanet_torchvision.json

    small   ResNet-18 with frozen norms (running statistics, eps 1e-5, in training, too), pyramid 256 wide, 6 classes
    r50     `retinanet_resnet50_fpn(weights=None)`, 91 classes; its norms are put into inference mode for training, too:
            with the batch's statistics float32's gradients are 1e-2 from float64's

torchvision's conventions, as they show in the numbers:

Anchors. Sizes of a level: s, int(s 2^(1/3)), int(s 2^(2/3)) for s = 32, 64, 128, 256, 512 (32 40 50, 64 80 101, ...).
Ratios 0.5, 1, 2 are height over width. Width and height are size / sqrt(ratio) and size * sqrt(ratio); half of each is
rounded to a whole number (halves to even), so that corners are whole. The order in a cell: ratio outer, size inner. The
centre of a cell is at column * stride, row * stride: its corner, not its middle. The stride of a level is the canvas's
side divided by the level's number of cells, rounded down, in each direction of its own: at 128 x 192, P7 has 1 x 2
cells and the strides 128 and 96.

Matching. Overlap >= 0.5 is a positive of the box with the most overlap (the first of equals); from 0.4 to 0.5 an anchor
does not count in the class loss; below it is a negative. Then every anchor whose overlap with some box equals that
box's greatest overlap, all equals of it, becomes a positive too: of the box that *the anchor* overlaps most, which
may be another. A picture without boxes has negatives only.

Losses. Class: focal loss with alpha 0.25, gamma 2, over the anchors that count, its sum for each picture divided by
max(1, that picture's positives), then the mean over the pictures. Box: |code - target| over positives and four numbers,
its sum divided by max(1, positives) (not by 4), then the mean over pictures. Both count once in the total. A label
is the index of its channel; channel 0 is what detection data sets leave for the background, but nothing here treats it
otherwise.

Codes. dx, dy in widths and heights of the anchor, ln of the ratios of sizes; no weights (1, 1, 1, 1). Decoding cuts
dw, dh off at ln(1000 / 16) from above.

Pyramid. P6 is a strided 3x3 of P5 after its own 3x3 (`LastLevelP6P7(256, 256)`: equal widths mean P5, else C5); P7 of
relu(P6). No norms in pyramid and heads; hidden convolutions of the heads have shifts and ReLU.

Detections. For each level: scores of all anchors and classes, those above 0.05, of them the 1000 best; decode; clip to
the picture's own size (not the canvas). Then all levels together: suppression within a class of what overlaps a better
one by more than 0.5; at most 300, best first. An anchor may be found with several classes.

Not in these numbers: the published COCO_V1 weights want norms with eps 0, not 1e-5.

Pictures are given at the network's size, and mean 0 and deviation 1, so that nothing is resized or normalised.
`changes` has what departs from the formula, rows of name, scale, shift: tensor = scale * formula + shift. The class
shifts put most scores below 0.05.
"""
import copy
import sys

import torch
import torchvision
from torchvision.models.detection import RetinaNet, retinanet_resnet50_fpn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d, box_iou
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

import networks
from common import write
from resnet import mixed

LOGIT_SHIFT, BOX_WEIGHT = "head.classification_head.cls_logits.bias", "head.regression_head.bbox_reg.weight"
LOGIT_WEIGHT = "head.classification_head.cls_logits.weight"
# With the limits as they are nothing would be cut off; `limited` has the same detections with these.
LIMITED = {"topk_candidates": 6, "detections_per_img": 8}
# x1, y1, x2, y2 and label of three pictures. The tiny box lies whole within several anchors that overlap it alike; the
# long one overlaps no anchor by more than 0.22.
TARGETS = (
    [((10, 20, 57, 49), 1), ((30, 25, 110, 90), 3), ((100.5, 3.25, 133, 34.5), 5), ((60, 60, 75, 71), 2)],
    [],
    [((2, 100, 182, 112), 4), ((121, 50, 129, 57), 1), ((40, 10, 128, 122), 3)],
)


def settings(height):
    return {"min_size": height, "max_size": 100_000, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}


def small(height):
    backbone = resnet_fpn_backbone(
        backbone_name="resnet18", weights=None, norm_layer=FrozenBatchNorm2d, trainable_layers=5,
        returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return RetinaNet(backbone, 6, **settings(height))


def r50(height):
    return retinanet_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91, **settings(height))


def targets(dtype):
    return [{"boxes": torch.tensor([box for box, _ in rows], dtype=dtype).reshape(-1, 4),
             "labels": torch.tensor([label for _, label in rows], dtype=torch.int64)} for rows in TARGETS]


def outputs(model, images):
    """Logits, codes and anchors."""
    features = list(model.backbone(images).values())
    heads = model.head(features)
    sizes = [tuple(images.shape[-2:])] * len(images)
    anchors = model.anchor_generator(torchvision.models.detection.image_list.ImageList(images, sizes), features)[0]
    return heads["cls_logits"], heads["bbox_regression"], anchors, [f.shape[-2] * f.shape[-1] * 9 for f in features]


def losses(model, images):
    dtype = images.dtype
    found = model(list(images), targets(dtype))
    return [found["classification"], found["bbox_regression"]]


def matches(model, anchors):
    """Counts for each picture; refuses boxes on which rounding could decide."""
    rows = []
    for target in targets(anchors.dtype):
        if len(target["boxes"]) == 0:
            rows.append({"positives": 0, "ignored": 0, "forced": 0, "ties": 0})
            continue
        overlap = box_iou(target["boxes"], anchors)
        best, which = overlap.max(dim=0)
        assert min((best - t).abs().min().item() for t in (0.4, 0.5)) > 1e-5
        top = overlap.max(dim=1, keepdim=True).values
        gaps = (top - overlap)[overlap < top]
        assert gaps.min() > 1e-6
        ordered = overlap.sort(dim=0).values
        if len(overlap) > 1:
            assert (ordered[-1] - ordered[-2])[best >= 0.4].min() > 1e-5
        found = model.proposal_matcher(overlap)
        rows.append({
            "positives": (found >= 0).sum().item(), "ignored": (found == -2).sum().item(),
            "forced": ((found >= 0) & (best < 0.5)).sum().item(),
            "ties": int((overlap == top).sum().item() - len(overlap)),
        })
    return rows


def detections(model, images, **limits):
    limited = copy.deepcopy(model)
    for name, value in limits.items():
        setattr(limited, name, value)
    found = limited(list(images))
    for picture, logits in zip(found, outputs(model, images)[0]):
        probabilities = logits.sigmoid()
        assert (probabilities - model.score_thresh).abs().min() > 1e-6, "a score at the threshold"
        scores = picture["scores"]
        gap = (scores[:-1] - scores[1:]).min()
        print(f"    {len(scores)} found of {(probabilities > model.score_thresh).sum().item()} scores above the "
              f"threshold, {scores.min():.3f} to {scores.max():.3f}, nearest two {gap:.1e}")
        assert gap > 1e-6, "two scores too near each other for an order"
    return [{"boxes": picture["boxes"].tolist(), "scores": picture["scores"].tolist(),
             "labels": picture["labels"].tolist()} for picture in found]


def account(build, height, width, changes):
    model = build(height)
    networks.filled(model, u=mixed, changes={name: (lambda v, s=scale, t=shift: s * v + t)
                                    for name, scale, shift in changes})
    images = networks.picture(3, 3, height, width, u=mixed)
    assert torch.equal(model.transform(list(images))[0].tensors, images), "the pictures must pass unchanged"
    entry = {}
    with torch.no_grad():
        networks.noise(model, lambda m, dtype: outputs(m, images.to(dtype))[:2], f"{height}x{width}",
                       ("logits", "codes"))
        logits, codes, anchors, counts = outputs(model, images)
        entry["logits"], entry["codes"] = networks.account(logits), networks.account(codes)
        starts = [sum(counts[:i]) for i in range(len(counts))]
        entry["anchors"] = {"counts": counts, "account": networks.account(anchors),
                            "cells": [anchors[start:start + 9].tolist() for start in starts],
                            "second": [anchors[start + 9].tolist() for start in starts]}
        entry["matches"] = matches(model, anchors)
        print("   ", entry["matches"])
        assert any(row["ties"] for row in entry["matches"]) and any(row["forced"] for row in entry["matches"])
        entry["detections"] = detections(model, images)
        entry["limited"] = LIMITED | {"detections": detections(model, images, **LIMITED)}
        assert entry["limited"]["detections"] != entry["detections"]
        for limits, found in (({}, entry["detections"]), (LIMITED, entry["limited"]["detections"])):
            for a, b in zip(found, detections(copy.deepcopy(model).float(), images.float(), **limits)):
                assert a["labels"] == b["labels"] and torch.allclose(
                    torch.tensor(a["boxes"]), torch.tensor(b["boxes"]), atol=1e-3), "float32 finds others"
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    fresh = copy.deepcopy(model)
    parts = losses(model, images)
    entry["classification"], entry["bbox_regression"] = (part.item() for part in parts)
    entry |= networks.gradients(model, sum(parts))
    print(f"    losses {[part.item() for part in parts]}, in float32 "
          f"{[part.item() for part in losses(copy.deepcopy(fresh).float(), images.float())]}")
    networks.gradient_noise(fresh, model, lambda m, dtype: sum(losses(m, images.to(dtype))))
    return entry


# Builder, scale of the class log-odds' weights, and for each canvas their shift: some dozen detections a picture, none
# on which float32 could decide otherwise.
FORMS = {
    "small": (small, 0.25, {(128, 256): -8, (128, 192): -8}),
    "r50": (r50, 0.3, {(128, 256): -7.8}),
}


def main():
    torch.set_num_threads(1)
    result = {"source": "Tools/reference/retinanet_torchvision.py",
              "settings": {"score_thresh": 0.05, "topk_candidates": 1000, "nms_thresh": 0.5, "detections_per_img": 300,
                           "fg_iou_thresh": 0.5, "bg_iou_thresh": 0.4},
              "targets": [[[*box, label] for box, label in rows] for rows in TARGETS]}
    for name, (build, scale, shifts) in FORMS.items():
        print(name)
        model = build(128)
        assert all(getattr(model, k, v) == v for k, v in result["settings"].items())
        lines, entry = networks.listing(model)
        entry["names"] = [line for line in lines if not line.startswith("backbone.body.")]
        for (height, width), shift in shifts.items():
            changes = [(LOGIT_WEIGHT, scale, 0), (LOGIT_SHIFT, 1, shift), (BOX_WEIGHT, 0.05, 0)]
            entry[f"{height}x{width}"] = {"changes": [list(change) for change in changes]} | account(
                build, height, width, changes)
        result[name] = entry
    write(sys.argv[1], result, digits=8)


if __name__ == "__main__":
    main()
