# Sent before the first change of a run: the lock, the upload of a stage, its start. POSIX sh. Runs in the shell of the
# connection; the stage itself runs detached from it (apply.sh), so that a lost connection never stops it half-way.

# lab_lock RUN WHO LAST META : takes the host's lock, or says who holds it. Sets LAB_READY when the run may go on. LAST is
# the run that changed the host last when it was read: if another came between, the plan is out of date. META is what the
# history tells of the run.
lab_lock() {
  LAB_READY=
  LAB_RUN=$1
  LAB_PID_FILE=$LAB_STATE/runs/$1/pid
  umask 077
  lab_b lock
  if ! mkdir -p "$LAB_STATE/runs/$1" "$LAB_STATE/pending" || ! chmod 0700 "$LAB_STATE"; then
    lab_e lock 2
    return 0
  fi
  if ! lab_own "$2" || ! printf '%s\n' "$4" >"$LAB_STATE/runs/$1/meta"; then
    lab_forget_run
    lab_e lock 2
    return 0
  fi
  if ! ln "$LAB_STATE/runs/$1/owner" "$LAB_STATE/lock" 2>/dev/null && ! lab_break_stale_lock "$LAB_STATE/runs/$LAB_RUN/owner"; then
    cat "$LAB_STATE/lock.breaking" "$LAB_STATE/lock" 2>/dev/null
    lab_forget_run
    lab_e lock 1
    return 0
  fi
  if [ "$(lab_line_of "$LAB_STATE/last-run" 2>/dev/null)" != "$3" ]; then
    lab_unlock "$LAB_RUN"
    lab_forget_run
    lab_e lock 3
    return 0
  fi
  lab_count
  LAB_READY=1
  lab_e lock 0
}

# The host counts its runs: their names come from the clocks of the controllers, which can differ, and tell seconds only.
lab_count() {
  [ ! -s "$LAB_STATE/runs/$LAB_RUN/number" ] || return 0
  lab_number=$(($(lab_line_of "$LAB_STATE/count" 2>/dev/null) + 1))
  printf '%s\n' "$lab_number" >"$LAB_STATE/count" && printf '%s\n' "$lab_number" >"$LAB_STATE/runs/$LAB_RUN/number"
}

# The names of the runs, oldest first.
lab_runs_in_order() {
  for lab_dir in "$LAB_STATE"/runs/*; do
    printf '%s %s\n' "$(lab_line_of "$lab_dir/number" 2>/dev/null)" "${lab_dir##*/}"
  done | sort -n | cut -d ' ' -f 2
}

# lab_own WHO : writes down whose run it is, and that this shell is its controller. A lock that is this run's tells the same.
lab_own() {
  lab_claim "$1" && lab_renew_lock && lab_sign_in
}

# lab_claim WHO : the same as a file of its own, LAB_CLAIM: nobody may ever read half of what becomes the lock.
lab_claim() {
  lab_clear_breaking
  LAB_CLAIM=$LAB_STATE/runs/$LAB_RUN/owner.$$
  # A shell with the same number may have left it before the host went down, and it may be the lock as well by now.
  rm -f "$LAB_CLAIM"
  lab_since=
  while IFS= read -r lab_line; do
    case $lab_line in since=*) lab_since=${lab_line#since=} ;; esac
  done 2>/dev/null <"$LAB_STATE/runs/$LAB_RUN/owner"
  printf 'run=%s\nwho=%s\npid=%s\nborn=%s\nboot=%s\nsince=%s\n' "$LAB_RUN" "$1" "$$" "$(lab_birth "$$")" "$(lab_boot_id)" "${lab_since:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}" >"$LAB_CLAIM"
}

