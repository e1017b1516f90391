#!/bin/sh
# mount PATH ESCAPED SOURCE TYPE OPTIONS : nothing to do when something is mounted there already. ESCAPED is the path as
# /proc/self/mounts writes it.
set -eu
while IFS=' ' read -r _ point _; do
  if [ "$point" = "$2" ]; then exit 0; fi
done </proc/self/mounts
mount -t "$4" -o "$5" "$3" "$1"
