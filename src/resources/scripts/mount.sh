#!/bin/sh
# mount PATH SOURCE TYPE OPTIONS : nothing to do when something is mounted there already.
set -eu
if mountpoint -q "$1"; then exit 0; fi
mount -t "$3" -o "$4" "$2" "$1"
