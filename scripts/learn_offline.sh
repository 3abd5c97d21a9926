#!/usr/bin/env bash
# What was written beforehand teaches the real model: demonstrations by supervised fine-tuning, preferences by DPO, by
# KTO and as a reward model, each as a low-rank adapter. Measured on rows held out, before and after; some minutes each.
#
#   scripts/learn_offline.sh [--buffer runs/offline] [--model MODEL] [--only 'sft dpo kto reward-model'] [--seed 1]
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
out=runs/offline model= only='sft dpo kto reward-model' seed=1
while [ $# -gt 0 ]; do
  case $1 in -h | --help) sed -n '2,5p' "$0"; exit 0 ;; esac
  [ $# -ge 2 ] || { echo "learn_offline.sh: $1 needs a value (see --help)" >&2; exit 64; }
  case $1 in
    --buffer) out=$2 ;; --model) model=$2 ;; --only) only=$2 ;; --seed) seed=$2 ;;
    *) echo "learn_offline.sh: unknown argument $1 (see --help)" >&2; exit 64 ;;
  esac
  shift 2
done
for recipe in $only; do
  case $recipe in sft | dpo | kto | reward-model) ;; *) echo "learn_offline.sh: no such recipe here: $recipe" >&2; exit 64 ;; esac
done
need_programs
[ -n "$model" ] || model=$(scripts/fetch_model.sh)
mkdir -p "$out"

# Imports the first rows of a file for training, and the rest to be held out: FILE ROWS.
split() {
  local part
  head -n "$2" "examples/offline/$1.jsonl" >"$out/$1-train.jsonl"
  tail -n "+$(($2 + 1))" "examples/offline/$1.jsonl" >"$out/$1-held-out.jsonl"
  for part in train held-out; do
    "$bin/rollbook" import "$out/$1-$part" "$out/$1-$part.jsonl" --model "$model" --step 0 >/dev/null
  done
}

# Numbers of a summary: NAME…
numbers() {
  local text name; text=$(cat)
  for name in "$@"; do
    printf '  %s %.3f' "$name" "$(sed -n "s/.*\"$name\":\(-\{0,1\}[0-9.e+-]*\).*/\1/p" <<<"$text")"
  done
}

# RECIPE DATA METRICS FLAGS…: one pass over the rows in small updates, and the held-out rows before and after.
learn() {
  local recipe=$1 data=$2 metrics=$3 run="$out/$1"; shift 3
  [ -d "$run" ] || cp -r "$out/$data-train" "$run"
  local held=("$bin/rollbook-train" --buffer "$out/$data-held-out" --step 0 --recipe "$recipe" --reference "$model"
    --seed "$seed" --evaluate --json --quiet)
  local began; began=$(date +%s)
  "$bin/rollbook-train" --buffer "$run" --step 0 --model "$model" --recipe "$recipe" --reference "$model" --lora 16 \
    --seed "$seed" "$@"
  # shellcheck disable=SC2086
  {
    printf '%-13s before' "$recipe"; "${held[@]}" --model "$model" 2>/dev/null | numbers $metrics; echo
    printf '%-13s after ' "$recipe"
    "${held[@]}" --model "$run/checkpoints/step-000001" 2>/dev/null | numbers $metrics; echo "  ($(($(date +%s) - began)) s)"
  } | tee -a "$out/table.txt"
}

rm -f "$out/table.txt"
case $only in *sft*) split demonstrations 400 ;; esac
case $only in *dpo* | *kto* | *reward*) split preferences 250 ;; esac
for recipe in $only; do
  case $recipe in
    sft) learn sft demonstrations 'nll_loss perplexity' --lr 3e-4 --minibatches 50 ;;
    dpo) learn dpo preferences 'loss reward_accuracy reward_margin' --lr 1e-4 --minibatches 32 --set beta=0.1 ;;
    kto) learn kto preferences 'loss rewards_desirable rewards_undesirable' --lr 1e-4 --minibatches 32 ;;
    reward-model) learn reward-model preferences 'loss accuracy margin' --lr 3e-4 --minibatches 32 ;;
  esac
done
echo; echo "held out, with $(nproc) processors, $(date -u +%F):"; cat "$out/table.txt"
