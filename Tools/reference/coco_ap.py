#!/usr/bin/env python3
"""What pycocotools says, for the tests of Sources/Evaluation. Needs pycocotools and numpy:

    python Tools/reference/coco_ap.py

prints the numbers of Tests/EvaluationTests/COCOEvaluatorTests.swift (agreesWithPycocotoolsOnAFormula), a set of 40
images, 4 classes, crowds, all three sizes, ties in score and repeated detections that the test makes by the same
formula, and writes Tests/EvaluationTests/Fixtures/coco_ap.json: random cases with boxes, scores and results in full
precision, some of them under settings of their own.
"""
import contextlib
import io
import json
import os
import random

import numpy as np

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

state = 12345


def below(bound):
    """The next number of a 31-bit linear congruential generator, 0..bound-1, from its upper bits."""
    global state
    state = (state * 1103515245 + 12345) % 2**31
    return (state >> 8) % bound


images, annotations, detections = [], [], []
for image in range(40):
    # ids fall, so that the order of images matters
    image_id = 1000 - 7 * image
    images.append({"id": image_id, "width": 400, "height": 400, "file_name": f"{image}.jpg"})
    for _ in range(below(8)):
        side = [12, 40, 110][below(3)]
        box = [below(250), below(250), side + below(side), side + below(side)]
        category = [1, 2, 3, 9][min(below(5), 3)] if below(10) else 1
        crowd = int(below(8) == 0)
        area = box[2] * box[3] * (4 + below(5)) / 8
        annotations.append({"id": len(annotations) + 1, "image_id": image_id, "category_id": category, "bbox": box,
                            "area": area, "iscrowd": crowd})
        for _ in range(below(4)):
            jitter = max(1, side // 6)
            moved = [box[0] + below(2 * jitter) - jitter / 2, box[1] + below(2 * jitter) - jitter / 2,
                     box[2] + below(jitter), box[3] + below(jitter)]
            guess = category if below(6) else 2
            detections.append({"image_id": image_id, "category_id": guess, "bbox": moved, "score": below(32) / 32})
    for _ in range(below(5)):
        detections.append({"image_id": image_id, "category_id": [1, 2, 3, 9][below(4)],
                           "bbox": [below(300), below(300), 5 + below(90), 5 + below(90)], "score": below(32) / 64})

with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO()
    truth.dataset = {"images": images, "annotations": annotations,
                     "categories": [{"id": i, "name": f"c{i}"} for i in (1, 2, 3, 5, 9)]}
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes(detections), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
print(len(annotations), len(detections), sum(a["iscrowd"] for a in annotations))
print([round(float(s), 12) for s in evaluation.stats])
precision = evaluation.eval["precision"]
for k in range(5):
    p = precision[:, :, k, 0, 2]
    print(truth.dataset["categories"][k]["name"], float(p[p > -1].mean()) if (p > -1).any() else None)


# The random cases.

def evaluated(truth_lists, found, settings):
    """All the numbers of one case; None where pycocotools says -1."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = truth_lists
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.params.iouThrs = np.array(settings.get("iou", list(evaluation.params.iouThrs)))
        evaluation.params.maxDets = settings.get("max_detections", evaluation.params.maxDets)
        if "areas" in settings:
            evaluation.params.areaRng = [[0, 1e10]] + [[low, high] for _, low, high in settings["areas"]]
            evaluation.params.areaRngLbl = ["all"] + [name for name, _, _ in settings["areas"]]
        evaluation.evaluate()
        evaluation.accumulate()

    def mean(values):
        values = values[values > -1]
        return float(np.mean(values)) if values.size else None

    p, r = evaluation.eval["precision"], evaluation.eval["recall"]  # [T, R, K, A, M] and [T, K, A, M]
    areas = range(1, p.shape[3])
    return {
        "ap": mean(p[:, :, :, 0, -1]), "ap_at": [mean(p[t, :, :, 0, -1]) for t in range(p.shape[0])],
        "ap_area": [mean(p[:, :, :, a, -1]) for a in areas], "ar_area": [mean(r[:, :, a, -1]) for a in areas],
        "ar": [mean(r[:, :, 0, m]) for m in range(r.shape[3])],
        "ap_class": [mean(p[:, :, k, 0, -1]) for k in range(p.shape[2])],
    }


def case(rng, settings, grid):
    """A random case; on a grid, overlaps and areas lie on thresholds and borders, and scores are often equal."""
    labels = list(range(1, rng.randint(2, 5)))
    labels[-1] += 3
    images, annotations, found = [], [], []

    def number(low, high):
        return float(rng.randint(int(low), int(high)) // 4 * 4) if grid else rng.uniform(low, high)

    for image_id in rng.sample(range(1, 1000), 7):
        images.append({"id": image_id, "file_name": f"{image_id}.jpg", "width": 400, "height": 400})
        for _ in range(rng.randint(0, 6)):
            side = rng.choice([16, 32, 60, 96, 140])
            box = [number(0, 250), number(0, 250), number(side / 2, 2 * side), number(side / 2, 2 * side)]
            if rng.random() < 0.2:
                box[2:] = [32.0, 32.0] if rng.random() < 0.5 else [96.0, 96.0]  # on the borders of area
            label = rng.choice(labels)
            area = box[2] * box[3] * (1 if rng.random() < 0.5 else rng.uniform(0.3, 1))
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, "category_id": label, "bbox": box,
                                "area": area, "iscrowd": int(rng.random() < 0.12)})
            for _ in range(rng.randint(0, 4)):
                jitter = side * rng.choice([0.05, 0.15, 0.4])
                if grid and rng.random() < 0.3:  # IoU exactly 0.5, 0.75 or 1
                    moved = [box[0], box[1], box[2], box[3] * rng.choice([0.5, 0.75, 1])]
                else:
                    moved = [box[0] + number(-jitter, jitter), box[1] + number(-jitter, jitter),
                             max(1.0, box[2] + number(-jitter, jitter)), max(1.0, box[3] + number(-jitter, jitter))]
                found.append([image_id, label if rng.random() < 0.85 else rng.choice(labels), moved])
        for _ in range(rng.randint(0, 5)):
            found.append([image_id, rng.choice(labels),
                          [number(0, 300), number(0, 300), max(1.0, number(4, 150)), max(1.0, number(4, 150))]])
    scores = [rng.random() for _ in range(4)]
    results = []
    for image_id, label, box in found:
        # Equal scores, scores that differ after the eighth digit, and others.
        score = rng.choice(scores) + rng.choice([0, 0, 1e-9, 2e-9, rng.random()])
        results.append({"image_id": image_id, "category_id": label, "bbox": box, "score": score})
    rng.shuffle(annotations)
    truth_lists = {"images": images, "annotations": annotations,
                   "categories": [{"id": i, "name": f"c{i}"} for i in labels + [50]]}
    return {"settings": settings, "categories": labels + [50], "images": [i["id"] for i in images],
            "annotations": [[a["id"], a["image_id"], a["category_id"], a["bbox"], a["area"], a["iscrowd"]]
                            for a in annotations],
            "detections": [[d["image_id"], d["category_id"], d["bbox"], d["score"]] for d in results],
            "expected": evaluated(truth_lists, results, settings)}


rng = random.Random(20)
own = [
    {}, {}, {}, {}, {"max_detections": [1, 2, 3]}, {"iou": [0.3, 0.5, 0.75, 0.9]}, {"iou": [0.5]},
    {"areas": [["tiny", 0, 400], ["small", 0, 1024], ["rest", 1024, 1e10]], "iou": [0.1, 0.5, 1.0]},
]
cases = [case(rng, settings, grid=i % 2 == 1) for i, settings in enumerate(own)]
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Tests/EvaluationTests/Fixtures/coco_ap.json")
os.makedirs(os.path.dirname(path), exist_ok=True)
with open(path, "w", encoding="utf-8") as file:
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    file.write('{"script":"Tools/reference/coco_ap.py","annotations":"id, image, category, bbox, area, iscrowd",'
               f'"detections":"image, category, bbox, score","cases":[\n{lines}\n]}}\n')
print(os.path.normpath(path), os.path.getsize(path), "bytes")
for c in cases:
    print(len(c["annotations"]), len(c["detections"]), c["expected"]["ap"])
