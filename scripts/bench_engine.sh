#!/usr/bin/env bash
# Speed of the engine on this machine with the real model: generation of 64, 8 and 1 sequences of 64 new tokens from
# prompts of about 45, and forward + backward + AdamW over 16 x 109 tokens, in f32 and bf16, as shares of what the
# machine could do at most, and as ratios to others where they are given:
#
#   scripts/bench_engine.sh [MODEL]
#
#   ROLLBOOK_PYTHON   a Python with torch and transformers, together with
#   ROLLBOOK_HF       the same weights as a Hugging Face folder (any checkpoint of a run, or of `rollbook convert`)
#   ROLLBOOK_LLAMA    a folder with llama.cpp's llama-batched-bench and model-f32.gguf, model-bf16.gguf of the weights
#
# Everything is measured in turn in one run. Run it on an idle machine; compare figures of one run only.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
need_programs
[ -x "$bin/rollbook-bench" ] || die "$bin/rollbook-bench is not built. Run: swift build -c release"
model=${1:-$(scripts/fetch_model.sh)}
threads=${ROLLBOOK_THREADS:-$(nproc)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
lscpu | sed -n 's/^Model name: */machine: /p'
echo "threads: $threads   date: $(date -u +%F)   load: $(cut -d' ' -f1 /proc/loadavg)   command: scripts/bench_engine.sh $*"

# Notes "WHO PRECISION WORK RATE" of lines "… generate 64 x 64: 123 tokens/s …".
note() {
  awk -v who="$1" -v precision="$2" '
    { print >"/dev/stderr" }
    match($0, /(generate|decode|train) [^:]*: /) {
      work = substr($0, RSTART, RLENGTH - 2); rate = substr($0, RSTART + RLENGTH); gsub(/ /, "_", work)
      print who, precision, work, rate + 0
    }
    match($0, /peak memory( after training)?: /) { print who, precision, "peak_GB", substr($0, RSTART + RLENGTH) + 0 }
  ' >>"$log"
}

for precision in f32 bf16; do
  echo; echo "== $precision"
  for part in generate train; do
    "$bin/rollbook-bench" --model "$model" --threads "$threads" --precision "$precision" --only "$part" \
      | sed 's/peak memory after generation/memory of generation/' | note rollbook "$precision"
  done
  if [ -n "${ROLLBOOK_PYTHON:-}" ] && [ -n "${ROLLBOOK_HF:-}" ]; then
    "$ROLLBOOK_PYTHON" scripts/interop/bench_torch.py "$ROLLBOOK_HF" --threads "$threads" --precision "$precision" \
      | note torch "$precision"
  fi
  if [ -n "${ROLLBOOK_LLAMA:-}" ]; then
    "$ROLLBOOK_LLAMA/llama-batched-bench" -m "$ROLLBOOK_LLAMA/model-$precision.gguf" -t "$threads" -tb "$threads" \
      -c 16384 -npp 45 -ntg 64 -npl 1,8,64 2>/dev/null \
      | awk -F'|' '$2 + 0 == 45 { printf "decode %d x 64 without the prompts: %.0f tokens/s (llama.cpp)\n", $4, $9 }' \
      | note llama.cpp "$precision"
  fi
done

echo
awk '
  { rate[$1, $2, $3] = $4; if (!(($2, $3) in seen)) { seen[$2, $3]; order[++count] = $2 " " $3 } others[$1] }
  END {
    printf "%-10s %-34s %10s", "precision", "work", "Rollbook"
    for (who in others) if (who != "rollbook") printf " %10s %6s", who, "ratio"
    print ""
    for (i = 1; i <= count; i++) {
      split(order[i], key, " "); work = key[2]; gsub(/_/, " ", work)
      printf "%-10s %-34s %10s", key[1], work, rate["rollbook", key[1], key[2]]
      for (who in others) if (who != "rollbook") {
        other = rate[who, key[1], key[2]]
        if (other > 0) printf " %10s %6.2f", other, rate["rollbook", key[1], key[2]] / other
        else printf " %10s %6s", "-", "-"
      }
      print ""
    }
  }' "$log"
