#!/usr/bin/env bash
# Builds release once and runs every test. Tests of the real model and of other people's chat templates run when those
# can be fetched, else they are skipped and say so. Any argument goes to `swift test`, e.g. scripts/test.sh --filter
# Tokenizer; without any, other people's Arrow readers are then compared with ours, where their Python is there or can be
# installed (scripts/interop).
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/common.sh
scripts/install.sh
if model=$(scripts/fetch_model.sh); then export ROLLBOOK_SMOLLM2=$model; else echo "without the real model" >&2; fi
if templates=$(scripts/fetch_templates.sh); then export ROLLBOOK_TEMPLATES=$templates
else echo "without other people's chat templates" >&2; fi
swift build -c release --build-tests
log=$(mktemp); trap 'rm -f "$log"' EXIT
if ! swift test -c release --skip-build "$@" 2>&1 | tee "$log"; then
    # The failures once more at the end, where someone who sees only the last lines of a long log finds them.
    printf '\nWhat failed:\n'; grep -aE -A 3 '^✘|Fatal error|[.]swift:[0-9]+:[0-9]+: error:' "$log" | tail -n 200
    exit 1
fi
[ $# -gt 0 ] || scripts/interop/check.sh
