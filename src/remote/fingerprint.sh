# What is at a path, in one word, to see whether it is still what an action made of it. POSIX sh. Part of every stage's
# program and of the script that reads the journal.

# lab_fingerprint PATH
lab_fingerprint() {
  if [ -L "$1" ]; then
    lab_print=$(readlink "$1" | sha256sum)
    printf 'link:%s' "${lab_print%% *}"
  elif [ -f "$1" ]; then
    lab_print=$(stat -c '%a:%u:%g %s:%Y' "$1")
    lab_size=${lab_print#* }
    # Large ones by size and time.
    if [ "${lab_size%:*}" -gt 8388608 ]; then
      printf 'file:%s:%s' "${lab_print%% *}" "$lab_size"
    else
      lab_sum=$(sha256sum <"$1")
      printf 'file:%s:%s' "${lab_print%% *}" "${lab_sum%% *}"
    fi
  elif [ -d "$1" ]; then
    printf 'directory:%s' "$(stat -c %a:%u:%g "$1")"
  elif [ -e "$1" ]; then
    printf 'other:%s' "$(stat -c %a:%u:%g "$1")"
  else
    printf absent
  fi
}
