#!/usr/bin/env bash
# The Python of scripts/interop: prints its path; makes it in .venv-interop first if need be (once, cached).
#
# Exit 69, with the reason, where it cannot be made (no network): what needs it is then skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$PWD/.venv-interop
requirements=$PWD/scripts/interop/requirements.txt
# Complete means: made of these very requirements.
if [ -x "$folder/bin/python" ] && cmp -s "$requirements" "$folder/complete"; then
  echo "$folder/bin/python"
  exit 0
fi
fail() { echo "environment.sh: $1; other people's readers are not available" >&2; exit 69; }
echo "making .venv-interop" >&2
rm -rf "$folder"
python3 -m venv "$folder" >&2 || fail "python3 -m venv failed (sudo apt-get install python3-venv)"
PIP_DISABLE_PIP_VERSION_CHECK=1 "$folder/bin/python" -m pip install --quiet --retries 1 --only-binary :all: \
  -r "$requirements" >&2 || fail "pip could not install $(tr '\n' ' ' <"$requirements")"
cp "$requirements" "$folder/complete"
echo "$folder/bin/python"
