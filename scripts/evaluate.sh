#!/usr/bin/env bash
# Samples held-out prompts from a policy and prints the pass rate with its standard error over prompts (column ±).
#
#   scripts/evaluate.sh --buffer runs/add-eval --step 20 --model runs/add/checkpoints/step-000020 \
#       --prompts examples/addition/eval.jsonl --group-size 4 --max-new-tokens 48
#
# The step is a label: use the training step of the policy, so that `rollbook stats` lines evaluations up.
# Further arguments go to generate; rewards are math=1 and format=0.2, or what --reward says.
set -euo pipefail
source "$(dirname "$0")/common.sh"
buffer= step=0 rewards=() rest=()
while [ $# -gt 0 ]; do
  case $1 in --*) [ $# -ge 2 ] || case $1 in -h | --help | --tiny) ;; *) echo "${0##*/}: $1 needs a value (see --help)" >&2; exit 64 ;; esac ;; esac
  case $1 in
    --buffer) buffer=$2; shift 2 ;; --step) step=$2; shift 2 ;; --reward) rewards+=(--reward "$2"); shift 2 ;;
    -h | --help) sed -n '2,8p' "$0"; exit 0 ;;
    *) rest+=("$1"); shift ;;
  esac
done
[ -n "$buffer" ] || { echo "evaluate.sh: give --buffer (see --help)" >&2; exit 64; }
[ ${#rewards[@]} -gt 0 ] || rewards=(--reward math=1 --reward format=0.2)
need_programs
"$bin/rollbook-generate" --buffer "$buffer" --step "$step" "${rest[@]}"
"$bin/rollbook-score" --buffer "$buffer" --step "$step" "${rewards[@]}"
"$bin/rollbook" stats "$buffer"
