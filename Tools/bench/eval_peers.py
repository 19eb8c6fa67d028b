#!/usr/bin/env python3
"""Times the whole evaluation (both files read, then scored) of pupil and its peers on the same files.

    PYTHON Tools/bench/eval_peers.py GT DT [--pupil .build/release/pupil] [--runs 3] [--without pycocotools]

PYTHON has pycocotools and faster-coco-eval. Each run is a process of its own; the programs take turns, so that what
else the machine does strikes all of them, and the best run counts. Seconds are wall clock inside the process, imports
left out; CPU seconds are the process's own, all threads. Prints a table, and a JSON object with --json.
"""
import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import time


def peer(name, gt, dt):
    """One evaluation in this process."""
    if name == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval as Evaluator
    else:
        from faster_coco_eval import COCO
        from faster_coco_eval import COCOeval_faster as Evaluator
    cpu = time.process_time()
    begin = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(gt)
        results = truth.loadRes(dt)
        read = time.perf_counter()
        evaluator = Evaluator(truth, results, "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    end = time.perf_counter()
    return {"read": read - begin, "score": end - read, "cpu": time.process_time() - cpu,
            "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "AP": float(evaluator.stats[0]), "AP50": float(evaluator.stats[1])}


def run(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("gt")
    parser.add_argument("dt")
    parser.add_argument("--pupil", default=".build/release/pupil")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--without", action="append", default=[], help="a program that is left out")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        print(json.dumps(peer(args.peer, args.gt, args.dt)))
        return
    names = [n for n in ("pupil", "faster-coco-eval", "pycocotools") if n not in args.without]
    best = {}
    for _ in range(args.runs):
        for name in names:
            if name == "pupil":
                result = run([args.pupil, "bench", "eval", "--gt", args.gt, "--dt", args.dt, "--json"])
            else:
                result = run([sys.executable, os.path.abspath(__file__), args.gt, args.dt, "--peer", name])
            result["total"] = result["read"] + result["score"]
            if name not in best or result["total"] < best[name]["total"]:
                best[name] = result
    if args.json:
        print(json.dumps(best))
        return
    own = best.get("pupil", {}).get("total")
    print("| | read s | score s | total s | CPU s | memory MB | AP | times pupil |")
    print("|---|---|---|---|---|---|---|---|")
    for name, r in best.items():
        ratio = f"{r['total'] / own:.1f}" if own else "-"
        print(f"| {name} | {r['read']:.3f} | {r['score']:.3f} | {r['total']:.3f} | {r['cpu']:.2f} "
              f"| {r['memory_mb']:.0f} | {r['AP']:.6f} | {ratio} |")


if __name__ == "__main__":
    main()
