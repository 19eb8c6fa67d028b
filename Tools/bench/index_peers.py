#!/usr/bin/env python3
"""Times how long pupil and pycocotools take to read an annotation file, and in how much memory.

    PYTHON Tools/bench/index_peers.py GT [--pupil .build/release/pupil] [--runs 3]

PYTHON has pycocotools. Each run is a process of its own; the programs take turns, and the best run counts. Seconds are
wall clock inside the process, imports left out. Prints a table.
"""
import argparse
import contextlib
import io
import json
import resource
import subprocess
import sys
import time


def peer(gt):
    from pycocotools.coco import COCO
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(gt)
    return {"value": time.perf_counter() - begin, "images": len(truth.imgs), "labels": len(truth.anns),
            "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("gt")
    parser.add_argument("--pupil", default=".build/release/pupil")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(peer(args.gt)))
        return
    commands = {"pupil": [args.pupil, "bench", "index", "--gt", args.gt, "--json"],
                "pycocotools": [sys.executable, __file__, args.gt, "--peer"]}
    best = {}
    for _ in range(args.runs):
        for name, command in commands.items():
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            if name not in best or found["value"] < best[name]["value"]:
                best[name] = found
    same = {(found["images"], found["labels"]) for found in best.values()}
    if len(same) > 1:
        sys.exit(f"the programs read different things: {best}")
    print("| | read s | peak MB | times pupil |\n|---|---|---|---|")
    for name, found in best.items():
        print(f"| {name} | {found['value']:.2f} | {found['peak_bytes'] / 2**20:.0f} "
              f"| {found['value'] / best['pupil']['value']:.1f} |")


main()
