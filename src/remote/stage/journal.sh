# The journal of a stage: what is about to happen, and what it takes to undo it. POSIX sh. Part of every stage's program.
#
# A line is  TEXT #SUM  where SUM is the checksum (cksum) of the sum before it and the text, so that a line that was changed,
# lost or put in between shows. What a crash cut off at the end has no newline, and is dropped.

LAB_SUM=0
LAB_LENGTH=0

# lab_sum_of TEXT : the checksum that follows LAB_SUM.
lab_sum_of() {
  lab_sum=$(printf '%s %s' "$LAB_SUM" "$1" | $lab_cksum) || return 1
  lab_sum=${lab_sum%% *}
}

# Debian's busybox has no cksum: the same sum, by the definition in POSIX.
lab_cksum="cksum"
command -v cksum >/dev/null 2>&1 || lab_cksum=lab_crc

lab_crc() {
  lab_value=0
  lab_length=0
  for lab_byte in $(od -An -v -tu1); do
    lab_length=$((lab_length + 1))
    lab_crc_byte "$lab_byte"
  done
  while [ "$lab_length" -gt 0 ]; do
    lab_crc_byte $((lab_length & 255))
    lab_length=$((lab_length >> 8))
  done
  printf '%s\n' $((lab_value ^ 0xffffffff))
}

lab_crc_byte() {
  lab_value=$((lab_value ^ ($1 << 24)))
  for _ in 1 2 3 4 5 6 7 8; do
    if [ $((lab_value & 0x80000000)) -ne 0 ]; then
      lab_value=$(((lab_value << 1 ^ 0x04c11db7) & 0xffffffff))
    else
      lab_value=$((lab_value << 1))
    fi
  done
}

