# Sent before the first change of a run: the lock, the upload of a stage, its start. POSIX sh. Runs in the shell of the
# connection; the stage itself runs detached from it (apply.sh), so that a lost connection never stops it half-way.

lab_alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }

# lab_lock RUN WHO LAST : takes the host's lock, or says who holds it. Sets LAB_READY when the run may go on. LAST is the
# run that changed the host last when it was read: if another came between, the plan is out of date.
lab_lock() {
  LAB_READY=
  LAB_RUN=$1
  umask 077
  lab_b lock
  if ! mkdir -p "$LAB_STATE/runs/$1" "$LAB_STATE/pending" || ! chmod 0700 "$LAB_STATE"; then
    lab_e lock 2
    return 0
  fi
  lab_line_of "$LAB_STATE/last-run" 2>/dev/null >"$LAB_STATE/runs/$1/before" || :
  printf 'run=%s\nwho=%s\npid=%s\nboot=%s\nsince=%s\n' "$1" "$2" "$$" "$(lab_boot_id)" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$LAB_STATE/runs/$1/owner" || {
    lab_e lock 2
    return 0
  }
  lab_beat
  if ! ln "$LAB_STATE/runs/$1/owner" "$LAB_STATE/lock" 2>/dev/null && ! lab_break_stale_lock; then
    cat "$LAB_STATE/lock.breaking" "$LAB_STATE/lock" 2>/dev/null
    lab_forget_run
    lab_e lock 1
    return 0
  fi
  if [ "$(lab_line_of "$LAB_STATE/last-run" 2>/dev/null)" != "$3" ]; then
    rm -f "$LAB_STATE/lock"
    lab_forget_run
    lab_e lock 3
    return 0
  fi
  LAB_READY=1
  lab_e lock 0
}

# The controller's shell can outlive the connection by hours, where the network went without a word: the controller is there
# as long as its words come.
lab_beat() { : >"$LAB_STATE/runs/$LAB_RUN/heartbeat"; }
lab_beats() { [ ! -e "$LAB_STATE/runs/$1/heartbeat" ] || [ -n "$(find "$LAB_STATE/runs/$1/heartbeat" -mmin -1 2>/dev/null)" ]; }

# Takes back what a refused lock made; the journal of the same run before a reboot stays.
lab_forget_run() {
  rm -f "$LAB_STATE/runs/$LAB_RUN/owner" "$LAB_STATE/runs/$LAB_RUN/before" "$LAB_STATE/runs/$LAB_RUN/heartbeat"
  rmdir "$LAB_STATE/runs/$LAB_RUN" 2>/dev/null || :
}

# lab_held FILE : whether the shell or the stage that took this lock lives, on this boot of the host.
lab_held() {
  lab_held_run=
  lab_held_pid=
  lab_held_boot=
  while IFS= read -r lab_line; do
    case $lab_line in
      run=*) lab_held_run=${lab_line#run=} ;;
      pid=*) lab_held_pid=${lab_line#pid=} ;;
      boot=*) lab_held_boot=${lab_line#boot=} ;;
    esac
  done 2>/dev/null <"$1"
  [ "$lab_held_boot" = "$(lab_boot_id)" ] || return 1
  lab_alive "$(lab_line_of "$LAB_STATE/runs/$lab_held_run/pid" 2>/dev/null)" && return 0
  lab_alive "$lab_held_pid" && lab_beats "$lab_held_run"
}

# Takes the lock from a run that is no more. One at a time judges and breaks it, under a lock of its own: otherwise a
# second one could break what the first has just taken.
lab_break_stale_lock() {
  if ! ln "$LAB_STATE/runs/$LAB_RUN/owner" "$LAB_STATE/lock.breaking" 2>/dev/null; then
    lab_held "$LAB_STATE/lock.breaking" || rm -f "$LAB_STATE/lock.breaking"
    return 1
  fi
  lab_broken=1
  if ! lab_held "$LAB_STATE/lock"; then
    rm -f "$LAB_STATE/lock"
    if ln "$LAB_STATE/runs/$LAB_RUN/owner" "$LAB_STATE/lock" 2>/dev/null; then
      lab_broken=0
      [ -z "$lab_held_run" ] || printf 'stale=%s\n' "$lab_held_run"
    fi
  fi
  rm -f "$LAB_STATE/lock.breaking"
  return "$lab_broken"
}

# lab_stage NUMBER : makes the folder that the uploads go into.
lab_stage() {
  [ -n "$LAB_READY" ] || return 0
  lab_beat
  LAB_DIR=$LAB_STATE/runs/$LAB_RUN/stage-$1
  mkdir -p "$LAB_DIR/blobs" || LAB_READY=
}

# lab_put NAME : appends base64 from stdin to a file of the stage.
lab_put() {
  if [ -n "$LAB_READY" ]; then
    base64 -d >>"$LAB_DIR/$1" || {
      LAB_READY=
      lab_b upload
      printf '%s\n' "$1"
      lab_e upload 1
    }
  else
    cat >/dev/null
  fi
}

# Starts the uploaded program in a session of its own.
lab_start() {
  LAB_PID=
  if [ -z "$LAB_READY" ]; then
    printf '\n%s end refused\n' "$LAB_N"
    return 0
  fi
  : >"$LAB_DIR/log"
  printf '%s\n' "$LAB_N" "$LAB_STATE" "$LAB_RUN" "$$" >"$LAB_DIR/settings"
  setsid sh "$LAB_DIR/program" apply "$LAB_DIR" >>"$LAB_DIR/log" 2>&1 </dev/null &
  LAB_PID=$!
}

# Streams the stage's log from here on.
lab_follow() {
  [ -n "$LAB_PID" ] || return 0
  # Where tail cannot be told of changes (overlayfs), it looks once a second unless asked to look more often.
  lab_interval=0.05
  tail -s "$lab_interval" -n 0 /dev/null >/dev/null 2>&1 || lab_interval=1
  # When the connection is cut the shell comes to the end of its input, and nobody is left to read the log. (With traps
  # for signals as well, no shell would end on one while it waits for input.)
  LAB_TAIL=
  trap lab_stop_tail EXIT
  tail -s "$lab_interval" -n +1 -f "$LAB_DIR/log" 2>/dev/null </dev/null &
  LAB_TAIL=$!
}

lab_stop_tail() { [ -z "$LAB_TAIL" ] || kill "$LAB_TAIL" 2>/dev/null; }

# Says whether the stage still runs: its log may have nowhere to go (a full disk), then no mark would ever come. `jobs`
# makes the shell take note of a child that has ended; before that, kill finds it alive.
lab_check() {
  lab_beat
  jobs >/dev/null 2>&1
  lab_alive "$LAB_PID" || printf '\n%s gone %s\n' "$LAB_N" "${LAB_DIR##*/}"
}

lab_stop_following() {
  lab_stop_tail
  wait "$LAB_TAIL" 2>/dev/null
  LAB_TAIL=
  rm -f "$LAB_DIR"/blobs/a*
}

# lab_release STATE : ends the run on this host.
lab_release() {
  [ -n "$LAB_READY" ] || return 0
  printf '%s\n' "$1" >"$LAB_STATE/runs/$LAB_RUN/state"
  rm -f "$LAB_STATE/lock"
}
