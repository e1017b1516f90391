# What is at a path, in one word, to see whether it is still what an action made of it. POSIX sh. Part of every stage's
# program and of the script that reads the journal.

# lab_fingerprint PATH
lab_fingerprint() {
  if [ -L "$1" ]; then
    printf 'link:%s' "$(readlink "$1" | sha256sum | cut -d ' ' -f 1)"
  elif [ -f "$1" ]; then
    # Large ones by size and time.
    if [ "$(stat -c %s "$1")" -gt 8388608 ]; then
      printf 'file:%s' "$(stat -c %a:%u:%g:%s:%Y "$1")"
    else
      printf 'file:%s:%s' "$(stat -c %a:%u:%g "$1")" "$(sha256sum <"$1" | cut -d ' ' -f 1)"
    fi
  elif [ -d "$1" ]; then
    printf 'directory:%s' "$(stat -c %a:%u:%g "$1")"
  elif [ -e "$1" ]; then
    printf 'other:%s' "$(stat -c %a:%u:%g "$1")"
  else
    printf absent
  fi
}
