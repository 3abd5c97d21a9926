#!/usr/bin/env bash
# Feeds every reader of foreign files with damaged ones. An input that ends the process is kept under
# Tests/Fuzz/cases/READER, where a test replays it from then on, and the exit code is 1.
#
#   scripts/fuzz.sh [--inputs N] [--seed S] [--reader NAME]
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
inputs=100000 seed=1 readers="shard manifest safetensors gguf prompt template"
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || { echo "${0##*/}: $1 lacks its value" >&2; exit 64; }
  case $1 in
    --inputs) inputs=$2 ;;
    --seed) seed=$2 ;;
    --reader) readers=$2 ;;
    *) echo "${0##*/}: unknown flag $1; there are --inputs, --seed and --reader" >&2; exit 64 ;;
  esac
  shift 2
done
swift build -c release --product rollbook-fuzz >&2
[ -w /dev/shm ] && memory=/dev/shm || memory=${TMPDIR:-/tmp}
folder=$(mktemp -d "$memory/rollbook-fuzz-XXXXXX")
trap 'rm -rf "$folder"' EXIT
failed=0
for reader in $readers; do
  if "$bin/rollbook-fuzz" "$reader" --inputs "$inputs" --seed "$seed" --folder "$folder/$reader"; then continue; fi
  failed=1
  input=$folder/$reader/input
  [ -f "$input" ] || input=$input.gguf
  [ -f "$input" ] || continue
  kept=Tests/Fuzz/cases/$reader/$(md5sum < "$input" | cut -c 1-12)
  mkdir -p "${kept%/*}"
  cp "$input" "$kept"
  echo "$reader: failed; the input is kept as $kept" >&2
done
exit $failed
