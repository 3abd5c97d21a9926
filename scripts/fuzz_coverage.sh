#!/usr/bin/env bash
# Lets libFuzzer feed the readers: it sees which code an input reaches and goes on from inputs that reach more. Where
# scripts/fuzz.sh is repeatable, this one looks deeper. Failing inputs are kept under Tests/Fuzz/cases/READER.
#
#   scripts/fuzz_coverage.sh [--seconds N] [--reader NAME]
#
# SwiftPM gives every executable a main function of its own, which libFuzzer's cannot be linked beside; so the readers
# (all of Formats but the index, which needs a package) are compiled here as one module.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
seconds=60 readers="shard manifest safetensors gguf prompt template"
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || { echo "${0##*/}: $1 lacks its value" >&2; exit 64; }
  case $1 in
    --seconds) seconds=$2 ;;
    --reader) readers=$2 ;;
    *) echo "${0##*/}: unknown flag $1; there are --seconds and --reader" >&2; exit 64 ;;
  esac
  shift 2
done
[ -w /dev/shm ] && memory=/dev/shm || memory=${TMPDIR:-/tmp}
folder=$(mktemp -d "$memory/rollbook-fuzz-XXXXXX")
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/sources"
for file in $(find Sources/Formats -name '*.swift' -not -path '*/Index/*') Sources/Fuzz/{Reader,Corpus}.swift \
  Tests/Fuzz/coverage.swift; do
  sed -E '/import Formats/d' "$file" > "$folder/sources/${file//\//_}"
done
echo "compiling the readers" >&2
swiftc -O -sanitize=fuzzer -parse-as-library -swift-version 6 -package-name rollbook -module-name Readers \
  -enable-upcoming-feature ExistentialAny -I Sources/System/CLZ4 -I Sources/System/CXXHash \
  "$folder"/sources/*.swift -llz4 -lxxhash -o "$folder/readers" 2> "$folder/log" || { cat "$folder/log" >&2; exit 70; }
failed=0
for reader in $readers; do
  inputs=$folder/$reader
  mkdir -p "$inputs" "Tests/Fuzz/cases/$reader"
  export ROLLBOOK_READER=$reader ROLLBOOK_CORPUS=$inputs
  # The first run only writes the inputs to start from.
  "$folder/readers" -runs=0 "$inputs" 2> "$folder/log" || { cat "$folder/log" >&2; exit 70; }
  if "$folder/readers" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=4096 -malloc_limit_mb=2048 \
    -artifact_prefix="Tests/Fuzz/cases/$reader/" "$inputs" 2> "$folder/log"; then
    echo "$reader: $(tail -1 "$folder/log"), $(grep -o 'cov: [0-9]*' "$folder/log" | tail -1)"
  else
    failed=1
    tail -30 "$folder/log" >&2
    echo "$reader: failed; the input is kept under Tests/Fuzz/cases/$reader" >&2
  fi
  rmdir --ignore-fail-on-non-empty "Tests/Fuzz/cases/$reader"
done
exit $failed
