# The part of the remote program that changes a host: the beginning of every stage's program. POSIX sh. It runs detached,
# with its output in the stage's log. After it come, for every action N, three functions written by the controller:
# save_N (pre-images), apply_N and revert_N; and at last  lab_drive "$1" COUNT.

LC_ALL=C
DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
umask 077
# Not through the environment: a command that a stage runs could forge the marks of its log.
LAB_DIR=$2
{
  IFS= read -r LAB_N
  IFS= read -r LAB_STATE
  IFS= read -r LAB_RUN
  IFS= read -r LAB_CONTROLLER
} <"$LAB_DIR/settings"
printf '%s\n' "$$" >"$LAB_STATE/runs/$LAB_RUN/pid"

# LAB_N comes from the controller's shell.
# shellcheck disable=SC2153
lab_mark() { printf '\n%s %s\n' "$LAB_N" "$*"; }
# A full disk must not make the journal forget what was done: the reserve goes first.
lab_journal() {
  printf '%s\n' "$*" >>"$LAB_DIR/journal" && return 0
  rm -f "$LAB_DIR/reserve"
  printf '%s\n' "$*" >>"$LAB_DIR/journal"
}
lab_sync() { sync "$@" 2>/dev/null || sync; }

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
  case $(stat -c %u:%a .) in "$(id -u):700" | "$(id -u):2700") ;; *) return 1 ;; esac
}

# lab_new_file BLOB MODE OWNER
lab_new_file() (lab_in_private && cp "$1" ./new && chown "$3" ./new && chmod "$2" ./new)

# lab_kept_file SAVED
lab_kept_file() (lab_in_private && cp -a "$1" ./kept)

# lab_save N K PATH : keeps what is at PATH, to the last detail that cp knows, before action N touches it.
lab_save() {
  if [ -e "$3" ] || [ -L "$3" ]; then
    cp -a "$3" "$LAB_DIR/saved.$1.$2" && lab_sync "$LAB_DIR/saved.$1.$2"
  else
    : >"$LAB_DIR/saved.$1.$2.absent"
  fi
}

# lab_same SAVED PATH : still the regular file that was saved, so nothing is to be put back: it may be immutable, or on a
# read-only file system, and that is why the action failed.
lab_same() {
  [ -f "$1" ] && [ ! -L "$1" ] && [ -f "$2" ] && [ ! -L "$2" ] &&
    [ "$(stat -c '%f %u %g %s %Y' "$1")" = "$(stat -c '%f %u %g %s %Y' "$2")" ] && cmp -s "$1" "$2"
}

