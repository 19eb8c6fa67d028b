#!/usr/bin/env python3
"""Writes Tests/EvaluationTests/Fixtures/segmentation.json: maps of classes, and how well one agrees with the other.

Needs nothing but Python. Run from anywhere: python Tools/reference/segmentation.py

A case has K classes and a few pictures, each a truth and a prediction of width x height numbers, row by row. 255 in a
truth is ignored: nothing that is predicted there counts. 255 in a prediction is no class at all.

Of all pictures of a case together, over the pixels whose truth is a class (the valid ones):
- confusion: K rows, the truth; K + 1 columns, the prediction, the last for 255
- per_class: confusion[c][c] / (truth c + predicted c - confusion[c][c]), null where that would divide by 0; mIoU, their
  mean without the nulls. What is predicted as 255 is missed.
- pixel_accuracy: the right share of the valid; mean_accuracy: the mean over classes that the truth has, of the share
  that is right; frequency_weighted: the sum over classes of their share of the valid times their IoU

boundary: F of contours, after Csurka, Larlus and Perronnin, BMVC 2013. A valid pixel of class c belongs to c's boundary
in a map if one of its four neighbours in the picture is valid and not c. So the border of the picture makes none, nor
does what is ignored; a prediction of 255 has none of its own and makes one for its neighbours. For each picture and
class: precision is the share of the predicted boundary with a pixel of the true one at most theta away, recall the
share of the true one with a predicted pixel as near, theta = tolerance * the picture's diagonal in pixels, not rounded,
distances between pixel centres. F = 2 P R / (P + R); 0 where P + R = 0, or where one boundary is empty; left out where
both are. Therefore a class that fills the pictures without a contour has no F, however well it is predicted.
- per_class: the mean over the pictures where there is an F, or null
- mean: for each picture the mean over its classes, then the mean over the pictures that have one, or null. It is not
  the mean of per_class.

No distance is so near theta that rounding decides, except in one case in which theta is 5 exactly and <= matters.
"""
import json
import math
import os
import random
from fractions import Fraction

NOTHING = 255


def regions(case):
    """The confusion matrix and what follows from it."""
    k = case["classes"]
    confusion = [[0] * (k + 1) for _ in range(k)]
    for picture in case["pictures"]:
        for truth, prediction in zip(picture["truth"], picture["prediction"], strict=True):
            if truth != NOTHING:
                confusion[truth][k if prediction == NOTHING else prediction] += 1
    valid, right = 0, 0
    for row in confusion:
        valid += sum(row)
    per_class, recalls, weighted = [], [], 0.0
    for c in range(k):
        of_truth = sum(confusion[c])
        of_prediction = 0
        for row in confusion:
            of_prediction += row[c]
        union = of_truth + of_prediction - confusion[c][c]
        per_class.append(confusion[c][c] / union if union else None)
        right += confusion[c][c]
        if of_truth:
            recalls.append(confusion[c][c] / of_truth)
            weighted += of_truth / valid * per_class[c]
    known = [iou for iou in per_class if iou is not None]
    return {
        "confusion": confusion, "per_class": per_class, "mIoU": sum(known) / len(known) if known else None,
        "pixel_accuracy": right / valid if valid else None,
        "mean_accuracy": sum(recalls) / len(recalls) if recalls else None,
        "frequency_weighted": weighted if valid else None,
    }


def contour(values, truth, width, height, c):
    """The pixels (x, y) of class c's boundary in the map `values`."""
    found = []
    for y in range(height):
        for x in range(width):
            if truth[y * width + x] == 255 or values[y * width + x] != c:
                continue
            for nx, ny in ((x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)):
                inside = 0 <= nx < width and 0 <= ny < height
                if inside and truth[ny * width + nx] != 255 and values[ny * width + nx] != c:
                    found.append((x, y))
                    break
    return found


def near(pixels, others, theta):
    """How many pixels have one of the others at most theta away."""
    count = 0
    for x, y in pixels:
        for other_x, other_y in others:
            if math.sqrt((x - other_x) ** 2 + (y - other_y) ** 2) <= theta:
                count += 1
                break
    return count


def contours(case):
    """The boundary F of each class, and of all."""
    of_class = [[] for _ in range(case["classes"])]
    of_picture = []
    for picture in case["pictures"]:
        width, height, truth = picture["width"], picture["height"], picture["truth"]
        theta = case["tolerance"] * math.sqrt(width * width + height * height)
        squared = Fraction(case["tolerance"]) ** 2 * (width * width + height * height)
        assert squared == round(squared) or abs(squared - round(squared)) > 1e-6, f"{case['name']}: a distance is theta"
        scores = []
        for c in range(case["classes"]):
            true = contour(truth, truth, width, height, c)
            predicted = contour(picture["prediction"], truth, width, height, c)
            if not true and not predicted:
                continue
            score = 0.0
            if true and predicted:
                precision = near(predicted, true, theta) / len(predicted)
                recall = near(true, predicted, theta) / len(true)
                if precision + recall > 0:
                    score = 2 * precision * recall / (precision + recall)
            scores.append(score)
            of_class[c].append(score)
        if scores:
            of_picture.append(sum(scores) / len(scores))
    return {
        "per_class": [sum(scores) / len(scores) if scores else None for scores in of_class],
        "mean": sum(of_picture) / len(of_picture) if of_picture else None,
    }


