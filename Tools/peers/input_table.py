"""Training input beside its peers, in turns on one machine, as a Markdown table.

python Tools/peers/input_table.py FOLDER [--pupil .build/release/pupil] [--size 640] [--limit 200] [--rounds 3]
[--policies S1,S4] [--peers NAME,NAME]
Each round runs `pupil bench input` and Tools/peers/input.py, which says what each peer does; the best round counts.
"""
import argparse
import json
import os
import subprocess
import sys


def run(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--pupil", default=".build/release/pupil")
    parser.add_argument("--policies", default="S1,S4")
    parser.add_argument("--peers", default="torchvision,torchvision_tuned,albumentations,opencv")
    for name, value in (("size", 640), ("limit", 200), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "input.py")
    work = ["--size", str(args.size), "--limit", str(args.limit)]
    best = {}

    def keep(policy, name, result):
        old = best.setdefault((policy, name), {"value": 0, "processor_ms": float("inf")})
        old["value"] = max(old["value"], result["value"])
        old["processor_ms"] = min(old["processor_ms"], result["processor_ms"])

    for _ in range(args.rounds):
        for policy in args.policies.split(","):
            for threads in (1, 2):
                command = [args.pupil, "bench", "input", "--images", args.folder, "--policy", policy]
                result = run([*command, "--rounds", "1", "--threads", str(threads), "--json", *work])
                keep(policy, "Pupil" if threads == 1 else "Pupil, two threads", result)
            command = [sys.executable, script, args.folder, "--policy", policy, "--only", args.peers]
            peers = run([*command, "--rounds", "1", *work])
            for name, result in peers[policy].items():
                keep(policy, name, result)
    for policy in args.policies.split(","):
        mine = best[policy, "Pupil"]["value"]
        print(f"\n| {policy}, {args.size} px | pictures/s | processor ms | Pupil on one thread, times |")
        print("|---|---|---|---|")
        for (key, name), result in best.items():
            if key == policy:
                rate = result["value"]
                print(f"| {name} | {rate:.1f} | {result['processor_ms']:.2f} | {mine / rate:.2f} |")


main()
