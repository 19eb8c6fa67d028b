#!/usr/bin/env bash
# Feeds broken bytes to every parser (libFuzzer with the address sanitizer), T seconds each.
#
#   T=60                  seconds a parser
#   TARGETS="jpeg json"   some of them; Fuzz/Targets has the list
#
# A finding stops the run; its input is in .build/fuzz/findings. What is fixed goes into
# Tests/FuzzTests/Findings/TARGET/, where every test run parses it again.
set -euo pipefail
cd "$(dirname "$0")/.."
T=${T:-60}
SCRATCH=${SCRATCH:-.build}/fuzz
export PUPIL_DRY=1 PUPIL_FUZZ=1
# The sanitizer's own report of a trap is the one to read.
export SWIFT_BACKTRACE=enable=no

# SwiftPM tells clang both sanitizers, of which swiftc heeds but the last: it is told once more.
flags=(-c release -Xswiftc -enable-testing --scratch-path "$SCRATCH" --sanitize fuzzer --sanitize address
    -Xswiftc -sanitize=fuzzer,address)
"${SWIFT:-swift}" build "${flags[@]}" --product fuzz
program=$("${SWIFT:-swift}" build "${flags[@]}" --show-bin-path)/fuzz
python3 Fuzz/seeds.py "$SCRATCH/seeds"
mkdir -p "$SCRATCH/findings"
for target in ${TARGETS:-$("$program" 2>/dev/null | sed -n 's/^FUZZ_TARGET is one of: //p')}; do
    mkdir -p "$SCRATCH/corpus/$target" "$SCRATCH/seeds/$target"
    log=$SCRATCH/$target.log
    if ! FUZZ_TARGET=$target ASAN_OPTIONS=allocator_may_return_null=1 "$program" -max_total_time="$T" -timeout=20 \
        -rss_limit_mb=2048 -max_len=65536 -artifact_prefix="$SCRATCH/findings/$target-" \
        "$SCRATCH/corpus/$target" "$SCRATCH/seeds/$target" >"$log" 2>&1; then
        grep -v -E '^#[0-9]+\s+(NEW|REDUCE|RELOAD|pulse)' "$log" | tail -60 >&2
        printf 'fuzz: %s has a finding (above, and in %s)\n' "$target" "$log" >&2
        exit 1
    fi
    # "#1234 DONE cov: 567 ft: ... exec/s: ..."
    printf '%-12s %s\n' "$target" "$(sed -n -E 's/^#([0-9]+).*DONE +cov: ([0-9]+).*/\1 inputs, \2 edges/p' "$log")"
done
