# Reads the journal of a host, and changes nothing. POSIX sh. Sent by the commands that look at earlier runs.
# shellcheck disable=SC2154 # process.sh assigns lab_pid and lab_held_boot

# One frame a run, in no order.
lab_read_runs() {
  for lab_dir in "$LAB_STATE"/runs/*; do
    [ -r "$lab_dir/owner" ] || continue
    lab_b "run ${lab_dir##*/}"
    cat "$lab_dir/owner"
    lab_fact number "$(lab_line_of "$lab_dir/number" 2>/dev/null)"
    lab_fact meta "$(lab_line_of "$lab_dir/meta" 2>/dev/null)"
    lab_fact state "$(lab_line_of "$lab_dir/state" 2>/dev/null)"
    if lab_runs "$lab_dir/pid" || lab_runs "$lab_dir/guardian"; then lab_fact running yes; fi
    if [ "$(lab_run_of_lock)" = "${lab_dir##*/}" ]; then lab_fact locked yes; fi
    for lab_stage_dir in "$lab_dir"/stage-*; do
      [ -r "$lab_stage_dir/plan" ] && lab_fact stage "${lab_stage_dir##*-}"
    done
    # Of every action, by the one place in its line where this cannot be part of a text.
    sed -n 's/.*,"role":"\([^"]*\)".*/role=\1/p' "$lab_dir"/stage-*/plan 2>/dev/null
    lab_fact "done" "$(cat "$lab_dir"/stage-*/journal 2>/dev/null | grep -c '^done ')"
    lab_e run 0
  done
}

# What the lock says, and whether anybody is behind it.
lab_read_lock() {
  lab_b lock
  if [ -r "$LAB_STATE/lock" ]; then
    cat "$LAB_STATE/lock"
    lab_fact now "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
    lab_name=$(lab_run_of_lock)
    if lab_held "$LAB_STATE/lock"; then lab_fact held yes; fi
    [ "$lab_held_boot" = "$(lab_boot_id)" ] || lab_fact rebooted yes
    if lab_runs "$LAB_STATE/runs/$lab_name/pid"; then lab_fact stage "$lab_pid"; fi
    if lab_runs "$LAB_STATE/runs/$lab_name/guardian"; then lab_fact guardian "$lab_pid"; fi
    if lab_attended "$lab_name"; then lab_fact controller "$lab_pid"; fi
  fi
  lab_e lock 0
}

# lab_read_stage RUN STAGE : its plan, its journal, what of it does not have its checksum any more, and the checksums of what
# it kept.
lab_read_stage() {
  lab_dir=$LAB_STATE/runs/$1/stage-$2
  lab_b "plan $1 $2"
  cat "$lab_dir/plan"
  lab_e plan $?
  lab_b "journal $1 $2"
  if [ -e "$lab_dir/journal" ]; then cat "$lab_dir/journal"; fi
  lab_e journal $?
  lab_b "damaged $1 $2"
  lab_sums_of "$lab_dir" | lab_not_as_summed
  lab_e damaged 0
}

# lab_read_damage RUN/stage-N… : what does not have its checksum any more, RUN/stage-N/PART, and the journals of all.
lab_read_damage() {
  lab_b damaged
  for lab_name; do lab_sums_of "$LAB_STATE/runs/$lab_name"; done | lab_not_as_summed
  lab_e damaged 0
  for lab_name; do
    lab_b "journal ${lab_name%%/*} ${lab_name##*-}"
    cat "$LAB_STATE/runs/$lab_name/journal" 2>/dev/null
    lab_e journal 0
  done
}

# lab_sums_of FOLDER : the checksums of a stage, with whole paths.
lab_sums_of() {
  if [ -r "$1/sums" ]; then
    while IFS= read -r lab_line; do printf '%s  %s\n' "${lab_line%%  *}" "$1/${lab_line#*  }"; done <"$1/sums"
  else
    printf '%064d  %s\n' 0 "$1/sums"
  fi
}

# Prints what of these does not fit, below the runs.
lab_not_as_summed() {
  sha256sum -c 2>/dev/null | while IFS= read -r lab_line; do
    case $lab_line in
      *': OK') ;;
      *)
        lab_line=${lab_line%%: FAILED*}
        printf '%s\n' "${lab_line#"$LAB_STATE/runs/"}"
        ;;
    esac
  done
}

# lab_read_kept RUN STAGE NUMBER COUNT : the checksum of every pre-image of an action.
lab_read_kept() {
  lab_b "kept $1 $2 $3"
  lab_k=0
  while [ "$lab_k" -lt "$4" ]; do
    lab_saved=$LAB_STATE/runs/$1/stage-$2/saved.$3.$lab_k
    if [ -e "$lab_saved.absent" ]; then
      echo absent
    elif [ -e "$lab_saved.reference" ]; then
      echo reference
    elif [ -e "$lab_saved.listed" ]; then
      printf '%s\n' "$(lab_sum_of_listing "$lab_saved")"
    elif [ -e "$lab_saved" ] || [ -L "$lab_saved" ]; then
      printf '%s\n' "$(lab_sum_of_tree "$lab_saved")"
    else
      echo missing
    fi
    lab_k=$((lab_k + 1))
  done
  lab_e kept 0
}

# lab_read_now PATH… : what is at each path, a line each.
lab_read_now() {
  lab_b now
  for lab_path; do printf '%s\n' "$(lab_fingerprint "$lab_path")"; done
  lab_e now 0
}

# lab_read_origins FILE… : the actions that hold the way back to what was there before lab.
lab_read_origins() {
  for lab_name; do
    [ -r "$LAB_STATE/origin/$lab_name" ] || continue
    lab_b "origin $lab_name"
    cat "$LAB_STATE/origin/$lab_name"
    lab_e origin 0
  done
}

# lab_read_owned NAME
lab_read_owned() {
  lab_b owned
  cat "$LAB_STATE/owned/$1" 2>/dev/null
  lab_e owned 0
}
