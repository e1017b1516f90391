# The guard of a stage that can cut the way to the host or the rights on it: unless a fresh connection confirms the stage in
# time, everything it did is taken back, by the host itself, also after a reboot. POSIX sh. Part of every stage's program.
#
# The link guard.decided is made by whoever decides, which can be only one: the controller (confirmed), the guardian
# (expired), the stage itself (failed, stopped, reverted), or the next boot (rebooted). It leads nowhere: its text is the
# word, so that word and decision come at once, also on a full disk.

lab_guarded() { [ "$LAB_GUARD" -gt 0 ]; }

# lab_decide WORD : false when somebody else has decided before.
lab_decide() { ln -s "$1" "$LAB_DIR/guard.decided" 2>/dev/null; }

lab_decision() { readlink "$LAB_DIR/guard.decided" 2>/dev/null; }

# lab_deadline SECONDS : from now.
lab_deadline() { printf '%s\n' "$(($(lab_uptime) + $1))" >"$LAB_DIR/deadline.new" && mv -f "$LAB_DIR/deadline.new" "$LAB_DIR/deadline"; }

# Before the first change. What starts the guardian must not be what the stage is about to cut: under systemd it is a
# service of its own, which no restart of sshd and no end of a session touches, and which comes again when it is killed.
lab_arm_guard() {
  # The guardian of the stage before ends within a second of its decision, and must not pass for that of this one.
  lab_tries=0
  while lab_runs "$LAB_RUN_DIR/guardian"; do
    lab_tries=$((lab_tries + 1))
    [ "$lab_tries" -le 100 ] || return 1
    sleep 0.1 2>/dev/null || sleep 1
  done
  rm -f "$LAB_RUN_DIR/guardian"
  lab_deadline "$LAB_GUARD" && lab_journal "guard $LAB_GUARD" && lab_sync "$LAB_DIR/journal" || return 1
  if [ ! -d /run/systemd/system ] || ! systemd-run --quiet --collect --unit="lab-guard-$LAB_RUN-${LAB_DIR##*-}" \
    --property=Restart=on-failure --property=RestartForceExitStatus=SIGTERM --property=OOMScoreAdjust=-999 \
    sh "$LAB_DIR/program" guard "$LAB_DIR" 2>/dev/null; then
    setsid sh "$LAB_DIR/program" guard "$LAB_DIR" >/dev/null 2>&1 </dev/null &
  fi
  # It signs when it runs; without it nothing may change.
  lab_tries=0
  until [ -s "$LAB_RUN_DIR/guardian" ]; do
    lab_tries=$((lab_tries + 1))
    [ "$lab_tries" -le 100 ] || return 1
    sleep 0.1 2>/dev/null || sleep 1
  done
}

# What the guardian does: waits for the decision, or takes it when the time is over.
lab_watch() {
  exec >>"$LAB_DIR/log" 2>&1
  # One is enough.
  if lab_runs "$LAB_RUN_DIR/guardian"; then return 0; fi
  lab_sign "$LAB_RUN_DIR/guardian"
  until [ -L "$LAB_DIR/guard.decided" ] || [ "$(lab_uptime)" -ge "$(lab_line_of "$LAB_DIR/deadline")" ]; do sleep 1; done
  lab_decide expired
  # Decided by the first guardian of this stage, perhaps, who was killed while it took back.
  case $(lab_decision) in
    expired | '')
      lab_kill_session "$LAB_RUN_DIR/pid"
      [ -e "$LAB_RUN_DIR/state" ] || lab_take_back_guarded
      ;;
  esac
  rm -f "$LAB_RUN_DIR/guardian"
}

# A fresh login found its way in: no reboot takes the stage back any more.
lab_confirmed() {
  lab_sync "$LAB_DIR"
  lab_unhook
}

lab_take_back_guarded() {
  lab_mark unconfirmed
  lab_load_journal || lab_mark damaged
  lab_revert_unconfirmed
  lab_unhook
  lab_end_run guard-reverted
  lab_mark end guard-reverted
}

# So that a host that goes down in the middle of a stage is put in order when it comes up again. Where the host starts
# services in a way that is not known, the next run does it. It is on the disk before the first change: what a power cut
# leaves empty takes nothing back.
lab_hook() {
  [ "$LAB_STATE" = /var/lib/lab ] || return 0
  if [ -d /run/systemd/system ]; then
    mkdir -p /etc/systemd/system/multi-user.target.wants || return 1
    cat >/etc/systemd/system/lab-recover.service <<UNIT || return 1
[Unit]
Description=Takes back what a run of lab had half done when this host went down
After=local-fs.target basic.target network.target dbus.service ssh.service sshd.service nftables.service ufw.service

[Service]
Type=oneshot
ExecStart=/bin/sh $LAB_DIR/program recover $LAB_DIR
UNIT
    ln -sf ../lab-recover.service /etc/systemd/system/multi-user.target.wants/lab-recover.service &&
      lab_sync /etc/systemd/system/lab-recover.service /etc/systemd/system /etc/systemd/system/multi-user.target.wants
  elif [ -d /etc/local.d ]; then
    printf '#!/bin/sh\nexec sh %s/program recover %s\n' "$LAB_DIR" "$LAB_DIR" >/etc/local.d/lab-recover.start &&
      chmod 0755 /etc/local.d/lab-recover.start && lab_sync /etc/local.d/lab-recover.start /etc/local.d
  elif [ -d /etc/cron.d ]; then
    printf '@reboot root sh %s/program recover %s\n' "$LAB_DIR" "$LAB_DIR" >/etc/cron.d/lab-recover &&
      lab_sync /etc/cron.d/lab-recover /etc/cron.d
  fi
}

lab_unhook() {
  [ "$LAB_STATE" = /var/lib/lab ] || return 0
  rm -f /etc/systemd/system/multi-user.target.wants/lab-recover.service /etc/systemd/system/lab-recover.service \
    /etc/local.d/lab-recover.start /etc/cron.d/lab-recover
}
