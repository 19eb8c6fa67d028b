#!/usr/bin/env bash
# Draws a small set of pictures, trains a teacher, a control and a student on it, and prints the table.
# A second run resumes, and skips what is done. Arguments go on to `pupil selftrain`, e.g. Scripts/demo.sh --seeds 3.
set -euo pipefail
cd "$(dirname "$0")/.."

OUT=${OUT:-demo}            # everything this writes
TRAIN_IMAGES=${TRAIN_IMAGES:-800}
TEST_IMAGES=${TEST_IMAGES:-200}
LABELS=${LABELS:-5%}        # of the training images; the rest are the unlabelled pool
MODEL=${MODEL:-nano}
SIZE=${SIZE:-128}           # canvas, pixels
BATCH=${BATCH:-8}
STEPS=${STEPS:-500}
SEEDS=${SEEDS:-1}
PUPIL=${PUPIL:-.build/release/pupil}

run() {
    printf '\n$ pupil %s\n' "$*"
    "$PUPIL" "$@"
}

draw() { # draw NAME IMAGES SEED
    if [ ! -d "$OUT/$1" ]; then run draw --images "$2" --seed "$3" --out "$OUT/$1"; fi
}

started=$SECONDS
draw train "$TRAIN_IMAGES" 1
draw val "$TEST_IMAGES" 2
draw test "$TEST_IMAGES" 3

run selftrain \
    --train "$OUT/train/annotations.json" --images "$OUT/train/images" \
    --val "$OUT/val/annotations.json" --val-images "$OUT/val/images" \
    --test "$OUT/test/annotations.json" --test-images "$OUT/test/images" \
    --labels "$LABELS" --model "$MODEL" --size "$SIZE" --batch "$BATCH" --steps "$STEPS" \
    --seeds "$SEEDS" --out "$OUT/run" "$@"

weights=$(find -L "$OUT/run" -path '*student*' -name last.safetensors 2>/dev/null | sort | head -1)
if [ -n "$weights" ]; then
    run predict --weights "$weights" --images "$OUT/test/images" --out "$OUT/predictions"
    printf '\nPictures with the student'\''s boxes: %s/predictions\n' "$OUT"
fi
printf 'The demo took %d min %02d s.\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
