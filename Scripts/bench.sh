#!/usr/bin/env bash
# Runs the same training job in Pupil and in its Python peer, one after the other on one machine, and prints a table;
# then the networks, the training input, the same evaluation of boxes and of masks, and the same reading of a large
# annotation file, each with its table.
# The peers are installed into .deps/peers, by python3 -m venv.
#
#   DATA=DIR    a COCO-format set: annotations/instances_train.json, annotations/instances_test.json, images/
#               (drawn by `pupil draw` where absent)
#   PHOTOS=DIR  photographs for the training input; the set's pictures where absent
#   PEER_ARGS=...  more arguments for the peer, such as "--anchor-scale 2 --head-norm batch": nano's own choices
#   STEPS=600 SIZE=256 BATCH=8 SEEDS="1" THREADS=<all>
set -euo pipefail
cd "$(dirname "$0")/.."

STEPS=${STEPS:-600} SIZE=${SIZE:-256} BATCH=${BATCH:-8} SEEDS=${SEEDS:-1} THREADS=${THREADS:-$(nproc)}
PUPIL=${PUPIL:-.build/release/pupil}
OUT=${OUT:-runs/bench}

source Scripts/peers.sh

# bf16 pays only where the processor multiplies in it.
if grep -q avx512_bf16 /proc/cpuinfo; then dtype=bf16 precision=bfloat16; else dtype=fp32 precision=float32; fi
mkdir -p "$OUT"
if [ -n "${DATA:-}" ]; then
    train=$DATA/annotations/instances_train.json test=$DATA/annotations/instances_test.json
    train_images=$DATA/images test_images=$DATA/images
else
    "$PUPIL" draw --images 300 --seed 1 --out "$OUT/scenes"
    train=$OUT/scenes/annotations/instances_train.json test=$OUT/scenes/annotations/instances_test.json
    train_images=$OUT/scenes/images test_images=$OUT/scenes/images
fi

for seed in $SEEDS; do
    echo "bench: seed $seed, torchvision" >&2
    "$PEERS/bin/python" Tools/peers/retinanet_torchvision.py --train "$train" --images "$train_images" \
        --val "$test" --val-images "$test_images" --size "$SIZE" --steps "$STEPS" --batch "$BATCH" --seed "$seed" \
        --threads "$THREADS" --dtype "$dtype" ${PEER_ARGS:-} >"$OUT/peer-$seed.json"
    echo "bench: seed $seed, pupil" >&2
    rm -rf "$OUT/pupil-$seed" "$OUT/.stages" # or a stage of an earlier bench would be taken as it is
    "$PUPIL" train --train "$train" --images "$train_images" --val "$test" --val-images "$test_images" --model nano \
        --size "$SIZE" --steps "$STEPS" --batch "$BATCH" --seed "$seed" --threads "$THREADS" --out "$OUT/pupil-$seed" \
        --precision "$precision" --json >"$OUT/pupil-$seed.json"
done
python3 Tools/peers/table.py "$OUT"

echo "bench: networks" >&2
echo
"$PEERS/bin/python" Tools/peers/networks.py --pupil "$PUPIL" --threads "$THREADS"

echo "bench: training input" >&2
photos=${PHOTOS:-$train_images}
"$PEERS/bin/python" Tools/peers/input_table.py "$photos" --pupil "$PUPIL"
[ -d "$OUT/photographs" ] || "$PEERS/bin/python" Tools/bench/photographs.py "$OUT/photographs" --from "$photos" >&2
"$PEERS/bin/python" Tools/peers/input_table.py "$OUT/photographs" --pupil "$PUPIL" --policies S1 \
    --peers torchvision,torchvision_tuned,albumentations,opencv_reduced

echo "bench: evaluation" >&2
[ -f "$OUT/eval/dt.json" ] || python3 Tools/bench/coco_eval.py "$OUT/eval" >&2
echo
"$PEERS/bin/python" Tools/bench/eval_peers.py "$OUT/eval/gt.json" "$OUT/eval/dt.json" --pupil "$PUPIL"

echo "bench: mIoU" >&2
[ -f "$OUT/masks/dt/0999.png" ] || "$PEERS/bin/python" Tools/bench/masks.py "$OUT/masks" >&2
echo
"$PEERS/bin/python" Tools/bench/mask_peers.py "$OUT/masks" --pupil "$PUPIL"

echo "bench: reading an annotation file of 458 MB" >&2
mkdir -p "$OUT/index"
[ -f "$OUT/index/truth.json" ] || python3 Tools/bench/coco_json.py "$OUT/index/truth.json" >&2
echo
"$PEERS/bin/python" Tools/bench/index_peers.py "$OUT/index/truth.json" --pupil "$PUPIL"
