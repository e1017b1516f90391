#!/bin/sh
# unmount PATH : nothing to do when nothing is mounted there.
set -eu
mountpoint -q "$1" || exit 0
umount "$1"
