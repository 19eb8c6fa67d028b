#!/usr/bin/env bash
# Holds the networks against torchvision and timm as they run here: every element of every gradient on weights filled by
# formula, and checkpoints there and back. Installs the peers into .deps/peers where they are missing; needs 16 GB for
# the largest network's gradients in 64 bits.
set -euo pipefail
cd "$(dirname "$0")/.."

PUPIL=${PUPIL:-.build/release/pupil}
OUT=${OUT:-runs/peers}
source Scripts/peers.sh

"$PEERS/bin/python" Tools/reference/gradients.py --whole "$OUT/gradients"
PUPIL_TEST_GRADIENTS=$(realpath "$OUT/gradients") make --no-print-directory test FILTER=GradientTests
"$PEERS/bin/python" Tools/peers/round_trip.py --pupil "$PUPIL"
