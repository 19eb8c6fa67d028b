#!/usr/bin/env bash
# The demo's question at the length where supervised training has stopped improving, over five seeds: an hour or more
# (docs/results.md has how that length was found, and what came out). With flips alone there is one: with S1's scales
# and crops, new at each pass, training on these scenes does not end. Interrupt it at any time: the next run goes on
# where this one stopped.
set -euo pipefail
cd "$(dirname "$0")/.."
export OUT=${OUT:-demo-long} BATCH=${BATCH:-2} STEPS=${STEPS:-24000} STUDENT_STEPS=${STUDENT_STEPS:-6000}
seeds=${SEEDS:-5}
# Batches of two pictures keep one core busy and no more, so the seeds run side by side, each in a process of its own.
args=(--augment S1 --augment-jitter 1-1 --decay 0.3 --threads 1 "$@")
SHOW= Scripts/demo.sh --dry-run "${args[@]}" >/dev/null # draws the scenes, once for all
seq 0 $((seeds - 1)) | SEEDS=1 SHOW= xargs -P "$(nproc)" -I{} bash -c '
    echo "seed {}: $OUT/seed-{}.log"
    RUN=$OUT/seed-{} Scripts/demo.sh --seed {} "$@" >"$OUT/seed-{}.log" 2>&1 || {
        tail -n 15 "$OUT/seed-{}.log" >&2
        exit 1
    }' demo "${args[@]}"
# Finds what they did, and makes one table of it.
SEEDS=$seeds exec Scripts/demo.sh "${args[@]}"
