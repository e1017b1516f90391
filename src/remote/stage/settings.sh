# The beginning of every stage's program: where it runs, and how it speaks. POSIX sh. The program runs detached from the
# connection, with its output in the stage's log:  sh program apply|revert|take-back|settle|recover|guard|confirmed DIR
# After it come, for every action N, the functions written by the controller: save_N (pre-images), apply_N, after_N
# (post-images), revert_N, settle_N (restarts that follow an undoing); and at last  lab_drive "$1" COUNT.

LC_ALL=C
DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
umask 077
# Not through the environment: a command that a stage runs could forge the marks of its log.
LAB_DIR=$2
# shellcheck disable=SC2034 # used in drive.sh and guard.sh
{
  IFS= read -r LAB_N
  IFS= read -r LAB_STATE
  IFS= read -r LAB_RUN
  # What to do when nobody listens any more: finish, stop or revert.
  IFS= read -r LAB_ON_DISCONNECT
  # Seconds that the guard waits for a fresh connection; 0 is no guard.
  IFS= read -r LAB_GUARD
} <"$LAB_DIR/settings"
LAB_RUN_DIR=$LAB_STATE/runs/$LAB_RUN
# shellcheck disable=SC2034 # used in steps.sh
LAB_UID=$(id -u)

# On a full disk the reserve is given up for it. An exclamation mark ends what was written before the disk was full: whoever
# reads the log passes over it. (LAB_N comes from the controller's shell.)
# shellcheck disable=SC2153
lab_mark() {
  printf '\n%s %s\n' "$LAB_N" "$*" && return
  rm -f "$LAB_DIR/reserve"
  printf ' !\n\n%s %s\n' "$LAB_N" "$*"
}

lab_sync() { sync "$@" 2>/dev/null || sync; }

# lab_end_run STATE [unseen] : what became of the run, and whether its controller was gone by then; and the lock back.
lab_end_run() {
  lab_note_state "$LAB_RUN" "$1" "$(lab_now)${2:+ $2}"
  if [ "$(lab_run_of_lock)" = "$LAB_RUN" ]; then rm -f "$LAB_STATE/lock"; fi
  lab_sync "$LAB_RUN_DIR/state"
}
