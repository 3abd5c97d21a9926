#!/usr/bin/env bash
# Scoring's speed on this machine: made-up rollouts with answers are scored with math, format and length rewards.
#
#   scripts/bench_score.sh [ROLLOUTS [SHARDS]]      (default: 1000000 in 1000; needs about 2 KB a rollout)
#
# 1. Reading the columns that the rewards look at, which bounds scoring, and scoring itself, from and to the same disk, on
#    all cores: rollouts a second and their ratio.
# 2. The math reward alone beside math-verify on the same answers, one core each, where ROLLBOOK_PYTHON names a Python that
#    has math-verify.
#
# ROLLBOOK_BENCH_DISK is a folder on the disk to measure (default: ./runs). What is made there is removed. Run it on an idle
# machine.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
rollouts=${1:-1000000} shards=${2:-1000} command="scripts/bench_score.sh $*"
for program in rollbook-score rollbook-bench; do
  [ -x "$bin/$program" ] || die "$bin/$program is not built. Run: swift build -c release"
done
cores=$(nproc)
disk=${ROLLBOOK_BENCH_DISK:-$root/runs}
mkdir -p "$disk"
disk=$(mktemp -d "$disk/bench.XXXXXX")
trap 'rm -rf "$disk"' EXIT
lscpu | sed -n 's/^Model name: */machine: /p'
echo "cores: $cores   date: $(date -u +%F)   load: $(cut -d' ' -f1 /proc/loadavg)   command: $command"

"$bin/rollbook-bench" score make "$disk/run" --rollouts "$rollouts" --shards "$shards"
echo "rollouts: $rollouts in $shards shards, $(du -sm "$disk/run" | cut -f1) MB"
"$bin/rollbook-bench" score read "$disk/run" --threads "$cores" --sample "$disk/sample.jsonl" >/dev/null
read_line=$("$bin/rollbook-bench" score read "$disk/run" --threads "$cores")
echo "reading:  $read_line"
score() {  # set, rollouts a second of reading
  local start end
  start=$(date +%s.%N)
  "$bin/rollbook-score" --buffer "$disk/run" --step 0 --scores "$1" --quiet \
    --reward math --reward format:form=strict=0.2 --reward o1-pruner=0.1
  end=$(date +%s.%N)
  awk -v n="$rollouts" -v s="$start" -v e="$end" -v read="$2" \
    'BEGIN { printf "scoring:  %d rollouts in %.2f s: %d a second, %.2f of the reading\n", n, e - s, n / (e - s), n / (e - s) / read }'
}
rate() { sed 's/.*: \([0-9]*\) a second/\1/' <<<"$1"; }
score main "$(rate "$read_line")"
# Root can also have them read as they lie on the disk, not in the system's memory.
sync
if { echo 3 >/proc/sys/vm/drop_caches; } 2>/dev/null; then
  read_line=$("$bin/rollbook-bench" score read "$disk/run" --threads "$cores")
  echo "reading, cold disk:  $read_line"
  echo 3 >/proc/sys/vm/drop_caches
  score cold "$(rate "$read_line")"
fi
echo "math:         $("$bin/rollbook-bench" score answers "$disk/sample.jsonl")"
if [ -n "${ROLLBOOK_PYTHON:-}" ] && "$ROLLBOOK_PYTHON" -c 'import math_verify' 2>/dev/null; then
  echo "math-verify:  $("$ROLLBOOK_PYTHON" scripts/interop/bench_math_verify.py "$disk/sample.jsonl")"
else
  echo "math-verify:  not measured (ROLLBOOK_PYTHON names no Python with math-verify)"
fi
