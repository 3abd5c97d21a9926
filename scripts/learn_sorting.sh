#!/usr/bin/env bash
# The whole loop on a toy: a model of about 100,000 random weights learns to sort 3 to 6 digits, some seconds a step,
# with nothing to download. Reward: the share of positions that hold the right digit, and whether all are right.
#
#   scripts/learn_sorting.sh --buffer runs/sort --steps 50 [any argument of on_policy.sh]
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
buffer=runs/sort rest=()
while [ $# -gt 0 ]; do
  case $1 in
    --buffer) buffer=$2; shift 2 ;;
    -h | --help) sed -n '2,5p' "$0"; exit 0 ;;
    *) rest+=("$1"); shift ;;
  esac
done
need_programs
"$bin/rollbook-train" --buffer "$buffer" --step 0 --init examples/sort/config.json --seed 1
scripts/on_policy.sh --buffer "$buffer" --model latest --prompts examples/sort/train.jsonl --lr 3e-3 --kl 0 \
  --prompts-per-step 32 --group-size 16 --max-new-tokens 16 --keep-last 0 \
  --reward sort-positions=1 --reward sort-neighbours=1 ${rest[@]+"${rest[@]}"}
