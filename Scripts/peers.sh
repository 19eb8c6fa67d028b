# Installs the Python peers into $PEERS (.deps/peers) where they are missing. For other scripts: `source` it.
PEERS=${PEERS:-.deps/peers}
peers='import torch, torchvision, timm, safetensors, pycocotools, faster_coco_eval, albumentations'
if [ ! -x "$PEERS/bin/python" ] || ! "$PEERS/bin/python" -c "$peers" 2>/dev/null; then
    echo "installing the peers into $PEERS (about 1 GB of wheels and more)" >&2
    if ! python3 -m venv "$PEERS"; then
        echo "python3 -m venv failed (Debian: apt-get install python3-venv)" >&2
        exit 7
    fi
    "$PEERS/bin/python" -m pip install --quiet --disable-pip-version-check -r Tools/peers/requirements.txt
fi