lab_journal() {
  lab_sum_of "$*" || return 1
  if ! printf '%s #%s\n' "$*" "$lab_sum" >>"$LAB_DIR/journal"; then
    # A full disk must not make the journal forget what was done: the reserve goes, and what of the line was written.
    rm -f "$LAB_DIR/reserve"
    truncate -s "$LAB_LENGTH" "$LAB_DIR/journal"
    printf '%s #%s\n' "$*" "$lab_sum" >>"$LAB_DIR/journal" || return 1
  fi
  LAB_SUM=$lab_sum
  lab_text="$* #$lab_sum"
  LAB_LENGTH=$((LAB_LENGTH + ${#lab_text} + 1))
}

# Reads what is there, so that writing can go on. 1 when it is damaged.
lab_load_journal() {
  LAB_SUM=0
  LAB_LENGTH=0
  [ -e "$LAB_DIR/journal" ] || return 0
  while IFS= read -r lab_line; do
    lab_sum_of "${lab_line% #*}" || return 1
    if [ "${lab_line##* #}" != "$lab_sum" ]; then
      echo "the journal $LAB_DIR/journal is damaged at: $lab_line"
      return 1
    fi
    LAB_SUM=$lab_sum
    LAB_LENGTH=$((LAB_LENGTH + ${#lab_line} + 1))
  done <"$LAB_DIR/journal"
  truncate -s "$LAB_LENGTH" "$LAB_DIR/journal"
}

# lab_fate N : sets lab_fate to the last that the journal says of an action: begin, done, failed, reverted, or nothing.
lab_fate() {
  lab_fate=
  while IFS=' ' read -r lab_word lab_number _; do
    [ "$lab_number" = "$1" ] || continue
    case $lab_word in begin | done | failed | reverted) lab_fate=$lab_word ;; esac
  done 2>/dev/null <"$LAB_DIR/journal"
}

lab_journaled() { grep -q "^$1 #" "$LAB_DIR/journal" 2>/dev/null; }

# A file of more than 8 MiB, and a folder of more than 64 MiB, is kept by reference.
lab_large_file=8388608
lab_large_tree=65536

# lab_save N K PATH : keeps what is at PATH, to the last detail that cp knows, before action N touches it.
lab_save() {
  # An action that is tried again, and could not be taken back, has kept what was there before.
  lab_fate "$1"
  [ "$lab_fate" != begin ] || return 0
  lab_saved=$LAB_DIR/saved.$1.$2
  # Of a try that was taken back: what is there may be something else by now.
  lab_clear "$lab_saved" "$lab_saved".*
  if [ ! -e "$3" ] && [ ! -L "$3" ]; then
    : >"$lab_saved.absent" && lab_journal "saved $1 $2 absent"
  elif [ -f "$3" ] && [ ! -L "$3" ] && [ "$(stat -c %s "$3")" -gt "$lab_large_file" ] && ln "$3" "$lab_saved" 2>/dev/null; then
    # The same file under a second name: what replaces it at PATH leaves it alone. Mode and owner are common to both names.
    stat -c '%a %u:%g %s:%Y' "$3" >"$lab_saved.reference" && lab_journal "saved $1 $2 reference"
  elif [ -d "$3" ] && [ ! -L "$3" ] && [ "$(du -skx "$3" 2>/dev/null | cut -f 1)" -gt "$lab_large_tree" ] && lab_link_tree "$3" "$lab_saved"; then
    lab_sum_of_listing "$lab_saved" >"$lab_saved.listed" && lab_journal "saved $1 $2 $(lab_line_of "$lab_saved.listed")"
  else
    cp -a "$3" "$lab_saved" && lab_sync "$lab_saved" && lab_journal "saved $1 $2 $(lab_sum_of_tree "$lab_saved")"
  fi
}

# lab_clear PATH… : removes what is there; mostly there is nothing, and no process is needed to see that.
lab_clear() {
  for lab_path; do
    if [ -e "$lab_path" ] || [ -L "$lab_path" ]; then rm -rf "$@" && return; fi
  done
}

# lab_link_tree FOLDER TO : nothing is left of it where it fails, as on another file system: a copy would go inside.
lab_link_tree() {
  cp -a -l "$1" "$2" 2>/dev/null && return
  rm -rf "$2"
  return 1
}

# lab_sum_of_listing FOLDER : one checksum of the names, sizes and times below a folder that is too large to be read.
lab_sum_of_listing() {
  (cd "$1" && find . -type f -exec stat -c '%n %s %Y' {} + | sort | sha256sum | cut -d ' ' -f 1)
}

# lab_sum_of_tree PATH : one checksum for a file, or for all files below a folder.
lab_sum_of_tree() {
  if [ -L "$1" ]; then
    printf link
  elif [ -d "$1" ]; then
    (cd "$1" && find . -type f -exec sha256sum {} + | sort | sha256sum | cut -d ' ' -f 1)
  elif [ -f "$1" ]; then
    lab_sum=$(sha256sum <"$1") && printf '%s' "${lab_sum%% *}"
  else
    printf other
  fi
}

# lab_is_intact [FOLDER] : nothing that was uploaded for the way back of a stage, by default this one, has changed since.
lab_is_intact() {
  lab_folder=${1:-$LAB_DIR}
  (cd "$lab_folder" && sha256sum -c sums >/dev/null 2>&1) && return 0
  echo "damaged in $lab_folder: $(cd "$lab_folder" && sha256sum -c sums 2>/dev/null | grep -v ': OK$')"
  return 1
}

# lab_kept_intact N : what action N kept is what it kept.
lab_kept_intact() {
  lab_k=0
  # Of an action that was tried again, the last line counts.
  while lab_sum=$(grep "^saved $1 $lab_k " "$LAB_DIR/journal" 2>/dev/null | tail -n 1) && [ -n "$lab_sum" ]; do
    lab_sum=${lab_sum#saved "$1" "$lab_k" }
    case ${lab_sum%% *} in
      absent | reference) ;;
      "$(lab_sum_of_kept "$LAB_DIR/saved.$1.$lab_k")") ;;
      *)
        echo "damaged: $LAB_DIR/saved.$1.$lab_k"
        return 1
        ;;
    esac
    lab_k=$((lab_k + 1))
  done
}

# lab_sum_of_kept SAVED : what the journal said of it when it was kept.
lab_sum_of_kept() { if [ -e "$1.listed" ]; then lab_sum_of_listing "$1"; else lab_sum_of_tree "$1"; fi; }

# lab_same SAVED PATH : still the regular file that was saved, so nothing is to be put back: it may be immutable, or on a
# read-only file system, and that is why the action failed.
lab_same() {
  [ -f "$1" ] && [ ! -L "$1" ] && [ -f "$2" ] && [ ! -L "$2" ] &&
    [ "$(stat -c '%f %u %g %s %Y' "$1")" = "$(stat -c '%f %u %g %s %Y' "$2")" ] && cmp -s "$1" "$2"
}

# lab_restore SAVED PATH : puts back what lab_save kept as SAVED (a path without its ending). What was absent is removed; a
# directory only when it is empty.
lab_restore() {
  # What a write left beside it that was killed half-way.
  rm -rf "${2%/*}/.lab-$LAB_RUN-"*
  if [ -e "$1.absent" ]; then
    if [ -d "$2" ] && [ ! -L "$2" ]; then
      rmdir "$2"
    else
      rm -f "$2"
    fi
  elif [ ! -e "$1" ] && [ ! -L "$1" ]; then
    echo "nothing was kept of $2"
    return 1
  elif [ -e "$1.reference" ]; then
    lab_restore_reference "$1" "$2"
  elif [ -d "$1" ] && [ ! -L "$1" ]; then
    if [ -d "$2" ] && [ ! -L "$2" ]; then
      # Only the folder itself changed (mode, owner): its entries have pre-images of their own.
      # (chmod: where the folder has a set-id bit that the kept one has not, cp leaves it.)
      (lab_enter "$2" && cp -a "$1/." . && chmod "00$(stat -c %a "$1")" .)
    else
      rm -f "$2"
      lab_replace "$2" cp -a "$1"
    fi
  elif ! lab_same "$1" "$2"; then
    lab_replace "$2" cp -a "$1"
  fi
}

# lab_restore_reference SAVED PATH : the large file gets its old name back.
lab_restore_reference() {
  IFS=' ' read -r lab_mode lab_owner lab_size <"$1.reference"
  if [ "$(stat -c %s:%Y "$1")" != "$lab_size" ]; then
    echo "what was kept of $2 was written to since"
    return 1
  fi
  if [ ! -f "$2" ] || [ -L "$2" ] || [ "$(stat -c %d:%i "$1")" != "$(stat -c %d:%i "$2")" ]; then
    lab_replace "$2" ln "$1" || return 1
  fi
  # By the name that is nobody's but root's: the owner of the folder may have put a link at the other.
  chown "$lab_owner" "$1" && chmod "$lab_mode" "$1"
}

# lab_replace PATH COMMAND… FROM : what the command makes beside PATH takes its place at once.
lab_replace() {
  lab_path=$1
  shift
  LAB_PRIVATE=${lab_path%/*}/.lab-$LAB_RUN-restore
  rm -rf "$LAB_PRIVATE"
  if [ -d "$lab_path" ] && [ ! -L "$lab_path" ]; then rmdir "$lab_path" || return 1; fi
  mkdir -m 0700 "$LAB_PRIVATE" && (lab_in_private && "$@" ./kept) && lab_move "$LAB_PRIVATE/kept" "$lab_path"
  lab_status=$?
  rm -rf "$LAB_PRIVATE"
  return "$lab_status"
}

# lab_notes FOLDER : an undoing sees what the commands of the undone action noted, and may note more.
lab_notes() { [ ! -d "$LAB_STATE/$1" ] || cp -a "$LAB_STATE/$1/." "$LAB_ACTION_DIR/"; }

# lab_after N K PATH : what the action made of PATH, to tell later whether somebody else changed it since.
lab_after() { lab_journal "after $1 $2 $(lab_fingerprint "$3")"; }

# lab_origin FILE REFERENCE ATTRIBUTE… : the first action that changed an attribute of a resource holds the way back to what
# was there before lab. Lines  ATTRIBUTE REFERENCE .
lab_origin() {
  lab_file=$LAB_STATE/origin/$1
  lab_reference=$2
  shift 2
  [ -d "$LAB_STATE/origin" ] || mkdir "$LAB_STATE/origin" || return 1
  for lab_attribute; do
    { [ -e "$lab_file" ] && grep -q "^$lab_attribute " "$lab_file"; } || printf '%s %s\n' "$lab_attribute" "$lab_reference" >>"$lab_file"
  done
}

# lab_no_origin FILE REFERENCE : that action was undone.
lab_no_origin() {
  [ -e "$LAB_STATE/origin/$1" ] || return 0
  grep -v " $2\$" "$LAB_STATE/origin/$1" >"$LAB_STATE/origin/$1.new"
  # Above 1 it could not be written; then it stays as it was.
  if [ $? -gt 1 ]; then
    rm -f "$LAB_STATE/origin/$1.new"
    return 1
  fi
  if [ -s "$LAB_STATE/origin/$1.new" ]; then
    mv -f "$LAB_STATE/origin/$1.new" "$LAB_STATE/origin/$1"
  else
    rm -f "$LAB_STATE/origin/$1.new" "$LAB_STATE/origin/$1"
  fi
}
