#!/usr/bin/env bash
# Draws a small set of pictures, trains a teacher, a control and a student on it, and prints the table.
# A second run resumes, and skips what is done. Arguments go on to `pupil selftrain`, e.g. Scripts/demo.sh --seeds 3.
set -euo pipefail
cd "$(dirname "$0")/.."

OUT=${OUT:-demo}            # everything this writes
RUN=${RUN:-$OUT/run}        # the run, under it
SHOW=${SHOW-yes}            # draw what the student sees, too; empty: the run alone
IMAGES=${IMAGES:-3000}      # scenes in all: 7 in 10 to train, 1 to check, 2 to test
LABELS=${LABELS:-200}       # of the training images; the rest are the unlabelled pool
MODEL=${MODEL:-pico}
SIZE=${SIZE:-96}            # canvas, pixels
BATCH=${BATCH:-8}
STEPS=${STEPS:-3000}        # of the teacher
STUDENT_STEPS=${STUDENT_STEPS:-1500} # of twice as many pictures
LR=${LR:-0.002}
SEEDS=${SEEDS:-1}
PUPIL=${PUPIL:-.build/release/pupil}

run() {
    printf '\n$ pupil %s\n' "$*"
    "$PUPIL" "$@"
}

started=$SECONDS
run draw --images "$IMAGES" --seed 1 --out "$OUT/scenes"
run draw --images 40 --seed 2 --out "$OUT/new-scenes"
notes="$OUT/scenes/annotations"

run selftrain \
    --train "$notes/instances_train.json" --val "$notes/instances_val.json" --test "$notes/instances_test.json" \
    --labels "$LABELS" --model "$MODEL" --size "$SIZE" --batch "$BATCH" --steps "$STEPS" \
    --student-steps "$STUDENT_STEPS" --lr "$LR" --seeds "$SEEDS" --out "$RUN" "$@"
[ -n "$SHOW" ] || exit 0

weights=$(find -L "$RUN" -path '*student*' -name last.safetensors 2>/dev/null | sort | head -1)
if [ -n "$weights" ]; then
    # By its own place, which stays when more seeds are asked for: with the same settings the folder is written anew.
    weights=$(readlink -f "$weights")
    run predict --weights "$weights" --images "$OUT/new-scenes/images" --out "$OUT/predictions"
    printf '\nScenes that it has not seen, with the student'\''s boxes: %s/predictions/pictures\n' "$OUT"
fi
printf 'The run as a page, with its pseudo-labels to look at: %s/report.html\n' "$RUN"
printf 'The demo took %d min %02d s.\n' $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60))
