#!/usr/bin/env bash
# Every policy-gradient recipe learns to sort three digits from random weights, over several seeds, through the three
# programs: rewards at the start and the end, their spread, and a curve for each recipe (mean and standard deviation).
# About 0.2 s a step; all of it takes some 15 minutes on two cores. Run again, it goes on where it was stopped.
#
#   scripts/learn_sort.sh                              # all recipes, 10 seeds, 40 steps
#   scripts/learn_sort.sh --seeds 3 --recipes 'grpo:trl ppo:verl'
#
# --buffer DIR  (runs/learn-sort)   --seeds N (10)   --steps N (40)   --jobs N (as many as processors)
# --recipes 'NAME:PRESET …'
# Exit code 1 where a recipe's reward has not risen in every seed, or is no number.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
out=runs/learn-sort seeds=10 steps=40 jobs=$(nproc)
recipes='reinforce:plain reinforce:batch-mean reinforce:centered reinforce:normalized rloo:trl rloo:verl remax:verl
  reinforce++:verl reinforce++-baseline:verl opo:verl a2c:td a2c:gae ppo:verl trpo:paper grpo:trl grpo:verl dr-grpo:trl
  dapo:trl gspo:trl cispo:trl kimi:paper brpo:paper dro:verl'
while [ $# -gt 0 ]; do
  case $1 in -h | --help) sed -n '2,13p' "$0"; exit 0 ;; esac
  [ $# -ge 2 ] || { echo "learn_sort.sh: $1 needs a value (see --help)" >&2; exit 64; }
  case $1 in
    --buffer) out=$2 ;; --seeds) seeds=$2 ;; --steps) steps=$2 ;; --jobs) jobs=$2 ;; --recipes) recipes=$2 ;;
    --one) one=$2 ;; # a run of its own, as the script starts itself: RECIPE:PRESET:SEED
    *) echo "learn_sort.sh: unknown argument $1 (see --help)" >&2; exit 64 ;;
  esac
  shift 2
done
need_programs

# Settings that all recipes share; a few need another learning rate, for their losses are on another scale.
common_flags=(--lr 2e-3 --minibatches 4 --beta2 0.99 --keep-last 1)
flags() {
  case $1 in
    kimi:*) echo --set tau=0.02 ;;
    rloo:trl | grpo:verl) echo --reference start ;; # their KL is measured to it
    trpo:*) echo --minibatches 1 --set damping=0.001 --set max_kl=0.02 ;;
    a2c:* | ppo:*) echo --critic-lr 2e-3 ;;
  esac
}

# One run: RECIPE PRESET SEED.
train_one() {
  local name=$1 preset=$2 seed=$3 run="$out/$1-$2/seed-$3" step newest extra=()
  [ "$name" = trpo ] && extra+=(--precision f32)
  exec >"$run.log" 2>&1
  "$bin/rollbook-train" --buffer "$run" --step 0 --init examples/sort/config.json --seed "$seed" --quiet
  newest=$(ls "$run/checkpoints" | sed -n 's/^step-0*\([0-9][0-9]*\)$/\1/p' | sort -n | tail -1)
  for ((step = newest; step < steps; step++)); do
    local common=(--step "$step" --threads 1 --quiet) sample=(--prompts "$out/prompts.jsonl" --prompts-per-step 16)
    local rewards=(--reward sort-positions=1 --reward sort-neighbours=0.5) baseline=()
    "$bin/rollbook-generate" --buffer "$run" "${common[@]}" "${sample[@]}" --model latest --group-size 16 \
      --max-new-tokens 4 --seed "$seed"
    "$bin/rollbook-score" --buffer "$run" "${common[@]}" "${rewards[@]}"
    if [ "$name" = remax ]; then
      "$bin/rollbook-generate" --buffer "$run/greedy" "${common[@]}" "${sample[@]}" --group-size 1 --temperature 0 \
        --model "$run/checkpoints/step-$(printf %06d "$step")" --max-new-tokens 4 --seed "$seed"
      "$bin/rollbook-score" --buffer "$run/greedy" "${common[@]}" "${rewards[@]}"
      baseline=(--baseline "$run/greedy")
    fi
    # shellcheck disable=SC2046
    "$bin/rollbook-train" --buffer "$run" "${common[@]}" --recipe "$name" --preset "$preset" --seed "$seed" \
      "${common_flags[@]}" ${baseline[@]+"${baseline[@]}"} ${extra[@]+"${extra[@]}"} $(flags "$name:$preset")
  done
}

