#!/bin/sh
# unpack ARCHIVE PATH STRIP MODE OWNER GROUP MARK : unpacks beside PATH, then exchanges the two directories. What was at
# PATH is kept in the action's own directory for the way back.
set -eu
archive=$1 path=$2 strip=$3 mode=$4 owner=$5 group=$6 mark=$7
umask 022
staging=$(mktemp -u "$(dirname "$path")/.lab-unpack-XXXXXX")
# Told before it is made: whoever takes this back after a crash removes it.
ln -s -f -n "$staging" "$LAB_ACTION_DIR/unfinished"
trap 'rm -rf "$staging"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -m 0700 "$staging"
# Not every tar finds out by itself how an archive is compressed: busybox's does not.
tar_archive() { tar -x -o "$@" -f "$archive" --strip-components="$strip" -C "$staging"; }
case $(od -A n -t x1 -N 6 "$archive" | tr -d ' \n') in
  504b*)
    command -v unzip >/dev/null 2>&1 || {
      echo 'unzip is not installed' >&2
      exit 127
    }
    if [ "$strip" -ne 0 ]; then
      echo 'strip works with tar archives only' >&2
      exit 1
    fi
    unzip -q "$archive" -d "$staging"
    ;;
  1f8b*) tar_archive -z ;;
  425a68*) tar_archive -j ;;
  fd377a585a*) tar_archive -J ;;
  28b52ffd*) tar_archive --zstd ;;
  *) tar_archive ;;
esac
printf '%s\n' "$mark" >"$staging/.lab-archive"
chown -R -h "$owner:$group" "$staging"
chmod "$mode" "$staging"
sync
previous=$LAB_ACTION_DIR/previous
rm -rf "$previous" "$previous.part" "$previous.absent"
if [ -e "$path" ] || [ -L "$path" ]; then
  cp -a "$path" "$previous.part"
  mv "$previous.part" "$previous"
  rm -rf "$path"
else
  : >"$previous.absent"
fi
mv "$staging" "$path"
rm -f "$archive"
