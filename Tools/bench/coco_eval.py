#!/usr/bin/env python3
"""Makes a labelled set and detections of COCO's size for timing evaluation: 5,000 images, 36,000 objects of 80 classes,
364,000 detections. The same files for the same seed; needs nothing but Python.

    python3 Tools/bench/coco_eval.py OUT [--images 5000] [--objects 36000] [--detections 364000] [--seed 1]

writes OUT/gt.json and OUT/dt.json. Classes are as uneven as COCO's, sizes log-normal (4 of 10 objects small), one
object in a hundred is a crowd. An object is found by several jittered boxes whose scores rise with their IoU, a twelfth
of them under another class; the rest are false ones with low scores. At most 100 detections an image.
"""
import argparse
import json
import math
import os
import random


def clipped(x, y, w, h, width, height):
    x, y = min(max(x, 0.0), width - 2.0), min(max(y, 0.0), height - 2.0)
    return [round(x, 2), round(y, 2), round(max(1.0, min(w, width - x)), 2), round(max(1.0, min(h, height - y)), 2)]


def iou(a, b):
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / (a[2] * a[3] + b[2] * b[3] - w * h)


def shares(rng, count, parts):
    """`count` things over `parts` places, some with many, most with few, the sum exact."""
    weights = [rng.gammavariate(1.2, 1.0) + 0.05 for _ in range(parts)]
    total = sum(weights)
    result = [int(count * w / total) for w in weights]
    for _ in range(count - sum(result)):
        result[rng.randrange(parts)] += 1
    return result


def detections_of(rng, boxes, wanted, weights, width, height):
    """`wanted` detections: each object's by turns, then false ones."""
    found = []
    classes = range(len(weights))
    for turn in range(5):
        for box, label in boxes:
            if len(found) >= wanted or rng.random() < 0.35 + 0.1 * turn:
                continue
            spread = rng.choice([0.03, 0.08, 0.15, 0.3])
            moved = clipped(box[0] + rng.gauss(0, spread) * box[2], box[1] + rng.gauss(0, spread) * box[3],
                            box[2] * math.exp(rng.gauss(0, spread)), box[3] * math.exp(rng.gauss(0, spread)),
                            width, height)
            score = min(0.999, max(0.001, 0.95 * iou(moved, box) ** 2 + rng.gauss(0, 0.12)))
            if rng.random() < 1 / 12:
                label, score = rng.choices(classes, weights)[0], score * 0.6
            found.append((moved, label, score))
    while len(found) < wanted:
        side = math.exp(rng.gauss(4.0, 0.9))
        stretch = math.exp(rng.gauss(0, 0.4))
        box = clipped(rng.uniform(0, width), rng.uniform(0, height), side * stretch, side / stretch, width, height)
        # Most false detections are of the classes that the picture shows.
        label = rng.choice(boxes)[1] if boxes and rng.random() < 0.7 else rng.choices(classes, weights)[0]
        found.append((box, label, 0.001 + 0.6 * rng.random() ** 6))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--objects", type=int, default=36000)
    parser.add_argument("--detections", type=int, default=364000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    class_ids = [i + i // 8 for i in range(1, 81)]  # with gaps, as COCO's
    weights = [1 / (1 + i) ** 0.8 for i in range(80)]
    objects = shares(rng, args.objects, args.images)
    wanted = [min(100, n) for n in shares(rng, args.detections, args.images)]
    while sum(wanted) < args.detections and min(wanted) < 100:
        place = rng.randrange(args.images)
        wanted[place] += wanted[place] < 100

    images, annotations, results = [], [], []
    image_ids = rng.sample(range(1, 600000), args.images)
    for image_id, count, detections in zip(image_ids, objects, wanted):
        width, height = rng.choice([(640, 480), (640, 427), (480, 640), (500, 375)])
        images.append({"id": image_id, "width": width, "height": height, "file_name": f"{image_id:012d}.jpg"})
        boxes = []
        kinds = rng.choices(range(80), weights, k=1 + rng.randrange(4))  # a picture shows few classes
        for _ in range(count):
            side = math.exp(rng.gauss(3.9, 1.0))
            stretch = math.exp(rng.gauss(0, 0.4))
            box = clipped(rng.uniform(0, width * 0.9), rng.uniform(0, height * 0.9), side * stretch, side / stretch,
                          width, height)
            label = rng.choice(kinds)
            boxes.append((box, label))
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, "category_id": class_ids[label],
                                "bbox": box, "area": round(box[2] * box[3] * rng.uniform(0.5, 0.9), 4),
                                "iscrowd": int(rng.random() < 0.01)})
        for box, label, score in detections_of(rng, boxes, detections, weights, width, height):
            results.append({"image_id": image_id, "category_id": class_ids[label], "bbox": box,
                            "score": round(score, 6)})
    rng.shuffle(annotations)
    os.makedirs(args.out, exist_ok=True)
    categories = [{"id": i, "name": f"class {i}", "supercategory": "thing"} for i in class_ids]
    for name, value in [("gt.json", {"images": images, "annotations": annotations, "categories": categories}),
                        ("dt.json", results)]:
        with open(os.path.join(args.out, name), "w", encoding="utf-8") as file:
            json.dump(value, file)
    print(f"{args.out}: {len(images)} images, {len(annotations)} objects, {len(results)} detections")


if __name__ == "__main__":
    main()
