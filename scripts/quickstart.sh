#!/usr/bin/env bash
# From a fresh Debian 12 with Swift 6.3 to a model that learns: installs system packages, builds, fetches
# SmolLM2-135M-Instruct, and has it learn sums by on-policy GRPO on this machine. Stopped half-way, run it again.
#
#   scripts/quickstart.sh [--steps N] [--buffer DIR] [--model MODEL] [--tiny] [any argument of on_policy.sh]
#
# --steps N     training steps (20)
# --buffer DIR  where the run is kept (runs/quickstart)
# --model M     another model, a Hugging Face folder or .gguf of the Llama family (default: SmolLM2-135M-Instruct)
# --tiny        a model of 100,000 weights learns to sort digits from scratch instead; also what happens offline
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
buffer= model= steps=20 tiny= rest=()
while [ $# -gt 0 ]; do
  case $1 in --*) [ $# -ge 2 ] || case $1 in -h | --help | --tiny) ;; *) echo "${0##*/}: $1 needs a value (see --help)" >&2; exit 64 ;; esac ;; esac
  case $1 in
    --steps) steps=$2; shift 2 ;; --buffer) buffer=$2; shift 2 ;; --model) model=$2; shift 2 ;;
    --tiny) tiny=1; shift ;;
    -h | --help) sed -n '2,10p' "$0"; exit 0 ;;
    *) rest+=("$1"); shift ;;
  esac
done

scripts/install.sh
swift build -c release
if [ -z "$model" ] && [ -z "$tiny" ]; then
  echo "fetching the model (98 MB, once)" >&2
  model=$(scripts/fetch_model.sh) || {
    echo "The model cannot be fetched, so a tiny one learns to sort digits from scratch instead." >&2
    tiny=1
  }
fi
if [ -n "$tiny" ]; then
  buffer=${buffer:-runs/quickstart-tiny}
  scripts/learn_sorting.sh --buffer "$buffer" --steps "$steps" ${rest[@]+"${rest[@]}"}
else
  buffer=${buffer:-runs/quickstart}
  scripts/on_policy.sh --buffer "$buffer" --model "$model" --prompts examples/addition/train.jsonl --steps "$steps" \
    ${rest[@]+"${rest[@]}"}
fi
cat <<END

The run is in $buffer. Where to look next:
  $bin/rollbook ls $buffer --rollouts --step $((steps - 1))   the last step's rollouts, with their rewards
  $bin/rollbook show $buffer ADDRESS           one of them, such as the first line of that list
  $bin/rollbook stats $buffer --json           the table above for programs
  scripts/on_policy.sh --help                  the loop itself, about 50 lines
END
