#!/usr/bin/env bash
# Installs into a temporary folder, moves it, and runs the program there with nothing of this tree in reach.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
Scripts/install.sh "$folder/first"
mv "$folder/first" "$folder/moved"
cd "$folder"
outside=$(env -i PATH=/usr/bin:/bin ldd moved/bin/pupil moved/lib/*.so* | awk '/not found/ || /\.deps|\.build|swift/')
[ -z "$outside" ] || { printf 'install: the moved program still looks elsewhere:\n%s\n' "$outside" >&2; exit 1; }
env -i PATH=/usr/bin:/bin HOME="$folder" moved/bin/pupil doctor </dev/null
env -i PATH=/usr/bin:/bin HOME="$folder" moved/bin/pupil draw --images 2 --seed 1 --out drawn </dev/null
echo "install: the moved program runs"
