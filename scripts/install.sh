#!/usr/bin/env bash
# Installs the system packages that Rollbook builds with and uses: Debian 12, as root or with sudo.
#
# Where all of them are there it does nothing; without network and with some missing it says which, and fails.
set -euo pipefail
packages=(libopenblas-dev libdnnl-dev liblz4-dev libsqlite3-dev libxxhash-dev python3 python3-pip python3-venv bubblewrap)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "installing ${missing[*]}" >&2
sudo=; [ "$(id -u)" -eq 0 ] || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
lock=(-o DPkg::Lock::Timeout=300)
if ! { $sudo apt-get "${lock[@]}" update -qq && $sudo apt-get "${lock[@]}" install -y -qq --no-install-recommends \
  "${missing[@]}" >/dev/null; }; then
  echo "install.sh: could not install ${missing[*]}. With network: sudo apt-get install ${missing[*]}" >&2
  exit 69
fi
