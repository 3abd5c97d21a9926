#!/usr/bin/env bash
# Generation and training speed of the real model on this machine: 64 sequences of 64 new tokens from 8 prompts of
# about 45 tokens, then forward + backward + AdamW over 16 x 109 tokens, with peak memory.
#
#   scripts/bench.sh [MODEL]                             ours alone
#   ROLLBOOK_PYTHON=V/bin/python ROLLBOOK_HF=FOLDER scripts/bench.sh   and PyTorch in turn, as ratios
#
# ROLLBOOK_PYTHON is a Python with torch and transformers, ROLLBOOK_HF the same weights as a Hugging Face folder (any
# checkpoint of a run is one). Run it on an idle machine; compare figures of one run only.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
need_programs
[ -x "$bin/rollbook-bench" ] || die "$bin/rollbook-bench is not built. Run: swift build -c release"
model=${1:-$(scripts/fetch_model.sh)}
threads=${ROLLBOOK_THREADS:-$(nproc)}
lscpu | sed -n 's/^Model name: */machine: /p'
echo "threads: $threads   date: $(date -u +%F)   load: $(cut -d' ' -f1 /proc/loadavg)"
"$bin/rollbook-bench" --model "$model" --threads "$threads"
if [ -n "${ROLLBOOK_PYTHON:-}" ] && [ -n "${ROLLBOOK_HF:-}" ]; then
  "$ROLLBOOK_PYTHON" scripts/interop/bench_torch.py "$ROLLBOOK_HF" --threads "$threads"
  "$bin/rollbook-bench" --model "$model" --threads "$threads"
fi