# Under the lock of those who break locks: between the look and the change, another run could take it. While one of them
# looks, the lock stays as it is.
lab_renew_lock() {
  [ "$(lab_run_of_lock)" = "$LAB_RUN" ] && ln "$LAB_CLAIM" "$LAB_STATE/lock.breaking" 2>/dev/null || return 0
  if [ "$(lab_run_of_lock)" = "$LAB_RUN" ]; then mv -f "$LAB_STATE/lock.breaking" "$LAB_STATE/lock" || :; else rm -f "$LAB_STATE/lock.breaking"; fi
}

# The claim stands, and this shell is there.
lab_sign_in() {
  mv -f "$LAB_CLAIM" "$LAB_STATE/runs/$LAB_RUN/owner" && lab_sign "$LAB_STATE/runs/$LAB_RUN/controller" && lab_beat
}

# lab_beat [SEEN] : the controller is there, and has seen that many actions end.
lab_beat() { printf '%s\n' "${1-0}" >"$LAB_STATE/runs/$LAB_RUN/heartbeat"; }

# Takes back what a refused lock made; the journal of the same run before a reboot stays.
lab_forget_run() {
  [ ! -e "$LAB_STATE/runs/$LAB_RUN/stage-1" ] || return 0
  for lab_name in owner owner.$$ meta number controller heartbeat; do rm -f "$LAB_STATE/runs/$LAB_RUN/$lab_name"; done
  rmdir "$LAB_STATE/runs/$LAB_RUN" 2>/dev/null || :
}

# Takes away what a shell left that died while it broke a lock, with its host perhaps. It is moved aside and looked at
# again: meanwhile another could have cleared it and begun.
lab_clear_breaking() {
  [ -e "$LAB_STATE/lock.breaking" ] && ! lab_lives "$LAB_STATE/lock.breaking" || return 0
  lab_aside=$LAB_STATE/runs/$LAB_RUN/breaking.$$
  mv -f "$LAB_STATE/lock.breaking" "$lab_aside" 2>/dev/null || return 0
  if lab_lives "$lab_aside"; then ln "$lab_aside" "$LAB_STATE/lock.breaking" 2>/dev/null || :; fi
  rm -f "$lab_aside"
}

# lab_lives OWNER : whether the shell that wrote this still runs.
lab_lives() {
  lab_pid=
  lab_born=
  lab_boot=
  while IFS= read -r lab_line; do
    case $lab_line in
      pid=*) lab_pid=${lab_line#pid=} ;;
      born=*) lab_born=${lab_line#born=} ;;
      boot=*) lab_boot=${lab_line#boot=} ;;
    esac
  done 2>/dev/null <"$1"
  [ "$lab_boot" = "$(lab_boot_id)" ] && [ -n "$lab_born" ] && [ "$(lab_birth "$lab_pid")" = "$lab_born" ]
}

# lab_break_stale_lock OWNER : takes the lock from a run that is no more. One at a time judges and breaks it, under a lock of
# its own: otherwise a second one could break what the first has just taken.
lab_break_stale_lock() {
  ln "$1" "$LAB_STATE/lock.breaking" 2>/dev/null || return 1
  lab_broken=1
  if ! lab_held "$LAB_STATE/lock"; then
    rm -f "$LAB_STATE/lock"
    if ln "$1" "$LAB_STATE/lock" 2>/dev/null; then
      lab_broken=0
      [ -z "$lab_held_run" ] || printf 'stale=%s\n' "$lab_held_run"
      lab_forget_unstarted "$lab_held_run"
    fi
  fi
  rm -f "$LAB_STATE/lock.breaking"
  return "$lab_broken"
}

# lab_forget_unstarted RUN : what came of an upload that broke off before its first stage ran.
lab_forget_unstarted() {
  [ -n "$1" ] && [ "$1" != "$LAB_RUN" ] || return 0
  for lab_path in "$LAB_STATE/runs/$1"/stage-*/settings "$LAB_STATE/runs/$1/state"; do
    [ ! -e "$lab_path" ] || return 0
  done
  rm -rf "$LAB_STATE/runs/$1"
}

