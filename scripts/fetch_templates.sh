#!/usr/bin/env bash
# Fetches the chat templates that the goldens name but do not hold (they are other people's text) into the cache folder
# and prints the folder.
#
# They come inside the PyPI package trl: a wheel is a zip, nothing of it is installed. Templates that are there and
# whole are used again. ROLLBOOK_CACHE chooses the folder, ROLLBOOK_GOLDEN the goldens.
set -euo pipefail
source "$(dirname "$0")/common.sh"
package=trl==1.16.0
list=${ROLLBOOK_GOLDEN:-$root/Tests/Golden}/chat/external_templates.json
folder=$cache/templates
[ -f "$list" ] || die "$list is not there: it names the templates and their digests"
command -v python3 >/dev/null || die "needs python3 to fetch chat templates"

# digest, name and file in the wheel, a template a line
entries=$(python3 - "$list" <<'PY'
import json, re, sys
for name, entry in json.load(open(sys.argv[1])).items():
    if re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        print(entry["sha256"], name, entry["file"])
PY
)
whole() { [ -f "$2" ] && echo "$1  $2" | sha256sum --check --status; }

missing() {
  while read -r digest name _; do whole "$digest" "$folder/$name.jinja" || return 0; done <<<"$entries"
  return 1
}

if missing; then
  mkdir -p "$folder"
  scratch=$(mktemp -d "$cache/fetch.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$scratch" "$package" >&2 \
    || die "could not fetch the package $package (no network?). Put NAME.jinja files into $folder by hand"
  python3 -m zipfile -e "$scratch"/trl-*.whl "$scratch/wheel"
  while read -r digest name file; do
    whole "$digest" "$scratch/wheel/$file" || die "$package does not hold the expected $file"
    mv "$scratch/wheel/$file" "$folder/$name.jinja"
  done <<<"$entries"
fi
echo "$folder"
