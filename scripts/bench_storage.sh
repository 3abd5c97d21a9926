#!/usr/bin/env bash
# The storage's speed on this machine: made-up rollouts of realistic sizes are written, read, indexed and asked for.
#
#   scripts/bench_storage.sh [ROLLOUTS [SHARDS]]      (default: 1000000 in 1000; needs about 4 KB a rollout twice over)
#
# 1. Encoding (rows to a shard's bytes), writing (rows to published shard) and reading (columns, rows, few columns, one
#    rollout), in memory and on disk with fsync, as ratios to the LZ4 library on the same buffers in the same run, one core.
# 2. reindex, and the commands that ask the index: wall milliseconds (median of several) and peak memory.
# 3. The same rollouts in other formats through pyarrow, where scripts/interop has its Python.
#
# ROLLBOOK_BENCH_DISK is a folder on the disk to measure (default: ./runs), ROLLBOOK_BENCH_MEMORY one in memory (default:
# /dev/shm). What is made there is removed. Run it on an idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
rollouts=${1:-1000000} shards=${2:-1000} command="scripts/bench_storage.sh $*"
for program in rollbook rollbook-bench; do
  [ -x "$bin/$program" ] || die "$bin/$program is not built. Run: swift build -c release"
done
cores=$(nproc)
export OPENBLAS_NUM_THREADS=1
disk=${ROLLBOOK_BENCH_DISK:-$root/runs} memory=${ROLLBOOK_BENCH_MEMORY:-/dev/shm}
mkdir -p "$disk"
disk=$(mktemp -d "$disk/bench.XXXXXX") memory=$(mktemp -d "$memory/bench.XXXXXX")
trap 'rm -rf "$disk" "$memory"' EXIT
lscpu | sed -n 's/^Model name: */machine: /p'
echo "cores: $cores   date: $(date -u +%F)   load: $(cut -d' ' -f1 /proc/loadavg)   command: $command"

# The first touch of a page costs a virtual machine's host more than compressing it: take the pages once beforehand.
warm() {
  dd if=/dev/zero of="$1/warm" bs=1M count=$((rollouts / 400 + 64)) 2>/dev/null || true
  rm -f "$1/warm"
}

# name, then a command: wall ms (median of $repeats) and peak MB of the command.
repeats=5
measure() {
  local name=$1 times=() output peak=0 index
  shift
  for ((index = 0; index < repeats; index++)); do
    if ! output=$(python3 - "$@" <<'PYTHON'
import os, resource, subprocess, sys, time
start = time.perf_counter()
result = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
took = time.perf_counter() - start
if result.returncode:
    print(result.stderr.decode().strip().splitlines()[:1], file=sys.stderr)
    sys.exit(1)
print(f"{took * 1000:.1f} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:.0f}")
PYTHON
    ); then
      printf '%-34s not measured: the command failed\n' "$name"
      return
    fi
    times+=("${output% *}")
    peak=${output#* }
  done
  printf '%-34s %10s ms %8s MB\n' "$name" "$(printf '%s\n' "${times[@]}" | sort -n | sed -n "$(((repeats + 1) / 2))p")" "$peak"
}

echo; echo "== $rollouts rollouts in $shards shards, in memory ($memory)"
warm "$memory"
"$bin/rollbook-bench" storage make "$memory/buffer" --rollouts "$rollouts" --shards "$shards" | tee "$memory/write"
"$bin/rollbook-bench" storage read "$memory/buffer" | tee "$memory/read"

echo; echo "== the index"
buffer=$memory/buffer
repeats=1 measure "reindex" "$bin/rollbook" reindex "$buffer"
echo "index: $(($(stat -c %s "$buffer/index.sqlite" 2>/dev/null || echo 0) / rollouts)) bytes per rollout"
middle=$((shards / 2))
measure "ls" "$bin/rollbook" ls "$buffer"
measure "ls --step $middle" "$bin/rollbook" ls "$buffer" --step "$middle"
measure "stats" "$bin/rollbook" stats "$buffer"
address=$(sed -n 's/^the last of them: //p' "$memory/read")
measure "show $address" "$bin/rollbook" show "$buffer" "$address"
measure "ls --where (filtered)" "$bin/rollbook" ls "$buffer" --where "reward > 1 and response_length > 500" --limit 20
measure "sql (count, filtered)" "$bin/rollbook" sql "$buffer" \
  "select count(*) from rollouts where response_length > 500"

echo; echo "== on disk, with fsync ($disk)"
warm "$disk"
slice=$((shards < 100 ? shards : 100))
"$bin/rollbook-bench" storage make "$disk/buffer" --rollouts $((rollouts * slice / shards)) --shards "$slice"
"$bin/rollbook-bench" storage read "$disk/buffer"

echo; echo "== other formats, in memory"
if python=$(scripts/interop/environment.sh); then
  write=$(awk '/^write rollouts/ { print $5 }' "$memory/write") read=$(awk '/as columns/ { print $7 }' "$memory/read")
  one=$(awk '/^one rollout/ { print $3 }' "$memory/read")
  "$python" scripts/interop/bench_storage_formats.py "$buffer" --shards 20 --ours "$write,$read,$one"
else
  echo "==== SKIPPED: no Python with pyarrow ====" >&2
fi