# lab_abandon RUN : forgets a run that never began, with its lock. The shell of a connection that has just been cut is about
# to end.
lab_abandon() {
  lab_tries=0
  while lab_held "$LAB_STATE/runs/$1/owner"; do
    lab_tries=$((lab_tries + 1))
    [ "$lab_tries" -le 25 ] || return 0
    sleep 0.2 2>/dev/null || sleep 1
  done
  # Like any run that finds a lock which nobody holds, but without a word of it.
  mkdir -p "$LAB_STATE/runs/abandon-$$" || return 0
  lab_before=${LAB_RUN-}
  LAB_RUN=abandon-$$
  if lab_own lab; then
    ln "$LAB_STATE/runs/$LAB_RUN/owner" "$LAB_STATE/lock" 2>/dev/null || lab_break_stale_lock "$LAB_STATE/runs/$LAB_RUN/owner" >/dev/null
    lab_forget_unstarted "$1"
    lab_unlock "$LAB_RUN"
  fi
  lab_forget_run
  LAB_RUN=$lab_before
}

# lab_stage NUMBER : makes the folder that the uploads go into.
lab_stage() {
  [ -n "$LAB_READY" ] || return 0
  if [ "$(lab_run_of_lock)" != "$LAB_RUN" ]; then
    LAB_READY=
    LAB_REFUSED=unlocked
    return 0
  fi
  lab_beat
  LAB_DIR=$LAB_STATE/runs/$LAB_RUN/stage-$1
  mkdir -p "$LAB_DIR/blobs" || LAB_READY=
}

