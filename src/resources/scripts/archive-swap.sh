#!/bin/sh
# archive-swap KEEP PUT ARCHIVE PATH : keeps what is at PATH under the name KEEP, in the action's own folder, and puts there
# what is kept as PUT. Where nothing was, NAME.absent stands for it. Does nothing when nothing is kept as PUT, as then
# nothing was changed. Safe to repeat.
set -eu
keep=$LAB_ACTION_DIR/$1 put=$LAB_ACTION_DIR/$2 archive=$3 path=$4
rm -f "$archive"
[ -e "$put" ] || [ -e "$put.absent" ] || exit 0
# Once an action: tried again half-way, it would keep what it put there itself. What the notes of an undone action brought
# along was kept by that one.
if [ "$(cat "$keep.by" 2>/dev/null)" != "$LAB_ACTION_DIR" ]; then
  rm -rf "$keep" "$keep.absent"
  if [ -e "$path" ]; then cp -a "$path" "$keep"; else : >"$keep.absent"; fi
  sync
  printf '%s\n' "$LAB_ACTION_DIR" >"$keep.by"
fi
rm -rf "$path"
[ -e "$put.absent" ] || cp -a "$put" "$path"
