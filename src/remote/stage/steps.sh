# The elementary steps of an action, each a function that the compiled actions call. POSIX sh. Part of every stage's program.

# lab_step N K : the controller knows from it which step of an action failed.
lab_step() { lab_mark s "$1" "$2"; }

# lab_move FROM TO : a rename; a link to a directory at TO is replaced, never followed. busybox refuses that one: there the
# link goes first.
lab_move() {
  if [ -L "$2" ] && [ -d "$2" ]; then
    mv -f -T "$1" "$2" 2>/dev/null || { rm -f "$2" && mv -f -T "$1" "$2"; }
  else
    lab_said=$(mv -f -T "$1" "$2" 2>&1) || lab_overwrite "$1" "$2"
  fi
}

# lab_overwrite FROM TO : a file that is a mount of its own (in a container, /etc/hosts) cannot be renamed over: its
# content is written in place. Anything else keeps the complaint of mv.
lab_overwrite() {
  while IFS=' ' read -r _ lab_point _; do
    if [ "$lab_point" = "$2" ] && [ -f "$1" ] && [ ! -L "$1" ] && [ -f "$2" ]; then
      cat "$1" >"$2" && chown "$(stat -c %u:%g "$1")" "$2" && chmod "$(stat -c %a "$1")" "$2" && rm -f "$1"
      return
    fi
  done </proc/self/mounts
  printf '%s\n' "$lab_said"
  return 1
}

# In LAB_PRIVATE, a folder of root's alone, and from inside it: whoever owns the folder around it can move it away, but never
# make cp, chown and chmod follow a link of theirs.
lab_in_private() {
  cd "$LAB_PRIVATE" || return 1
  # The set-group-id bit comes from the folder around it.
  case $(stat -c %u:%a .) in "$LAB_UID:700" | "$LAB_UID:2700") ;; *) return 1 ;; esac
}

# lab_new_file FILE MODE OWNER OLD : OLD is what it takes the place of.
lab_new_file() (
  lab_in_private && cp "$1" ./new || return 1
  # ACLs and extended attributes stay with the file, if it was root's or its owner's; not every cp knows how.
  if [ -f "$4" ] && [ ! -L "$4" ]; then
    case $(stat -c %u:%U "$4") in 0:* | *":${3%%:*}" | "${3%%:*}:"*) cp --attributes-only --preserve=mode,xattr "$4" ./new 2>/dev/null ;; esac
  fi
  chown "$3" ./new && chmod "$2" ./new
)

# lab_write FILE PATH TEMPORARY MODE OWNER GROUP [VALIDATE…] : the new file is complete, synced, owned and validated
# beside the old one, where relative includes find what they name, before a rename puts it in its place.
lab_write() {
  lab_blob=$1
  lab_path=$2
  lab_temporary=$3
  lab_mode=$4
  lab_owner=$5:$6
  shift 6
  if [ -d "$lab_path" ] && [ ! -L "$lab_path" ]; then
    echo "$lab_path is a directory"
    return 1
  fi
  LAB_PRIVATE=$lab_temporary.d
  lab_new=$LAB_PRIVATE/new
  if mkdir -m 0700 "$LAB_PRIVATE" && lab_new_file "$lab_blob" "$lab_mode" "$lab_owner" "$lab_path" && lab_valid "$@" &&
    lab_sync "$lab_new" && lab_move "$lab_new" "$lab_path" && { [ $# -gt 0 ] || rmdir "$LAB_PRIVATE"; }; then
    return 0
  fi
  rm -rf "$LAB_PRIVATE" "$lab_temporary"
  return 1
}

# lab_valid [COMMAND…] : the new file where COMMAND looks for it, beside the old one.
lab_valid() {
  [ $# -gt 0 ] || return 0
  mv -f -T "$LAB_PRIVATE/new" "$lab_temporary" && rmdir "$LAB_PRIVATE" || return 1
  lab_new=$lab_temporary
  timeout -k 5 60 "$@" && return 0
  echo "the new content did not pass: $*"
  return 1
}

# lab_directory PATH MODE OWNER GROUP
lab_directory() (
  if [ -L "$1" ]; then
    echo "$1 is a link"
    return 1
  fi
  if [ ! -d "$1" ]; then mkdir "$1" || return 1; fi
  # Without a fifth digit GNU chmod leaves the set-group-id bit, which comes from the folder around it.
  lab_enter "$1" && chown "$3:$4" . && chmod "0$2" .
)

# lab_enter FOLDER : goes in, and makes sure that it is that folder: its owner may have put a link in its place since.
lab_enter() {
  lab_entered=$(stat -c %d:%i "$1") && cd "$1" && [ ! -L "$1" ] && [ "$(stat -c %d:%i .)" = "$lab_entered" ] && return 0
  echo "$1 is not the folder it was"
  return 1
}

# lab_mode MODE PATH : never through a link. What a stranger can swap in between has no other name (hard links aside): so it
# is compared after the change, in a folder that is theirs.
lab_mode() {
  if [ -L "$2" ]; then
    echo "$2 is a link"
    return 1
  fi
  if [ -d "$2" ]; then
    (lab_enter "$2" && chmod "0$1" .)
  else
    chmod "$1" "$2"
  fi
}

# lab_symlink PATH TARGET : replaces a link or a file by a rename, never a directory.
lab_symlink() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    echo "$1 is a directory"
    return 1
  fi
  lab_temporary=${1%/*}/.lab-$LAB_RUN-link
  rm -f "$lab_temporary"
  ln -s -- "$2" "$lab_temporary" && lab_move "$lab_temporary" "$1"
}

# lab_remove PATH RECURSIVE
lab_remove() {
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    if [ "$2" = yes ]; then rm -rf "$1"; else rmdir "$1"; fi
  else
    rm -f "$1"
  fi
}

# lab_ok "CODES" COMMAND… : success for the exit codes named.
lab_ok() {
  lab_codes=$1
  shift
  (
    umask 022
    exec "$@"
  )
  lab_status=$?
  for lab_code in $lab_codes; do [ "$lab_status" = "$lab_code" ] && return 0; done
  return "$lab_status"
}
