#!/usr/bin/env bash
# The demo's question over five seeds, at the length where supervised training has stopped improving.
# Many hours: 96,000 steps is the longest that was measured, and not yet the end (docs/results.md).
# Interrupt it at any time: the next run goes on where this one stopped.
set -euo pipefail
export OUT=${OUT:-demo-long} BATCH=${BATCH:-2} SEEDS=${SEEDS:-5}
export STEPS=${STEPS:-96000} STUDENT_STEPS=${STUDENT_STEPS:-12000}
exec "$(dirname "$0")/demo.sh" "$@"
