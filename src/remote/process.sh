# Processes that outlive a connection: whether one still runs, and how to end all that it began. POSIX sh. Part of every
# stage's program and of the control script.

# Seconds since the boot; whole ones.
lab_uptime() {
  IFS=' .' read -r lab_seconds _ </proc/uptime
  printf '%s' "$lab_seconds"
}

# lab_birth PID : when a process began, in clock ticks since the boot; nothing when there is none. A number is used again,
# a number with its birth is not.
lab_birth() {
  lab_line=$(lab_line_of "/proc/$1/stat")
  [ -n "$lab_line" ] || return 0
  # Split on purpose; the name, which may hold anything, ends with the last parenthesis (proc(5)).
  # shellcheck disable=SC2086
  set -- ${lab_line##*) }
  shift 19 2>/dev/null && printf '%s' "$1"
}

# lab_runs FILE : whether the process whose number and birth stand in the file still runs.
lab_runs() {
  lab_pid=
  lab_born=
  { IFS=' ' read -r lab_pid lab_born || :; } 2>/dev/null <"$1"
  [ -n "$lab_pid" ] && kill -0 "$lab_pid" 2>/dev/null && [ "$(lab_birth "$lab_pid")" = "$lab_born" ] || return 1
  # One that has ended, and that its parent has not asked for, does nothing any more.
  case $(lab_line_of "/proc/$lab_pid/stat") in *') Z '*) return 1 ;; esac
}

# lab_sign FILE : writes this shell down.
lab_sign() { printf '%s %s\n' "$$" "$(lab_birth "$$")" >"$1"; }

# lab_kill_session FILE : ends the process in the file and all of its session. (A signal to its group would miss what
# timeout starts, which has a group of its own.) While any of them lives, no other session can have that number; when its
# leader has another birth, all of them are gone.
lab_kill_session() {
  lab_pid=
  lab_born=
  { IFS=' ' read -r lab_pid lab_born || :; } 2>/dev/null <"$1"
  [ -n "$lab_pid" ] && [ "$lab_pid" != "$$" ] || return 0
  if [ -d "/proc/$lab_pid" ] && [ "$(lab_birth "$lab_pid")" != "$lab_born" ]; then return 0; fi
  for lab_stat in /proc/[0-9]*/stat; do
    lab_line=$(lab_line_of "$lab_stat")
    lab_of=${lab_stat#/proc/}
    # shellcheck disable=SC2086
    set -- ${lab_line##*) }
    # proc(5): after the name come state, ppid, pgrp, session.
    if [ "${4-}" = "$lab_pid" ] && [ "${lab_of%/stat}" != "$$" ]; then kill -KILL "${lab_of%/stat}" 2>/dev/null; fi
  done
  return 0
}

# lab_note_state RUN WORD… : what became of a run, and when; as a whole or not at all.
lab_note_state() {
  lab_state_file=$LAB_STATE/runs/$1/state
  shift
  printf '%s\n' "$*" >"$lab_state_file.new" && mv -f "$lab_state_file.new" "$lab_state_file"
}

lab_now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

lab_run_of_lock() {
  while IFS= read -r lab_line; do
    case $lab_line in run=*) printf '%s' "${lab_line#run=}" ;; esac
  done 2>/dev/null <"$LAB_STATE/lock"
}

# lab_held FILE : whether the shell or the stage that took this lock lives, on this boot of the host.
lab_held() {
  lab_held_run=
  lab_held_boot=
  while IFS= read -r lab_line; do
    case $lab_line in
      run=*) lab_held_run=${lab_line#run=} ;;
      boot=*) lab_held_boot=${lab_line#boot=} ;;
    esac
  done 2>/dev/null <"$1"
  [ "$lab_held_boot" = "$(lab_boot_id)" ] || return 1
  lab_runs "$LAB_STATE/runs/$lab_held_run/pid" || lab_runs "$LAB_STATE/runs/$lab_held_run/guardian" || lab_attended "$lab_held_run"
}

# lab_attended RUN : whether the controller is there: its shell can outlive the connection by hours, where the network went
# without a word, so its words have to come as well.
lab_attended() {
  lab_runs "$LAB_STATE/runs/$1/controller" && [ -n "$(find "$LAB_STATE/runs/$1/heartbeat" -mmin -1 2>/dev/null)" ]
}
