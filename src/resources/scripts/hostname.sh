#!/bin/sh
# hostname NAME : for the running kernel and for the next boot. The file is written in place: in a container it is a mount
# of its own and cannot be replaced.
set -eu
printf '%s\n' "$1" >/etc/hostname
if command -v hostname >/dev/null 2>&1; then
  hostname "$1"
else
  printf '%s\n' "$1" >/proc/sys/kernel/hostname
fi
