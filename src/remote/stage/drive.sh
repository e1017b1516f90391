# Drives the actions of a stage, forwards and back. POSIX sh. The end of the fixed part of every stage's program.
# shellcheck disable=SC2153,SC2154 # settings.sh gives LAB_STATE, journal.sh lab_fate

# lab_pending_add NAME KEY / lab_pending_clear NAME : a restart is written down before the change that needs it.
lab_pending_add() {
  if [ -e "$LAB_STATE/pending/$1" ]; then rm -f "$LAB_ACTION_DIR/pending.$1"; else : >"$LAB_ACTION_DIR/pending.$1"; fi
  printf '%s\n' "$2" >"$LAB_STATE/pending/$1" && lab_sync "$LAB_STATE/pending/$1"
}
lab_pending_clear() { rm -f "$LAB_STATE/pending/$1"; }

# lab_pending_forget NAME : the change that needed it was taken back. What was due before it still is; and after a boot so is
# a service that may have been started with what was taken back.
lab_pending_forget() {
  if lab_booted_since; then
    case $(lab_line_of "$LAB_STATE/pending/$1") in *" unit:"*) return 0 ;; esac
  fi
  [ ! -e "$LAB_ACTION_DIR/pending.$1" ] || rm -f "$LAB_STATE/pending/$1"
}

