#!/usr/bin/env bash
# Opens the pages of two small self-training runs, of boxes and of masks, in headless Chromium: each loads, the slider
# moves, a class filters, nothing is fetched and the console stays empty. Installs Chromium by apt and playwright into
# .deps/page where they are missing.
#
#   PAGE=FILE   another page to look at, of a run or a study with a gallery
#   SHOTS=DIR   where screenshots go (runs/page)
set -euo pipefail
cd "$(dirname "$0")/.."

PUPIL=${PUPIL:-.build/release/pupil}
OUT=${OUT:-runs/page}
SHOTS=${SHOTS:-$OUT}
PYTHON=.deps/page/bin/python

if ! command -v chromium >/dev/null; then
    command -v apt-get >/dev/null || { echo "check-page: no chromium, and no apt-get to install it" >&2; exit 7; }
    root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq || true
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends chromium </dev/null >&2
fi
if [ ! -x "$PYTHON" ] || ! "$PYTHON" -c 'import playwright' 2>/dev/null; then
    python3 -m venv .deps/page
    "$PYTHON" -m pip install --quiet --disable-pip-version-check playwright
fi
if [ -n "${PAGE:-}" ]; then
    mkdir -p "$SHOTS"
    exec "$PYTHON" Tools/page/check.py "$PAGE" "$SHOTS"
fi

rm -rf "$OUT/set" "$OUT/boxes" "$OUT/masks" "$OUT/.stages"
"$PUPIL" draw --images 60 --size 64 --seed 3 --masks --out "$OUT/set" >/dev/null 2>&1
look() { # NAME SETTINGS...: a run, and its page
    local out=$OUT/$1
    shift
    mkdir -p "$out"
    "$PUPIL" selftrain "$@" --labels 20 --size 64 --batch 4 --steps 150 --student-steps 20 --lr 0.005 --threshold 0.1 \
        --eval-every 50 --out "$out" >/dev/null 2>"$out.log" || { cat "$out.log" >&2; exit 1; }
    mkdir -p "$SHOTS/${out##*/}"
    "$PYTHON" Tools/page/check.py "$out/report.html" "$SHOTS/${out##*/}"
}
look boxes --model pico --train "$OUT/set/annotations/instances_train.json" \
    --val "$OUT/set/annotations/instances_val.json" --test "$OUT/set/annotations/instances_test.json"
look masks --task segmentation --model seg-nano --images "$OUT/set/images" --masks "$OUT/set/masks" \
    --classes "$OUT/set/classes.txt" --split "$OUT/set/splits/train.txt" --val-split "$OUT/set/splits/val.txt" \
    --test-split "$OUT/set/splits/test.txt" --label-scales 1
