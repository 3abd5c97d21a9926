#!/usr/bin/env bash
# Reads shards of every kind, and files of random schemas, with pyarrow, polars, pandas, DuckDB and Hugging Face
# datasets, every value compared; and files of pyarrow's with Rollbook; reward models with transformers, where
# ROLLBOOK_PYTHON has it. Skipped, loudly, where their Python cannot be had.
#
#   scripts/interop/check.sh [BUFFER]     a buffer of yours instead of made-up shards
set -euo pipefail
cd "$(dirname "$0")/../.."
source scripts/common.sh
[ -x "$bin/rollbook-bench" ] || die "$bin/rollbook-bench is not built. Run: swift build -c release"
if ! python=$(scripts/interop/environment.sh); then
  echo "==== SKIPPED: other people's Arrow readers were NOT compared with ours (see above) ====" >&2
  exit 0
fi
if [ $# -gt 0 ]; then exec "$python" scripts/interop/read_shards.py "$1"; fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$bin/rollbook-bench" interop make "$folder/made"
"$python" scripts/interop/read_shards.py "$folder/made" --ours "$bin/rollbook-bench" >"$folder/log" || {
  cat "$folder/log"
  exit 65
}
tail -2 "$folder/log"
torch=${ROLLBOOK_PYTHON:-$python}
if [ -x "$bin/rollbook-score" ] && "$torch" -c 'import torch, transformers, pyarrow' 2>/dev/null; then
  "$torch" scripts/interop/check_reward_model.py "$bin"
else
  echo "==== SKIPPED: reward models were NOT compared with transformers: set ROLLBOOK_PYTHON to a Python that has" \
    "torch, transformers and pyarrow ====" >&2
fi
