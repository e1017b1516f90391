#!/bin/sh
# unpack-undo ARCHIVE PATH : safe to repeat, and when unpack stopped anywhere.
set -eu
rm -f "$1"
if [ -e "$LAB_ACTION_DIR/previous" ] || [ -L "$LAB_ACTION_DIR/previous" ]; then
  rm -rf "$2"
  cp -a "$LAB_ACTION_DIR/previous" "$2"
elif [ -e "$LAB_ACTION_DIR/absent" ]; then
  rm -rf "$2"
fi