if [ -n "${one:-}" ]; then
  IFS=: read -r name preset seed <<<"$one"
  train_one "$name" "$preset" "$seed"
  exit
fi

mkdir -p "$out"
# Three digits and the same in order, drawn from a fixed sequence.
[ -s "$out/prompts.jsonl" ] || awk 'BEGIN {
  state = 12345
  for (i = 0; i < 500; i++) {
    for (j = 0; j < 3; j++) { state = (state * 1103515245 + 12345) % 2147483648; d[j] = int(state / 65536) % 10 }
    prompt = d[0] " " d[1] " " d[2]
    for (x = 0; x < 3; x++) for (y = x + 1; y < 3; y++) if (d[y] < d[x]) { t = d[x]; d[x] = d[y]; d[y] = t }
    printf "{\"id\":\"sort-%03d\",\"prompt\":\"%s >\",\"answer\":\"%s %s %s\",\"task\":\"sort\"}\n", i, prompt, d[0], d[1], d[2]
  }
}' >"$out/prompts.jsonl"

began=$(date +%s)
for recipe in $recipes; do
  mkdir -p "$out/${recipe/:/-}"
  for ((seed = 1; seed <= seeds; seed++)); do echo "$recipe:$seed"; done
done | xargs -P "$jobs" -I{} "$0" --buffer "$out" --steps "$steps" --one {} ||
  die "a run failed; its log is in $out/RECIPE/seed-N.log"

echo "machine: $(lscpu | sed -n 's/^Model name: *//p')   jobs: $jobs   seconds: $(($(date +%s) - began))   date: $(date -u +%F)"
echo "reward (positions + 0.5 neighbours, at most 1.5), mean ± standard deviation over $seeds seeds, $steps steps"
{
  for recipe in $recipes; do
    folder="$out/${recipe/:/-}"
    "$bin/rollbook" plot "$folder"/seed-? "$folder"/seed-?? --metric score:main/reward_mean --mean --smooth 3 \
      --output "$folder.svg" >/dev/null 2>&1 ||
      "$bin/rollbook" plot "$folder"/seed-? --metric score:main/reward_mean --mean --smooth 3 --output "$folder.svg" >/dev/null
    for log in "$folder"/seed-*/metrics/metrics.jsonl; do
      sed -n 's/.*"stage":"score:main".*"reward_mean":\([^,}]*\).*/\1/p' "$log" |
        awk -v recipe="$recipe" '{ r[NR] = $1 } END { print recipe, r[1], (r[NR] + r[NR - 1] + r[NR - 2]) / 3 }'
    done
  done
} | awk '
  { n[$1]++; if (!($1 in first)) order[++count] = $1
    first[$1] += $2; last[$1] += $3; squares[$1] += $3 * $3; rose[$1] += ($3 > $2 && $3 == $3 + 0); low[$1] = (n[$1] == 1 || $3 < low[$1]) ? $3 : low[$1] }
  END {
    printf "%-26s %8s %8s %8s %8s %8s\n", "recipe", "start", "end", "±", "lowest", "risen"
    for (i = 1; i <= count; i++) {
      k = order[i]; mean = last[k] / n[k]; variance = squares[k] / n[k] - mean * mean
      printf "%-26s %8.3f %8.3f %8.3f %8.3f %5d/%d\n", k, first[k] / n[k], mean, sqrt(variance > 0 ? variance : 0), low[k], rose[k], n[k]
      if (rose[k] < n[k]) failed = 1
    }
    exit failed
  }'
echo "curves: $out/RECIPE.svg"
