#!/usr/bin/env bash
# install.sh PREFIX: lays out bin/pupil, lib/ and share/pupil/ so that the folder works wherever it is moved.
# DESTDIR is put before PREFIX, as packagers expect.
set -euo pipefail
prefix=$1
case $prefix in
    "") echo "install: PREFIX is empty" >&2; exit 2 ;;
    /*) ;;
    *) prefix=$PWD/$prefix ;;
esac
cd "$(dirname "$0")/.."
root=${DESTDIR:-}$prefix
torch=${LIBTORCH:-.deps/torch}

# A build of its own: Swift's runtime linked in, so that the machine that runs it needs no toolchain.
swift build -c release --static-swift-stdlib --scratch-path .build/install --product pupil

mkdir -p "$root/bin" "$root/lib" "$root/share/pupil"
python3 Scripts/set-rpath.py .build/install/release/pupil "$root/bin/.pupil.new" '$ORIGIN/../lib'
chmod 755 "$root/bin/.pupil.new"
mv "$root/bin/.pupil.new" "$root/bin/pupil"

# What the program asks of libtorch, and what that asks in turn: all that the loader finds beside libtorch.
home=$(cd -P "$torch/lib/../.." && pwd)
ldd "$torch/lib/libtorch_cpu.so" | awk '$2 == "=>" { print $3 }' | while read -r library; do
    case $(readlink -f "$library") in "$home"/*) cp -Lf "$library" "$root/lib/" ;; esac
done
cp -Lf "$torch/lib/libtorch_cpu.so" "$root/lib/"
if [ "${CUDA:-}" = 1 ]; then
    cp -Lf "$torch"/lib/lib*.so "$home"/nvidia/*/lib/*.so* "$root/lib/" ||
        { echo "install: no CUDA libraries in $home; run 'make deps CUDA=1' first" >&2; exit 7; }
fi
if [ -e .deps/plotly/plotly.min.js ]; then cp -f .deps/plotly/plotly.min.js "$root/share/pupil/"; fi
cp -f LICENSE README.md "$root/share/pupil/" 2>/dev/null || cp -f LICENSE "$root/share/pupil/"
echo "install: $root/bin/pupil, $(du -sm "$root/lib" | cut -f1) MB of libraries in $root/lib"