# lab_put NAME : appends base64 from stdin to a file of the stage.
lab_put() {
  if [ -n "$LAB_READY" ]; then
    lab_beat
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

# lab_keep NAME : base64 from stdin becomes a file of the state folder, at once.
lab_keep() {
  if [ -n "$LAB_READY" ]; then
    mkdir -p "$LAB_STATE/${1%/*}" && base64 -d >"$LAB_STATE/$1.new" && mv -f "$LAB_STATE/$1.new" "$LAB_STATE/$1"
  else
    cat >/dev/null
  fi
}

# lab_start [ON_DISCONNECT] [GUARD] : starts the uploaded program in a session of its own.
lab_start() {
  # Whoever found nobody behind the lock while this was uploaded has it by now.
  if [ -n "$LAB_READY" ] && [ "$(lab_run_of_lock)" != "$LAB_RUN" ]; then
    LAB_READY=
    LAB_REFUSED=unlocked
  fi
  if [ -n "$LAB_READY" ] && printf '%s\n' "$LAB_N" "$LAB_STATE" "$LAB_RUN" "${1-finish}" "${2-0}" >"$LAB_DIR/settings"; then
    lab_launch
  else
    lab_forget_stage
    printf '\n%s end %s\n' "$LAB_N" "${LAB_REFUSED-refused}"
  fi
}

# What fills the disk must not stay; nor the lock, as nothing of this stage will ever run.
lab_forget_stage() {
  [ "$(lab_run_of_lock)" = "$LAB_RUN" ] || return 0
  rm -rf "$LAB_DIR"
  if [ "${LAB_DIR##*-}" -gt 1 ]; then lab_note_state "$LAB_RUN" failed "$(lab_now)"; else rm -rf "$LAB_STATE/runs/$LAB_RUN"; fi
  rm -f "$LAB_STATE/lock"
}

# The number of its process is known before anybody asks for it: the program signs as well, with the same.
lab_launch() {
  rm -f "$LAB_DIR/stop"
  : >>"$LAB_DIR/log"
  setsid sh "$LAB_DIR/program" apply "$LAB_DIR" >>"$LAB_DIR/log" 2>&1 </dev/null &
  printf '%s %s\n' "$!" "$(lab_birth $!)" >"$LAB_PID_FILE"
}

# lab_attach RUN STAGE [WHO] : a run that is under way, or has ended meanwhile, gets a new controller: this shell; without
# WHO, it is looked at only. Tells the mark of its log, and what became of it.
lab_attach() {
  LAB_RUN=$1
  LAB_PID_FILE=$LAB_STATE/runs/$1/pid
  LAB_DIR=$LAB_STATE/runs/$1/stage-$2
  LAB_READY=
  umask 077
  if [ -n "${LAB_TAIL-}" ]; then lab_stop_following; fi
  lab_b attach
  if [ -r "$LAB_DIR/settings" ]; then
    lab_fact mark "$(lab_line_of "$LAB_DIR/settings")"
    lab_fact seen "$(lab_line_of "$LAB_STATE/runs/$1/heartbeat")"
    if [ -e "$LAB_STATE/runs/$1/state" ]; then
      lab_fact state "$(lab_line_of "$LAB_STATE/runs/$1/state")"
    elif [ "$#" -gt 2 ] && [ "$(lab_run_of_lock)" = "$1" ] && lab_own "$3"; then
      LAB_READY=1
    fi
    if lab_runs "$LAB_PID_FILE"; then lab_fact running yes; fi
    lab_fact decided "$(readlink "$LAB_DIR/guard.decided" 2>/dev/null)"
    lab_guard_again
  fi
  lab_e attach 0
}

# lab_take_over RUN STAGE WHO : the same for a controller that had no part in the run; 1 while another one is there.
lab_take_over() {
  lab_b take-over
  if lab_attended "$1"; then
    cat "$LAB_STATE/runs/$1/owner"
    lab_e take-over 1
  else
    lab_e take-over 0
    lab_attach "$@"
  fi
}

# A question without an answer of its own: what follows it is what counts.
lab_look() { :; }

# Takes the lock again for a run that was cut short, and goes on with its stage. Whoever has the lock of the same run is
# about to do that.
lab_go_on() {
  lab_b go-on
  lab_claim "$1"
  if ln "$LAB_CLAIM" "$LAB_STATE/lock" 2>/dev/null ||
    { [ "$(lab_run_of_lock)" != "$LAB_RUN" ] && lab_break_stale_lock "$LAB_CLAIM"; }; then
    lab_sign_in
    rm -f "$LAB_STATE/runs/$LAB_RUN/state"
    mv -f "$LAB_DIR/log" "$LAB_DIR/log.before" 2>/dev/null || :
    LAB_READY=1
    lab_launch
    lab_e go-on 0
  else
    rm -f "$LAB_CLAIM"
    cat "$LAB_STATE/lock" 2>/dev/null
    lab_e go-on 1
  fi
}

# lab_confirm RUN STAGE : a fresh connection found its way in, so the stage stays. 1 when it was taken back before.
lab_confirm() {
  lab_b confirm
  lab_stage_dir=$LAB_STATE/runs/$1/stage-$2
  ln -s confirmed "$lab_stage_dir/guard.decided" 2>/dev/null
  [ "$(readlink "$lab_stage_dir/guard.decided")" = confirmed ] && sh "$lab_stage_dir/program" confirmed "$lab_stage_dir" </dev/null
  lab_e confirm $?
}

# A guardian that somebody killed is replaced: without one, nobody would take back what is not confirmed.
lab_guard_again() {
  [ "$(sed -n 5p "$LAB_DIR/settings")" -gt 0 ] || return 0
  if [ -e "$LAB_STATE/runs/$LAB_RUN/state" ] || lab_runs "$LAB_STATE/runs/$LAB_RUN/guardian"; then return 0; fi
  case $(readlink "$LAB_DIR/guard.decided") in '' | expired) ;; *) return 0 ;; esac
  setsid sh "$LAB_DIR/program" guard "$LAB_DIR" >/dev/null 2>&1 </dev/null &
}

