#!/usr/bin/env python3
"""Prints the numbers of Tests/EvaluationTests/COCOEvaluatorTests.swift (agreesWithPycocotoolsOnAFormula).

A set of 40 images, 4 classes, crowds, all three sizes, ties in score and repeated detections is filled by a formula
that the test repeats. Needs pycocotools and numpy:  python Tools/reference/coco_ap.py
"""
import contextlib
import io

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
