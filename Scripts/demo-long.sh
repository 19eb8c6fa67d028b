#!/usr/bin/env bash
# The demo's question over five seeds, at the length where supervised training has stopped improving.
# Hours. Interrupt it at any time: the next run goes on where this one stopped.
set -euo pipefail
export OUT=${OUT:-demo-long} STEPS=${STEPS:-5000} SEEDS=${SEEDS:-5}
exec "$(dirname "$0")/demo.sh" "$@"