# lab_restore N K PATH : puts it back. What was absent is removed; a directory only when it is empty.
lab_restore() {
  if [ -e "$LAB_DIR/saved.$1.$2.absent" ]; then
    if [ -d "$3" ] && [ ! -L "$3" ]; then
      rmdir "$3"
    else
      rm -f "$3"
    fi
  elif [ ! -e "$LAB_DIR/saved.$1.$2" ] && [ ! -L "$LAB_DIR/saved.$1.$2" ]; then
    echo "nothing was kept of $3"
    return 1
  elif [ -d "$LAB_DIR/saved.$1.$2" ] && [ ! -L "$LAB_DIR/saved.$1.$2" ]; then
    if [ -d "$3" ] && [ ! -L "$3" ]; then
      # Only the folder itself changed (mode, owner): its entries have pre-images of their own.
      cp -a "$LAB_DIR/saved.$1.$2/." "$3"
    else
      rm -f "$3"
      cp -a "$LAB_DIR/saved.$1.$2" "$3"
    fi
  elif ! lab_same "$LAB_DIR/saved.$1.$2" "$3"; then
    LAB_PRIVATE=${3%/*}/.lab-$LAB_RUN-restore
    rm -rf "$LAB_PRIVATE"
    if [ -d "$3" ] && [ ! -L "$3" ]; then rmdir "$3" || return 1; fi
    mkdir -m 0700 "$LAB_PRIVATE" && lab_kept_file "$LAB_DIR/saved.$1.$2" && lab_move "$LAB_PRIVATE/kept" "$3"
    lab_status=$?
    rm -rf "$LAB_PRIVATE"
    return "$lab_status"
  fi
}

# lab_write BLOB PATH TEMPORARY MODE OWNER GROUP [VALIDATE…] : the new file is complete, synced, owned and validated
# beside the old one, where relative includes find what they name, before a rename puts it in its place.
lab_write() {
  lab_blob=$LAB_DIR/blobs/$1
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
  if mkdir -m 0700 "$LAB_PRIVATE" && lab_new_file "$lab_blob" "$lab_mode" "$lab_owner" &&
    mv -f -T "$LAB_PRIVATE/new" "$lab_temporary" && rmdir "$LAB_PRIVATE" &&
    lab_valid "$@" && lab_sync "$lab_temporary" && lab_move "$lab_temporary" "$lab_path"; then
    return 0
  fi
  rm -rf "$LAB_PRIVATE" "$lab_temporary"
  return 1
}

lab_valid() {
  [ $# -gt 0 ] || return 0
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
  lab_enter "$1" && chown "$3:$4" . && chmod "$2" .
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
    (lab_enter "$2" && chmod "$1" .)
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

# lab_pending_add NAME KEY / lab_pending_clear NAME : a restart is written down before the change that needs it.
lab_pending_add() { printf '%s\n' "$2" >"$LAB_STATE/pending/$1" && lab_sync "$LAB_STATE/pending/$1"; }
lab_pending_clear() { rm -f "$LAB_STATE/pending/$1"; }

lab_action() {
  LAB_ACTION_DIR=$LAB_DIR/action.$1
  export LAB_ACTION_DIR
  # The journal says what is about to happen, and holds what is needed to undo it, before it happens.
  if ! mkdir -p "$LAB_ACTION_DIR" || ! "save_$1" || ! lab_journal "begin $1" || ! lab_sync "$LAB_DIR/journal" "$LAB_DIR"; then
    echo "the journal cannot be written: nothing was changed"
    # What fills the disk must not stay.
    rm -rf "$LAB_DIR/saved.$1".*
    return 97
  fi
  ("apply_$1") </dev/null
}

lab_apply_all() {
  # Room for marks and journal lines, given back when the disk is full at the worst moment.
  if ! head -c 65536 /dev/zero >"$LAB_DIR/reserve"; then
    rm -f "$LAB_DIR/reserve"
    echo "no space for the journal in $LAB_STATE: nothing was changed"
    lab_mark a 1
    lab_mark z 1 97
    lab_mark end failed
    return
  fi
  printf '%s\n' "$LAB_RUN" >"$LAB_STATE/last-run"
  lab_n=0
  lab_end=complete
  while [ "$lab_n" -lt "$1" ]; do
    lab_n=$((lab_n + 1))
    if [ -e "$LAB_DIR/stop" ]; then
      lab_end=stopped
      break
    fi
    lab_mark a "$lab_n"
    lab_action "$lab_n"
    lab_result=$?
    if [ "$lab_result" -ne 0 ]; then
      rm -f "$LAB_DIR/reserve"
      # 97: it did not begin. Otherwise what it did half is taken back, so that the resource is as before.
      [ "$lab_result" -eq 97 ] || ("revert_$lab_n") </dev/null >"$LAB_DIR/revert.$lab_n.log" 2>&1 || lab_mark unreverted "$lab_n"
      lab_journal "failed $lab_n $lab_result"
      lab_mark z "$lab_n" "$lab_result"
      lab_end=failed
      break
    fi
    rm -f "$LAB_DIR/blobs/a$lab_n".*
    lab_journal "done $lab_n"
    lab_mark z "$lab_n" 0
  done
  rm -f "$LAB_DIR/reserve"
  lab_journal "end $lab_end"
  # Nobody is there to release the lock when the controller's shell has gone, or hears nothing any more.
  if ! kill -0 "$LAB_CONTROLLER" 2>/dev/null || [ -z "$(find "$LAB_STATE/runs/$LAB_RUN/heartbeat" -mmin -1 2>/dev/null)" ]; then
    printf '%s\n' "$lab_end" >"$LAB_STATE/runs/$LAB_RUN/state"
    rm -f "$LAB_STATE/lock"
  fi
  lab_mark end "$lab_end"
}

lab_journaled() { grep -q -x "$1" "$LAB_DIR/journal"; }

# Everything that was begun, also what a reboot cut short; what failed was taken back when it failed.
lab_revert_all() {
  lab_n=$1
  while [ "$lab_n" -gt 0 ]; do
    if lab_journaled "begin $lab_n" && ! lab_journaled "failed $lab_n [0-9]*" && ! lab_journaled "reverted $lab_n"; then
      LAB_ACTION_DIR=$LAB_DIR/action.$lab_n
      export LAB_ACTION_DIR
      lab_mark a "$lab_n"
      ("revert_$lab_n") </dev/null
      lab_result=$?
      [ "$lab_result" -ne 0 ] || lab_journal "reverted $lab_n"
      lab_mark z "$lab_n" "$lab_result"
    fi
    lab_n=$((lab_n - 1))
  done
  lab_mark end reverted
}

lab_drive() {
  case $1 in
    apply) lab_apply_all "$2" ;;
    revert) lab_revert_all "$2" ;;
  esac
}
