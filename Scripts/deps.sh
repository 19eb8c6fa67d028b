#!/usr/bin/env bash
# Brings what Pupil is built on: headers and libraries of the distribution, and libtorch into .deps/.
# Does nothing where everything is there. docs/building.md describes every variable.
#
#   LIBTORCH=DIR          use the libtorch in DIR (include/, lib/) and only check it
#   FROM_PYTHON=python3   use the torch package of that Python (.deps/torch becomes a link to it)
#   CUDA=1                bring what a GPU needs, too (2 GB more of wheels)
#   KEEP_WHEELS=1         keep the wheels in .deps/wheels
set -euo pipefail
cd "$(dirname "$0")/.."

VERSION=2.11.0
DEPS=$PWD/.deps
say() { printf 'deps: %s\n' "$*" >&2; }
stop() { printf 'deps: %s\n' "$@" >&2; exit 7; }

# ---- headers and libraries of the distribution -----------------------------------------------------------------

# compiles LANGUAGE SOURCE [FLAG...]: whether Swift's own clang can compile and link the source.
compiles() {
    local language=$1 source=$2
    shift 2
    printf '%b' "$source\nint main(void) { return 0; }\n" |
        clang -x "$language" - -o /dev/null -Wl,--no-as-needed "$@" 2>/dev/null
}