# The cases

rng = random.Random(7)


def blobs(width, height, labels, cell):
    """Noise on a coarse grid, each pixel that of the cell it is in; the grid begins anywhere."""
    left, top = rng.randrange(cell), rng.randrange(cell)
    noise = [[rng.choice(labels) for _ in range(width // cell + 2)] for _ in range(height // cell + 2)]
    return [noise[(y + top) // cell][(x + left) // cell] for y in range(height) for x in range(width)]


def disturbed(truth, width, height, labels, shift, cell, wrong, noise):
    """The truth moved by a few pixels, a share of blobs replaced, and a share of single pixels."""
    other, where = blobs(width, height, labels, cell), blobs(width, height, range(100), cell)
    result = []
    for y in range(height):
        for x in range(width):
            at = min(max(y + shift[1], 0), height - 1) * width + min(max(x + shift[0], 0), width - 1)
            value = truth[at] if truth[at] != NOTHING else rng.choice(labels)
            if where[y * width + x] < 100 * wrong:
                value = other[y * width + x]
            result.append(rng.choice(labels) if rng.random() < noise else value)
    return result


def overlaid(values, width, height, share, cell):
    """The map with a share of its blobs turned to 255."""
    where = blobs(width, height, range(100), cell)
    return [NOTHING if w < 100 * share else v for v, w in zip(values, where)]


def picture(width, height, labels, cell=5, shift=(1, 0), wrong=0.15, noise=0.02, ignored=0.1, unpredicted=0.0,
            guesses=None):
    """A truth with blobs of `labels` and a prediction that strays to `guesses`."""
    truth = overlaid(blobs(width, height, labels, cell), width, height, ignored, 3)
    prediction = disturbed(truth, width, height, guesses or labels, shift, cell, wrong, noise)
    return {"width": width, "height": height, "truth": truth,
            "prediction": overlaid(prediction, width, height, unpredicted, 4)}


def perfect(width, height, labels):
    """A prediction that is the truth, and something else where the truth is ignored."""
    result = picture(width, height, labels)
    result["prediction"] = [rng.choice(labels) if t == NOTHING else t for t in result["truth"]]
    return result


def filled(width, height, truth, prediction):
    return {"width": width, "height": height, "truth": [truth] * (width * height),
            "prediction": [prediction] * (width * height)}


cases = []


def add(name, classes, tolerance, *pictures):
    case = {"name": name, "classes": classes, "tolerance": tolerance, "pictures": list(pictures)}
    cases.append(case | regions(case) | {"boundary": contours(case)})


add("blobs", 4, 0.0075, picture(40, 29, range(4), cell=7))
add("two classes, a wider tolerance", 2, 0.02, picture(31, 24, range(2), cell=6, shift=(0, 1)))
add("moved by three pixels", 3, 0.1, picture(28, 21, range(3), cell=7, shift=(3, -2), wrong=0.05))
add("theta is a distance", 3, 0.125, picture(32, 24, range(3), cell=8, shift=(5, 0), wrong=0.1, noise=0.01))
add("perfect", 5, 0.0075, perfect(24, 18, range(5)))
add("a class in neither", 5, 0.02, picture(22, 15, [0, 1, 3, 4]))
add("a class that is only predicted", 4, 0.1, picture(23, 16, [0, 1, 3], guesses=[0, 1, 2, 3], wrong=0.3))
add("a class that is never predicted", 3, 0.02, picture(19, 14, range(3), guesses=[1, 2], wrong=1.0))
add("all ignored", 3, 0.02, picture(14, 10, range(3), ignored=1.0), filled(12, 9, NOTHING, NOTHING))
add("nothing predicted in places", 4, 0.1, picture(25, 17, range(4), unpredicted=0.25))
add("nothing predicted", 3, 0.02, picture(12, 9, range(3), unpredicted=1.0))
add("much ignored", 6, 0.02, picture(21, 20, range(6), cell=4, ignored=0.55, noise=0.1))
add("pictures of several sizes", 5, 0.1, picture(26, 12, range(5)), picture(13, 19, [0, 2], guesses=[0, 2, 3]),
    filled(12, 9, 4, 4), filled(5, 4, 1, 3), picture(17, 1, range(3), ignored=0.0), picture(1, 11, [1, 2], cell=2),
    perfect(15, 11, [0, 1, 4]), filled(6, 6, NOTHING, 2))
add("no contour anywhere", 3, 0.0075, filled(12, 9, 1, 1), filled(9, 12, 0, 2), filled(4, 3, 2, NOTHING))

here = os.path.dirname(os.path.abspath(__file__))
path = os.path.normpath(os.path.join(here, "../../Tests/EvaluationTests/Fixtures/segmentation.json"))
with open(path, "w", encoding="utf-8") as file:
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    file.write(f'{{"script":"Tools/reference/segmentation.py","cases":[\n{lines}\n]}}\n')
print(path, os.path.getsize(path), "bytes")
for c in cases:
    print(c["name"], c["mIoU"], c["boundary"]["mean"])