# Streams the stage's log from its beginning.
lab_follow() {
  [ -r "$LAB_DIR/log" ] || return 0
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

# lab_check SEEN : says whether the stage still runs: its log may have nowhere to go (a full disk), then no mark would ever
# come. `jobs` makes the shell take note of a child that has ended; before that, kill finds it alive.
lab_check() {
  lab_beat "$1"
  jobs >/dev/null 2>&1
  # The guardian may be taking back what it ended.
  lab_runs "$LAB_PID_FILE" || lab_runs "$LAB_STATE/runs/$LAB_RUN/guardian" || printf '\n%s gone %s\n' "$LAB_N" "${LAB_DIR##*/}"
}

lab_stop_following() {
  lab_stop_tail
  wait "$LAB_TAIL" 2>/dev/null
  LAB_TAIL=
  rm -f "$LAB_DIR"/blobs/a*
}

# lab_seen_end RUN STATE : somebody has seen how a run ended that was alone when it did.
lab_seen_end() { lab_note_state "$1" "$2" "$(lab_now)"; }

# lab_release STATE KEEP : ends the run on this host, and forgets runs beyond the last KEEP.
lab_release() {
  [ -n "$LAB_READY" ] || return 0
  lab_note_state "$LAB_RUN" "$1" "$(lab_now)"
  lab_prune "$2"
  lab_unlock "$LAB_RUN"
}

# lab_unlock RUN : the lock back, unless another run has it by now.
lab_unlock() { if [ "$(lab_run_of_lock)" = "$1" ]; then rm -f "$LAB_STATE/lock"; fi; }

# lab_recover RUN : puts in order what a run that was cut short had half done.
lab_recover() {
  lab_b recover
  # The last stage knows of those before it.
  lab_last=
  for lab_stage_dir in "$LAB_STATE/runs/$1"/stage-*; do
    if [ -r "$lab_stage_dir/settings" ] && [ "${lab_stage_dir##*-}" -gt "${lab_last:-0}" ]; then lab_last=${lab_stage_dir##*-}; fi
  done
  if [ -n "$lab_last" ]; then
    sh "$LAB_STATE/runs/$1/stage-$lab_last/program" recover "$LAB_STATE/runs/$1/stage-$lab_last" </dev/null
    # So damaged that it cannot even say so.
    if [ ! -e "$LAB_STATE/runs/$1/state" ] && ! lab_held "$LAB_STATE/runs/$1/owner" && ! (cd "$LAB_STATE/runs/$1/stage-$lab_last" && sha256sum -c sums >/dev/null 2>&1); then
      lab_note_state "$1" damaged "$(lab_now)"
    fi
  else
    lab_abandon "$1"
  fi
  lab_line_of "$LAB_STATE/runs/$1/state" 2>/dev/null
  lab_e recover 0
}

# lab_prune KEEP : prints the runs it forgot. Of a run that holds the way back to what was there before lab, that way stays.
lab_prune() {
  # A guardian that the power took before it had wiped away its name.
  for lab_path in "$LAB_STATE"/runs/*/guardian; do
    if [ -e "$lab_path" ] && ! lab_runs "$lab_path"; then rm -f "$lab_path"; fi
  done
  lab_over=$(find "$LAB_STATE/runs" -mindepth 1 -maxdepth 1 -type d | wc -l)
  lab_over=$((lab_over - $1))
  for lab_name in $(lab_runs_in_order); do
    [ "$lab_over" -gt 0 ] || break
    lab_over=$((lab_over - 1))
    lab_dir=$LAB_STATE/runs/$lab_name
    # Not one that is under way, nor one whose end nobody has seen.
    case $(lab_line_of "$lab_dir/state" 2>/dev/null) in '' | interrupted* | unattended* | *' unseen') continue ;; esac
    if grep -q -s -r -F " $lab_name/" "$LAB_STATE/origin"; then
      rm -f "$lab_dir"/stage-*/log
    else
      rm -rf "$lab_dir"
      printf '%s\n' "$lab_name"
    fi
  done
}
