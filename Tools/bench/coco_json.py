#!/usr/bin/env python3
"""Write a COCO annotation file of any size, for timing readers: the same bytes for the same arguments.

Without arguments it is as large as COCO's own instances_train2017.json: 118,287 images, 860,000 annotations, about
458 MB. It has what that file has: info, licenses, image ids with gaps, 80 categories with COCO's ids, polygons of very
different lengths, run lengths for the one annotation in a hundred that is a crowd. With --results it writes a results
file beside it, too.

    python3 Tools/bench/coco_json.py truth.json
    python3 Tools/bench/coco_json.py val.json --images 5000 --boxes 36000 --results found.json --per-image 73
"""
import argparse
import math
import random

# COCO's 80 categories are numbered from 1 to 90 with these left out.
GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
CATEGORY_IDS = [i for i in range(1, 91) if i not in GAPS]
LICENSES = [
    ("Attribution-NonCommercial-ShareAlike License", "by-nc-sa"),
    ("Attribution-NonCommercial License", "by-nc"),
    ("Attribution-NonCommercial-NoDerivs License", "by-nc-nd"),
    ("Attribution License", "by"),
    ("Attribution-ShareAlike License", "by-sa"),
    ("Attribution-NoDerivs License", "by-nd"),
    ("No known copyright restrictions", "commons"),
    ("United States Government Work", "usgov"),
]
SIZES = [(640, 480), (640, 427), (480, 640), (427, 640), (640, 640), (500, 375), (612, 612), (375, 500)]


def image_line(draw, image_id, size):
    date = "2013-11-%02d %02d:%02d:%02d" % (
        draw.randrange(14, 26), draw.randrange(24), draw.randrange(60), draw.randrange(60))
    return (
        '{"license": %d,"file_name": "%012d.jpg","coco_url": "http://images.example.org/train2017/%012d.jpg",'
        '"height": %d,"width": %d,"date_captured": "%s",'
        '"flickr_url": "http://farm%d.example.org/%d/%d_%010x_z.jpg","id": %d}'
        % (draw.randrange(1, 9), image_id, image_id, size[1], size[0], date, draw.randrange(1, 10),
           draw.randrange(1000, 9999), draw.randrange(10**9, 10**10), draw.getrandbits(40), image_id))


def box(draw, width, height):
    """x, y, w and h in hundredths of a pixel, inside the picture; small ones are frequent."""
    w = min(width, max(4.0, width * math.exp(draw.gauss(-2.0, 1.0))))
    h = min(height, max(4.0, height * math.exp(draw.gauss(-2.0, 1.0))))
    return (
        int(draw.random() * (width - w) * 100), int(draw.random() * (height - h) * 100), int(w * 100), int(h * 100))


def polygon(draw, x, y, w, h, points):
    """An outline around the box's centre, as [x1,y1,x2,y2,...] with two decimals."""
    values = []
    step = 2 * math.pi / points
    for i in range(points):
        radius = 0.35 + 0.15 * draw.random()
        values.append((x + w * (0.5 + radius * math.cos(i * step))) / 100)
        values.append((y + h * (0.5 + radius * math.sin(i * step))) / 100)
    return "[" + ",".join(["%.2f" % v for v in values]) + "]"


def run_lengths(draw, size):
    """A crowd's mask, uncompressed: lengths that add up to the picture."""
    left, counts = size[0] * size[1], []
    while left > 0:
        run = min(left, draw.randrange(1, max(2, size[1] * 2)))
        counts.append(run)
        left -= run
    return '{"counts": [%s],"size": [%d,%d]}' % (",".join(map(str, counts)), size[1], size[0])


def annotation_line(draw, annotation_id, image_id, size, points):
    x, y, w, h = box(draw, *size)
    is_crowd = draw.random() < 0.01
    if is_crowd:
        shape, area = run_lengths(draw, size), w * h / 1e4
    else:
        parts = 1 if draw.random() < 0.9 else 2
        counts = [max(3, int(draw.lognormvariate(math.log(points), 0.7)) // parts) for _ in range(parts)]
        shape = "[" + ",".join([polygon(draw, x, y, w, h, n) for n in counts]) + "]"
        area = w * h / 1e4 * (0.4 + 0.3 * draw.random())
    return (
        '{"segmentation": %s,"area": %r,"iscrowd": %d,"image_id": %d,"bbox": [%s,%s,%s,%s],"category_id": %d,"id": %d}'
        % (shape, area, is_crowd, image_id, x / 100, y / 100, w / 100, h / 100, draw.choice(CATEGORY_IDS),
           annotation_id))


def write_truth(path, draw, images, boxes, points):
    ids = sorted(draw.sample(range(1, 581930 + 5 * images), images))
    sizes = [draw.choice(SIZES) for _ in ids]
    with open(path, "w", encoding="ascii") as out:
        out.write(
            '{"info": {"description": "made for timing readers","url": "http://example.org","version": "1.0",'
            '"year": 2017,"contributor": "nobody","date_created": "2017/09/01"},"licenses": [')
        out.write(",".join(
            '{"url": "http://example.org/licenses/%s/2.0/","id": %d,"name": "%s"}' % (short, i, name)
            for i, (name, short) in enumerate(LICENSES, 1)))
        out.write('],"images": [')
        for i, (image_id, size) in enumerate(zip(ids, sizes)):
            out.write(("," if i else "") + image_line(draw, image_id, size))
        out.write('],"annotations": [')
        for i in range(boxes):
            at = min(images - 1, int(draw.random() * images))
            line = annotation_line(draw, i * 2 + 1, ids[at], sizes[at], points)
            out.write(("," if i else "") + line)
        out.write('],"categories": [')
        out.write(",".join(
            '{"supercategory": "group %d","id": %d,"name": "class %d"}' % (i // 10, i, i) for i in CATEGORY_IDS))
        out.write("]}")
    return ids, sizes


def write_results(path, draw, ids, sizes, per_image):
    with open(path, "w", encoding="ascii") as out:
        out.write("[")
        for i, (image_id, size) in enumerate(zip(ids, sizes)):
            lines = []
            for _ in range(per_image):
                x, y, w, h = (v / 100 for v in box(draw, *size))
                lines.append(
                    '{"image_id": %d,"category_id": %d,"bbox": [%s,%s,%s,%s],"score": %.6f}'
                    % (image_id, draw.choice(CATEGORY_IDS), x, y, w, h, draw.random() ** 3))
            out.write(("," if i and lines else "") + ",".join(lines))
        out.write("]")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("truth", help="the annotation file to write")
    parser.add_argument("--images", type=int, default=118287)
    parser.add_argument("--boxes", type=int, default=860000)
    parser.add_argument("--points", type=float, default=19.2, help="points of the median polygon")
    parser.add_argument("--seed", type=int, default=2017)
    parser.add_argument("--results", help="a results file to write, too")
    parser.add_argument("--per-image", type=int, default=73, help="detections of each image in it")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    ids, sizes = write_truth(options.truth, draw, options.images, options.boxes, options.points)
    if options.results:
        write_results(options.results, draw, ids, sizes, options.per_image)


main()
