#!/bin/sh
# download URL PATH SHA256 MODE OWNER GROUP : the file is complete, checked and owned before a rename puts it in place.
set -eu
url=$1 path=$2 sha256=$3 mode=$4 owner=$5 group=$6
umask 077
temporary=$(mktemp -u "$(dirname "$path")/.lab-download-XXXXXX")
# Told before it is made: whoever takes this back after a crash removes it.
ln -s -f -n "$temporary" "$LAB_ACTION_DIR/unfinished"
trap 'rm -f "$temporary"' EXIT
trap 'exit 1' HUP INT TERM
(
  set -C
  : >"$temporary"
)
if command -v curl >/dev/null 2>&1; then
  curl --fail --silent --show-error --location --connect-timeout 20 --retry 2 --output "$temporary" "$url"
elif command -v wget >/dev/null 2>&1; then
  wget -q -O "$temporary" "$url"
else
  echo 'neither curl nor wget is installed' >&2
  exit 127
fi
found=$(sha256sum <"$temporary")
found=${found%% *}
if [ "$found" != "$sha256" ]; then
  echo "what came from $url has the checksum $found, declared is $sha256" >&2
  exit 1
fi
chown "$owner:$group" "$temporary"
chmod "$mode" "$temporary"
sync "$temporary" 2>/dev/null || sync
mv -f "$temporary" "$path"
