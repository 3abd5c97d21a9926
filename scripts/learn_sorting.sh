#!/usr/bin/env bash
# The whole loop on a toy: a model of about 100,000 random weights learns to sort 3 to 6 digits, about a second a step,
# with nothing to download. Rewards: the share of positions that hold the right digit, partial credit for numbers that
# occur and neighbours in order, and whether the response is digits with spaces between them and nothing else.
# Around step 50 about half of the responses are sorted without a mistake.
#
#   scripts/learn_sorting.sh --buffer runs/sort --steps 60 [any argument of on_policy.sh]
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
buffer=runs/sort rest=()
while [ $# -gt 0 ]; do
  case $1 in --*) [ $# -ge 2 ] || case $1 in -h | --help | --tiny) ;; *) echo "${0##*/}: $1 needs a value (see --help)" >&2; exit 64 ;; esac ;; esac
  case $1 in
    --buffer) buffer=$2; shift 2 ;;
    -h | --help) sed -n '2,7p' "$0"; exit 0 ;;
    *) rest+=("$1"); shift ;;
  esac
done
need_programs
"$bin/rollbook-train" --buffer "$buffer" --step 0 --init examples/sort/config.json --seed 1
# Seven tokens are six digits and the end. The loss clips tightly because each step makes 40 small updates.
scripts/on_policy.sh --buffer "$buffer" --model latest --prompts examples/sort/train.jsonl --steps 60 --lr 5e-4 --kl 0 \
  --prompts-per-step 50 --group-size 64 --max-new-tokens 7 --keep-last 0 \
  --reward sort-positions=1 --reward sort-neighbours=0.5 --reward 'format:pattern=^ ?[0-9]( [0-9])*$=0.5' \
  --train --minibatches=10 --train --epochs=4 --train --clip-low=0.1 --train --clip-high=0.15 \
  --train --entropy=0.003 --train --beta2=0.99 ${rest[@]+"${rest[@]}"}
