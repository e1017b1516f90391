#!/bin/sh
# unmount PATH ESCAPED : nothing to do when nothing is mounted there. ESCAPED is the path as /proc/self/mounts writes it.
set -eu
mounted=
while IFS=' ' read -r _ point _; do
  if [ "$point" = "$2" ]; then mounted=yes; fi
done </proc/self/mounts
if [ -n "$mounted" ]; then umount "$1"; fi