system_libraries() {
    command -v swift >/dev/null ||
        stop "no swift on the PATH. Install the Swift 6.2 toolchain or later first: https://www.swift.org/install"
    command -v clang >/dev/null ||
        stop "no clang on the PATH. It comes with the Swift toolchain, in the folder where $(command -v swift) is."
    # Only looked for: to compile so long a header would take longer than all else.
    local simdjson='#if !__has_include(<simdjson.h>)\n#error\n#endif'
    local all='#include <stdio.h>\n#include <jpeglib.h>\n#include <png.h>\n#include <yaml.h>\n'
    all+='#include <expat.h>\n#include <openssl/evp.h>\n#include <zlib.h>\n#include <webp/demux.h>'
    if compiles c "$all" -ljpeg -lpng -lwebp -lwebpdemux -lyaml -lexpat -lcrypto -lz &&
        compiles c++ "#include <vector>\n$simdjson" -lstdc++ -lsimdjson; then return; fi

    local missing=()
    compiles c '#include <stdlib.h>' || missing+=(libc6-dev)
    compiles c++ '#include <vector>' -lstdc++ || missing+=(g++)
    compiles c '#include <stdio.h>\n#include <jpeglib.h>' -ljpeg || missing+=(libjpeg-dev)
    compiles c '#include <png.h>' -lpng || missing+=(libpng-dev)
    compiles c '#include <webp/demux.h>' -lwebp -lwebpdemux || missing+=(libwebp-dev)
    compiles c '#include <yaml.h>' -lyaml || missing+=(libyaml-dev)
    compiles c '#include <expat.h>' -lexpat || missing+=(libexpat1-dev)
    compiles c++ "$simdjson" -lsimdjson || missing+=(libsimdjson-dev)
    compiles c '#include <openssl/evp.h>' -lcrypto || missing+=(libssl-dev)
    compiles c '#include <zlib.h>' -lz || missing+=(zlib1g-dev)
    [ ${#missing[@]} -gt 0 ] || stop "the system libraries compile one by one but not together; see docs/building.md"

    command -v apt-get >/dev/null || stop \
        "headers or libraries are missing, and there is no apt-get to install them: ${missing[*]} (Debian's names)." \
        "Install the development packages of libjpeg-turbo, libpng, libwebp, libyaml, expat, simdjson (3.0 or later)," \
        "OpenSSL, zlib and a C++ library."
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null ||
            stop "as root, run: apt-get install ${missing[*]}" "(this is not root, and there is no sudo)"
        root=(sudo)
    fi
    say "installing system packages: ${root[*]:+${root[*]} }apt-get install ${missing[*]}"
    "${root[@]}" apt-get update -qq || say "apt-get update failed; trying with the package lists as they are"
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" \
        </dev/null >&2
}

# ---- libtorch --------------------------------------------------------------------------------------------------

# check_libtorch DIR: whether headers, libraries and version in DIR will do.
check_libtorch() {
    local dir=$1 header=$1/include/torch/headeronly/version.h missing file found
    for file in include/torch/csrc/api/include/torch/torch.h lib/libtorch_cpu.so lib/libc10.so; do
        [ -e "$dir/$file" ] || stop "$dir is not a libtorch: $file is missing in it"
    done
    [ -e "$header" ] || header=$dir/include/torch/csrc/api/include/torch/version.h
    found=$(sed -n -E 's/^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) ([0-9]+).*/\2/p' "$header" | paste -sd.)
    [ -n "$found" ] || stop "$header does not say which version of libtorch this is"
    if [ "$found" != "$VERSION" ]; then
        [ "$(printf '%s\n' "$VERSION" "$found" | sort -V | head -1)" = "$VERSION" ] ||
            stop "$dir holds libtorch $found; $VERSION or later is needed"
        say "warning: $dir holds libtorch $found; Pupil is tested with $VERSION"
    fi
    missing=$(ldd "$dir/lib/libtorch_cpu.so" 2>/dev/null | awk '/not found/ { print $1 }' | paste -sd' ')
    [ -z "$missing" ] || stop "$dir/lib/libtorch_cpu.so needs libraries that the loader does not find: $missing"
}

need_x86() {
    [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] || stop \
        "only x86-64 Linux is supported now; this is $(uname -s) on $(uname -m)." \
        "The pinned libtorch is the x86-64 wheel. With LIBTORCH=DIR another copy can be tried; that is untested."
}

need_pip() {
    python3 -m pip --version >/dev/null 2>&1 || stop \
        "pip is needed to fetch libtorch, and 'python3 -m pip' does not run (Debian: apt-get install python3-pip)." \
        "Or set LIBTORCH=DIR to a libtorch $VERSION that is here already."
}

# need_room MEGABYTES
need_room() {
    local free
    free=$(df -Pm "$DEPS" | awk 'NR == 2 { print $4 }')
    [ "$free" -ge "$1" ] || stop "$1 MB are needed in $DEPS while unpacking, and $free MB are free there"
}

# fetch LIST FOLDER: the wheels of a pinned list, from pip's configured index; pip checks every SHA-256.
fetch() {
    local kept=()
    [ ! -d "$DEPS/wheels" ] || kept=(--find-links "$DEPS/wheels")
    say "fetching the wheels of $1 by pip"
    python3 -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes \
        --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
        --platform manylinux_2_18_x86_64 --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux_2_12_x86_64 --platform manylinux_2_5_x86_64 --platform manylinux1_x86_64 \
        "${kept[@]}" --dest "$2" --requirement "$1" </dev/null >&2 ||
        stop "pip could not fetch the wheels of $1 (see above)." \
            "Behind a mirror, set PIP_INDEX_URL; offline, set LIBTORCH=DIR."
}

# put FROM TO: the file or folder FROM takes the place of TO.
put() {
    mkdir -p "$(dirname "$2")"
    rm -rf "$2"
    mv "$1" "$2"
}

# done_with WORK STAMP SUM: publishes the stamp last, so that an interrupted run is done again.
done_with() {
    if [ "${KEEP_WHEELS:-}" = 1 ]; then
        mkdir -p "$DEPS/wheels"
        find "$1" -name '*.whl' -exec mv -f {} "$DEPS/wheels/" \;
    fi
    rm -rf "$1"
    printf '%s\n' "$3" >"$DEPS/$2"
}

stamped() { [ -e "$DEPS/$1" ] && [ "$(cat "$DEPS/$1")" = "$2" ]; }
sum() { sha256sum "$1" | cut -d' ' -f1; }

libtorch_cpu() {
    local wanted work=$DEPS/.work-cpu name
    wanted=$(sum Scripts/deps-cpu.txt)
    if stamped stamp-cpu "$wanted" && [ -e "$DEPS/torch/lib/libtorch_cpu.so" ]; then return; fi
    need_x86
    need_pip
    rm -rf "$work" "$DEPS/stamp-cpu" "$DEPS/stamp-cuda"
    mkdir -p "$work"
    need_room 1200
    fetch Scripts/deps-cpu.txt "$work"
    say "unpacking libtorch $VERSION into .deps"
    python3 Scripts/unpack.py "$work"/torch-*.whl "$work" \
        torch/lib/libtorch_cpu.so torch/lib/libc10.so torch/lib/libgomp.so.1 torch/version.py 'torch/include/*'
    python3 Scripts/unpack.py "$work"/nvidia_cuda_runtime-*.whl "$work" '*/libcudart.so.13'
    python3 Scripts/unpack.py "$work"/nvidia_cuda_cupti-*.whl "$work" '*/libcupti.so.13'
    for name in libcudart.so.13 libcupti.so.13; do
        put "$work/nvidia/cu13/lib/$name" "$DEPS/nvidia/cu13/lib/$name"
    done
    [ ! -L "$DEPS/torch" ] || rm "$DEPS/torch"
    put "$work/torch" "$DEPS/torch"
    check_libtorch "$DEPS/torch"
    done_with "$work" stamp-cpu "$wanted"
    say "libtorch $VERSION is in .deps"
}

libtorch_cuda() {
    local wanted work=$DEPS/.work-cuda wheel name
    wanted=$(cat Scripts/deps-cpu.txt Scripts/deps-cuda.txt | sha256sum | cut -d' ' -f1)
    if stamped stamp-cuda "$wanted"; then return; fi
    need_x86
    need_pip
    rm -rf "$work" "$DEPS/stamp-cuda"
    mkdir -p "$work"
    need_room 6000
    fetch Scripts/deps-cpu.txt "$work"
    fetch Scripts/deps-cuda.txt "$work"
    say "unpacking the CUDA libraries into .deps (3.5 GB)"
    python3 Scripts/unpack.py "$work"/torch-*.whl "$work" 'torch/lib/libtorch*.so' 'torch/lib/libc10_cuda.so' \
        torch/lib/libcaffe2_nvrtc.so
    for wheel in "$work"/nvidia_*.whl; do
        python3 Scripts/unpack.py "$wheel" "$work" 'nvidia/*.so*'
        [ "${KEEP_WHEELS:-}" = 1 ] || rm "$wheel"
    done
    rm -f "$work/torch/lib/libtorch_python.so" "$work/torch/lib/libtorch_cpu.so"
    (cd "$work" && find nvidia torch -type f) | while read -r name; do put "$work/$name" "$DEPS/$name"; done
    done_with "$work" stamp-cuda "$wanted"
    say "the CUDA libraries are in .deps"
}

# plotly.js, which pages with charts have beside them. Pages do without it where it cannot be had, so that a try that
# failed is told once and not made again.
plotly() {
    local wanted work=$DEPS/.work-plotly wheel
    wanted=$(sum Scripts/deps-plotly.txt)
    if stamped stamp-plotly "$wanted" || stamped stamp-plotly "none $wanted"; then return; fi
    rm -rf "$work"
    mkdir -p "$work" "$DEPS/plotly"
    if python3 -m pip --version >/dev/null 2>&1 && (fetch Scripts/deps-plotly.txt "$work") 2>"$work/log" &&
        wheel=$(ls "$work"/plotly-*.whl) &&
        python3 Scripts/unpack.py "$wheel" "$work" plotly/package_data/plotly.min.js '*/LICENSE.txt' 2>>"$work/log" &&
        put "$work/plotly/package_data/plotly.min.js" "$DEPS/plotly/plotly.min.js" &&
        put "$(find "$work" -name LICENSE.txt | head -1)" "$DEPS/plotly/LICENSE"; then
        done_with "$work" stamp-plotly "$wanted"
        say "plotly.js is in .deps"
    else
        say "plotly.js could not be brought, so pages will have no charts (remove .deps/stamp-plotly to try again)"
        tail -n 3 "$work/log" >&2 || true
        done_with "$work" stamp-plotly "none $wanted"
    fi
}

from_python() {
    local found
    found=$("$FROM_PYTHON" -c '
import importlib.util
spec = importlib.util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec else "")') ||
        stop "FROM_PYTHON=$FROM_PYTHON does not run"
    [ -n "$found" ] || stop "$FROM_PYTHON has no torch package (FROM_PYTHON)"
    check_libtorch "$found"
    if [ "$(readlink "$DEPS/torch" || true)" != "$found" ]; then
        rm -rf "$DEPS/torch" "$DEPS/stamp-cpu" "$DEPS/stamp-cuda"
        ln -s "$found" "$DEPS/torch"
        say ".deps/torch now is $found"
    fi
    sum Scripts/deps-cpu.txt >"$DEPS/stamp-cpu"
}

system_libraries
mkdir -p "$DEPS"
exec 9>"$DEPS/.lock"
flock 9 2>/dev/null || true
if [ -n "${LIBTORCH:-}" ]; then
    check_libtorch "$LIBTORCH"
    plotly
    exit 0
fi
plotly
if [ -n "${FROM_PYTHON:-}" ]; then
    from_python
    exit 0
fi
libtorch_cpu
if [ "${CUDA:-}" = 1 ]; then libtorch_cuda; fi
