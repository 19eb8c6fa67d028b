#!/usr/bin/env python3
"""Print as a table what Scripts/bench.sh left in a folder: peer-SEED.json beside pupil-SEED.json."""
import glob
import json
import os
import re
import statistics
import sys


def read(path):
    """The last JSON object of a file: one line of it, or all of it."""
    with open(path, encoding="utf-8") as file:
        text = file.read().strip()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return json.loads(text.splitlines()[-1])


def figures(row):
    """AP and AP50 in points and the seconds of training: the peer's object, or the summary of `pupil train`."""
    scores = row.get("last", row)
    return [100 * scores["AP"], 100 * scores["AP50"], row.get("train_seconds", row.get("seconds"))]


def main():
    folder = sys.argv[1]
    seeds = sorted(int(re.search(r"peer-(\d+)\.json$", path).group(1)) for path in glob.glob(f"{folder}/peer-*.json"))
    rows = [(seed, read(f"{folder}/peer-{seed}.json"), read(f"{folder}/pupil-{seed}.json")) for seed in seeds
            if os.path.exists(f"{folder}/pupil-{seed}.json")]
    if not rows:
        sys.exit(f"{folder} holds no finished pair of runs")
    print("| seed | torchvision AP | AP50 | train s | Pupil AP | AP50 | train s | time ratio |")
    print("|---|---|---|---|---|---|---|---|")
    columns = []
    for seed, peer, pupil in rows:
        values = figures(peer) + figures(pupil)
        columns.append(values + [values[5] / values[2]])
        print(f"| {seed} | " + " | ".join(f"{v:.1f}" for v in values) + f" | {columns[-1][6]:.2f} |")
    if len(rows) > 1:
        means = [statistics.mean(column) for column in zip(*columns)]
        print("| mean | " + " | ".join(f"{v:.1f}" for v in means[:6]) + f" | {means[6]:.2f} |")


main()