# A boot starts services before this takes back what they were started with.
lab_restart_due() {
  [ -d /run/systemd/system ] || return 0
  for lab_path in "$LAB_STATE"/pending/*; do
    lab_key=$(lab_line_of "$lab_path")
    case $lab_key in "restart unit:"* | "reload unit:"*) ;; *) continue ;; esac
    systemctl daemon-reload
    if systemctl try-restart -- "${lab_key#* unit:}"; then rm -f "$lab_path"; fi
  done
}

lab_action() {
  LAB_ACTION_DIR=$LAB_DIR/action.$1
  export LAB_ACTION_DIR
  # The journal says what is about to happen, and holds what is needed to undo it, before it happens.
  if [ ! -e "$LAB_DIR/reserve" ] || ! mkdir -p "$LAB_ACTION_DIR" || ! "save_$1" || ! lab_journal "begin $1" || ! lab_sync "$LAB_DIR/journal" "$LAB_DIR"; then
    echo "the journal cannot be written: nothing was changed"
    # What fills the disk must not stay.
    rm -rf "$LAB_DIR/saved.$1".*
    return 97
  fi
  ("apply_$1") </dev/null
}

lab_apply_all() {
  lab_sign "$LAB_RUN_DIR/pid"
  # Room for marks and journal lines, given back when the disk is full at the worst moment.
  if ! head -c 65536 /dev/zero >"$LAB_DIR/reserve" || ! lab_load_journal || ! lab_hook; then
    lab_refuse_all
    return
  fi
  if lab_guarded && ! lab_arm_guard; then
    echo "the guard could not be armed"
    lab_decide failed
    lab_refuse_all
    return
  fi
  printf '%s\n' "$LAB_RUN" >"$LAB_STATE/last-run"
  lab_n=0
  lab_end=complete
  while [ "$lab_n" -lt "$1" ]; do
    lab_n=$((lab_n + 1))
    # Done before the host went down or was told to stop.
    lab_fate "$lab_n"
    [ "$lab_fate" != "done" ] || continue
    lab_may_go_on || break
    lab_mark a "$lab_n"
    if lab_guarded; then "limit_$lab_n"; fi
    lab_action "$lab_n"
    lab_result=$?
    if [ "$lab_result" -ne 0 ]; then
      lab_fail "$lab_n" "$lab_result"
      lab_end=failed
      break
    fi
    lab_clear "$LAB_DIR/blobs/a$lab_n".*
    if lab_guarded; then lab_deadline "$LAB_GUARD"; fi
    "after_$lab_n"
    lab_journal "done $lab_n"
    lab_mark z "$lab_n" 0
  done
  # What only the controller can go on with stays undone without it.
  if [ "$lab_end" = complete ] && [ "$LAB_ON_DISCONNECT" = revert ]; then lab_is_followed || lab_end=reverted; fi
  rm -f "$LAB_DIR/reserve"
  lab_finish "$lab_end"
}

# Nothing was changed; the run can be tried again.
lab_refuse_all() {
  # Room for what is to be said.
  rm -rf "$LAB_DIR/reserve" "$LAB_DIR/blobs"
  echo "no journal can be kept in $LAB_STATE: nothing was changed"
  lab_mark a 1
  lab_mark z 1 97
  lab_unhook
  lab_mark end failed
}

# False, with lab_end set, when the stage must not go on.
lab_may_go_on() {
  if [ -e "$LAB_DIR/stop" ]; then
    lab_end=stopped
    return 1
  fi
  [ "$LAB_ON_DISCONNECT" != finish ] || return 0
  lab_is_followed && return 0
  if [ "$LAB_ON_DISCONNECT" = stop ]; then lab_end=stopped; else lab_end=reverted; fi
  return 1
}

# A controller that lost its connection tries to come back for half a minute. What is gone for longer is gone.
lab_is_followed() {
  lab_tries=0
  until lab_attended "$LAB_RUN"; do
    lab_tries=$((lab_tries + 1))
    [ "$lab_tries" -le 30 ] || return 1
    sleep 1
  done
}

# lab_fail N CODE : what an action did half is taken back, so that the resource is as before.
lab_fail() {
  rm -f "$LAB_DIR/reserve"
  # 97: it did not begin.
  if [ "$2" -ne 97 ]; then
    lab_undone=ok
    ("revert_$1") </dev/null >"$LAB_DIR/revert.$1.log" 2>&1 || lab_undone=
    ("settle_$1") </dev/null >>"$LAB_DIR/revert.$1.log" 2>&1 || lab_undone=
    [ -n "$lab_undone" ] || lab_mark unreverted "$1"
  fi
  lab_journal "failed $1 $2"
  lab_mark z "$1" "$2"
}

# lab_finish END : complete, failed, stopped or reverted.
lab_finish() {
  lab_end=$1
  if lab_guarded && [ "$lab_end" != complete ]; then
    # All or nothing: a half of what leads to another way in may lead nowhere.
    if ! lab_decide "$lab_end"; then
      # The guardian came first, and ends this process.
      sleep 60
      return
    fi
    if [ "$lab_end" = reverted ]; then lab_revert_run; else lab_revert_all; fi
  elif [ "$lab_end" = reverted ]; then
    lab_revert_run
  fi
  lab_journal "end $lab_end"
  # Until it is confirmed, a reboot takes it back.
  if ! lab_guarded || [ "$lab_end" != complete ]; then
    lab_unhook
    # Nobody is there to end the run when the controller has gone.
    lab_attended "$LAB_RUN" || lab_end_run "$(lab_unattended "$lab_end")" unseen
  fi
  lab_mark end "$lab_end"
}

# Finished alone: what comes after this stage, only the controller knows.
lab_unattended() { if [ "$1" = complete ]; then printf unattended; else printf '%s' "$1"; fi; }

# Takes back every action that stands, last first. Restarts follow when all files are as before.
lab_revert_all() {
  lab_take_back_all
  lab_settle_all
}

lab_take_back_all() {
  lab_journaled undoing || lab_journal undoing
  lab_n=$lab_count
  while [ "$lab_n" -gt 0 ]; do
    lab_fate "$lab_n"
    case $lab_fate in begin | done) lab_revert "$lab_n" ;; esac
    lab_n=$((lab_n - 1))
  done
}

lab_settle_all() {
  lab_n=0
  while [ "$lab_n" -lt "$lab_count" ]; do
    lab_n=$((lab_n + 1))
    # A restart that failed because of what is taken back by now can succeed.
    lab_fate "$lab_n"
    case $lab_fate in reverted | failed) ;; *) continue ;; esac
    lab_settle "$lab_n"
  done
  lab_journal undone
}

# lab_revert N
lab_revert() {
  LAB_ACTION_DIR=$LAB_DIR/action.$1
  export LAB_ACTION_DIR
  lab_remove_unfinished
  lab_result=1
  if lab_kept_intact "$1"; then
    ("revert_$1") </dev/null
    lab_result=$?
  else
    # shellcheck disable=SC2034 # lab_recover reads it
    lab_damaged=yes
  fi
  if [ "$lab_result" -eq 0 ]; then
    lab_journal "reverted $1"
    "forget_$1"
  fi
  lab_mark undone "$1" "$lab_result"
}

# What a command of the action was making beside its place when it was cut short: it says where, by a link.
lab_remove_unfinished() {
  lab_unfinished=$(readlink "$LAB_ACTION_DIR/unfinished") && rm -rf "$lab_unfinished"
}

# lab_settle N : the restart that follows an undoing; what fails stays due.
lab_settle() {
  LAB_ACTION_DIR=$LAB_DIR/action.$1
  export LAB_ACTION_DIR
  ("settle_$1") </dev/null && return
  "due_$1"
  lab_mark unsettled "$1"
}

# lab_in_stage NUMBER VERB : with its own log, as its numbers are not those of this stage.
lab_in_stage() {
  lab_earlier=$LAB_RUN_DIR/stage-$1
  sh "$lab_earlier/program" "$2" "$lab_earlier" </dev/null >>"$lab_earlier/log" 2>&1
}

# Of all that would be taken back nothing has changed: of the stages before this one as well, where the whole run is to go.
lab_run_is_intact() {
  lab_is_intact && lab_load_journal || return 1
  [ "$LAB_ON_DISCONNECT" = revert ] || return 0
  lab_stage_number=${LAB_DIR##*-}
  while [ "$lab_stage_number" -gt 1 ]; do
    lab_stage_number=$((lab_stage_number - 1))
    lab_is_intact "$LAB_RUN_DIR/stage-$lab_stage_number" && lab_in_stage "$lab_stage_number" look || return 1
  done
}

# This stage and those before it; a service may have been restarted by a later stage than the one with its files.
lab_revert_run() {
  lab_take_back_all
  lab_stage_number=${LAB_DIR##*-}
  while [ "$lab_stage_number" -gt 1 ]; do
    lab_stage_number=$((lab_stage_number - 1))
    lab_in_stage "$lab_stage_number" take-back || lab_damaged=yes
  done
  while [ "$lab_stage_number" -lt "${LAB_DIR##*-}" ]; do
    lab_in_stage "$lab_stage_number" settle
    lab_stage_number=$((lab_stage_number + 1))
  done
  lab_settle_all
}

# The stage that nobody confirmed; and what came before it, where all of a run is to go without its controller.
lab_revert_unconfirmed() {
  if [ "$LAB_ON_DISCONNECT" = revert ] && ! lab_attended "$LAB_RUN"; then lab_revert_run; else lab_revert_all; fi
}

# After a crash: what stands half done is taken back; more than that only when the guard or the playbook say so.
lab_recover() {
  exec >>"$LAB_DIR/log" 2>&1
  if [ -e "$LAB_RUN_DIR/state" ] || lab_held "$LAB_RUN_DIR/owner"; then return 0; fi
  lab_state=interrupted
  lab_damaged=
  lab_booted_since || lab_kill_session "$LAB_RUN_DIR/pid"
  if ! lab_run_is_intact; then
    lab_damaged=yes
  elif lab_guarded && [ "$(lab_decision)" != confirmed ]; then
    lab_decide rebooted
    lab_mark unconfirmed
    lab_revert_unconfirmed
    lab_state=guard-reverted
  elif { lab_journaled undoing && ! lab_journaled undone; } || [ "$LAB_ON_DISCONNECT" = revert ]; then
    lab_revert_run
    lab_state=reverted
  else
    lab_recover_half
  fi
  if lab_booted_since && [ -z "$lab_damaged" ]; then lab_restart_due; fi
  [ -z "$lab_damaged" ] || lab_state=damaged
  rm -f "$LAB_RUN_DIR/guardian"
  # The hook goes first: with the lock given back, another run may hang up its own.
  lab_unhook
  lab_end_run "$lab_state"
  lab_mark end "$lab_state"
}

# The host has booted since the run, or its last controller, was at work.
lab_booted_since() {
  lab_boot=
  while IFS= read -r lab_line; do
    case $lab_line in boot=*) lab_boot=${lab_line#boot=} ;; esac
  done 2>/dev/null <"$LAB_RUN_DIR/owner"
  [ "$lab_boot" != "$(lab_boot_id)" ]
}

lab_recover_half() {
  lab_n=$lab_count
  while [ "$lab_n" -gt 0 ]; do
    lab_fate "$lab_n"
    if [ "$lab_fate" = begin ]; then
      lab_revert "$lab_n"
      lab_settle "$lab_n"
    fi
    lab_n=$((lab_n - 1))
  done
}

# lab_drive VERB COUNT
lab_drive() {
  lab_count=$2
  case $1 in
    apply) lab_apply_all "$2" ;;
    guard) lab_watch ;;
    confirmed) lab_confirmed ;;
    recover) lab_recover ;;
    look) lab_load_journal ;;
    # False when something that it kept is damaged.
    take-back) lab_load_journal && lab_take_back_all && [ -z "${lab_damaged-}" ] ;;
    settle) lab_load_journal && lab_settle_all ;;
    revert)
      lab_load_journal && lab_revert_all
      lab_mark end reverted
      ;;
  esac
}
