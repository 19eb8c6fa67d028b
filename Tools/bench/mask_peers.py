#!/usr/bin/env python3
"""Times mIoU of a folder of masks against another: pupil, and numpy.bincount over masks read by Pillow.

    PYTHON Tools/bench/mask_peers.py FOLDER [--pupil .build/release/pupil] [--runs 3] [--threads N]

FOLDER has gt/ and dt/ (Tools/bench/masks.py). Reading the files and counting pixels are timed apart; the programs take
turns, each run a process of its own, and the best run counts. One thread each: numpy's counting has no more. The counts
must agree, or the script fails.
"""
import argparse
import json
import os
import subprocess
import sys
import time

CLASSES, IGNORED = 21, 255


def peer(folder):
    import numpy as np
    from PIL import Image

    def read(part, name):
        with Image.open(os.path.join(folder, part, name)) as file:
            return np.asarray(file)

    begin = time.perf_counter()
    pairs = [(read("gt", name), read("dt", name)) for name in sorted(os.listdir(os.path.join(folder, "gt")))]
    loaded = time.perf_counter()
    confusion = np.zeros(CLASSES * CLASSES, np.int64)
    for truth, found in pairs:
        valid = truth != IGNORED
        confusion += np.bincount(CLASSES * truth[valid].astype(np.int64) + found[valid], minlength=CLASSES * CLASSES)
    confusion = confusion.reshape(CLASSES, CLASSES)
    right = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - right
    end = time.perf_counter()
    return {"read": loaded - begin, "score": end - loaded, "confusion": confusion.tolist(),
            "mIoU": float((right[union > 0] / union[union > 0]).mean())}


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--pupil", default=".build/release/pupil")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(peer(args.folder)))
        return
    gt, dt = os.path.join(args.folder, "gt"), os.path.join(args.folder, "dt")
    best = {}
    for _ in range(args.runs):
        for name, command in (
            ("pupil", [args.pupil, "bench", "masks", "--gt-masks", gt, "--dt-masks", dt, "--classes", str(CLASSES),
                       "--rounds", "1", "--threads", str(args.threads), "--json"]),
            ("numpy and Pillow", [sys.executable, os.path.abspath(__file__), args.folder, "--peer"]),
        ):
            result = run(command)
            result["total"] = result["read"] + result["score"]
            if name not in best or result["total"] < best[name]["total"]:
                best[name] = result
    own = best["pupil"]
    if any(r["confusion"] != own["confusion"] or abs(r["mIoU"] - own["mIoU"]) > 1e-12 for r in best.values()):
        sys.exit("mIoU differs: " + ", ".join(f"{name} {r['mIoU']!r}" for name, r in best.items()))
    print("| mIoU of masks | read s | count s | total s | counting, times pupil | all, times pupil |")
    print("|---|---|---|---|---|---|")
    for name, r in best.items():
        print(f"| {name} | {r['read']:.3f} | {r['score']:.4f} | {r['total']:.3f} | {r['score'] / own['score']:.1f} "
              f"| {r['total'] / own['total']:.1f} |")


if __name__ == "__main__":
    main()
