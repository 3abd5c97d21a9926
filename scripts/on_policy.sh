#!/usr/bin/env bash
# On-policy reinforcement learning as three programs and a folder: each step samples from the newest checkpoint, scores
# what was sampled, and trains on it. Every stage skips what is done, so a script that was killed is simply run again.
#
#   scripts/on_policy.sh --buffer runs/add --model smollm2.gguf --prompts examples/addition/train.jsonl --steps 20
#
# --model MODEL    the start: a folder, a .gguf, or 'latest' (checkpoint 0 of the buffer)
# --steps N        training steps in all (20)          --seed N         (1)
# --lr X           AdamW's learning rate (1e-5)        --kl X           (0: the KL to the start is measured, not penalised)
# --prompts-per-step N (8)  --group-size N (8)  --max-new-tokens N (48)
# --reward SPEC    may be given several times (math=1 and format=0.2)
# --keep-last N    checkpoints to keep, 0 for all (2)  --generate ARG, --train ARG   a further argument for a stage
set -euo pipefail
source "$(dirname "$0")/common.sh"

buffer=runs/add model= prompts= steps=20 seed=1 lr=1e-5 kl=0 per_step=8 group=8 tokens=48 keep=2
rewards=() generate=() train=()
while [ $# -gt 0 ]; do
  case $1 in -h | --help) sed -n '2,12p' "$0"; exit 0 ;; esac
  [ $# -ge 2 ] || { echo "on_policy.sh: $1 needs a value (see --help)" >&2; exit 64; }
  case $1 in
    --buffer) buffer=$2 ;; --model) model=$2 ;; --prompts) prompts=$2 ;; --steps) steps=$2 ;; --seed) seed=$2 ;;
    --lr) lr=$2 ;; --kl) kl=$2 ;; --prompts-per-step) per_step=$2 ;; --group-size) group=$2 ;;
    --max-new-tokens) tokens=$2 ;; --reward) rewards+=(--reward "$2") ;; --keep-last) keep=$2 ;;
    --generate) generate+=("$2") ;; --train) train+=("$2") ;;
    *) echo "on_policy.sh: unknown argument $1 (see --help)" >&2; exit 64 ;;
  esac
  shift 2
done
[ -n "$model" ] && [ -n "$prompts" ] || { echo "on_policy.sh: give --model and --prompts (see --help)" >&2; exit 64; }
[ ${#rewards[@]} -gt 0 ] || rewards=(--reward math=1 --reward format=0.2)
need_programs
# The start stays the reference of the KL divergence; where that is checkpoint 0, none may be removed.
reference=$model
if [ "$model" = latest ]; then
  reference=step:0
  [ "$keep" -eq 0 ] || echo "on_policy.sh: all checkpoints are kept, for checkpoint 0 is the reference" >&2
  keep=0
fi
[ "$keep" -eq 0 ] || train+=(--keep-last "$keep")

# Checkpoint N is there once steps 0 to N-1 are done: begin with N.
newest=$({ ls "$buffer/checkpoints" 2>/dev/null || true; } | sed -n 's/^step-0*\([0-9][0-9]*\)$/\1/p' | sort -n | tail -1)
for ((step = ${newest:-0}; step < steps; step++)); do
  policy=latest; [ "$step" -eq 0 ] && policy=$model
  common=(--buffer "$buffer" --step "$step")
  "$bin/rollbook-generate" "${common[@]}" --seed "$seed" --model "$policy" --prompts "$prompts" \
    --prompts-per-step "$per_step" --group-size "$group" --max-new-tokens "$tokens" ${generate[@]+"${generate[@]}"}
  "$bin/rollbook-score" "${common[@]}" "${rewards[@]}"
  "$bin/rollbook-train" "${common[@]}" --seed "$seed" --model "$policy" --recipe grpo --lr "$lr" --kl "$kl" \
    --reference "$reference" --on-policy ${train[@]+"${train[@]}"}
done
"$bin/rollbook" stats "$buffer"
