# The part of the remote program that every connection gets once: framing and reads. POSIX sh, no bashism; it runs under
# dash, busybox sh and bash. Nothing here changes the host. LAB_N (the frame mark, new for every connection) is set first.

LC_ALL=C
export LC_ALL
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
umask 022
LAB_STATE=${LAB_STATE:-/var/lib/lab}

# A frame is  \n<mark> b <id>\n  body  \n<mark> e <id> <status>\n . The mark is random, so no body can hold it.
lab_b() { printf '\n%s b %s\n' "$LAB_N" "$1"; }
lab_e() { printf '\n%s e %s %s\n' "$LAB_N" "$1" "$2"; }

# lab_run ID SECONDS COMMAND… : one command in a frame of its own, with a deadline.
lab_run() {
  lab_id=$1
  lab_seconds=$2
  shift 2
  lab_b "$lab_id"
  timeout "$lab_seconds" "$@"
  lab_e "$lab_id" $?
}

# lab_ask ID SECONDS COMMAND… : the same for a command that only reads; a frame ID.late says that it had all of its time.
lab_ask() {
  IFS=' ' read -r lab_asked _ </proc/uptime
  lab_run "$@"
  IFS=' ' read -r lab_answered _ </proc/uptime
  [ $((${lab_answered%.*} - ${lab_asked%.*})) -lt "$lab_seconds" ] || {
    lab_b "$lab_id.late"
    lab_e "$lab_id.late" 0
  }
}

# lab_read_files PATH… : lstat of all in one process, link targets, checksums in one process. Paths
# are absolute, so none can be taken for an option. The stat lines begin with the mark,
# after an s that keeps them from being one, because a path may hold newlines.
lab_read_files() {
  lab_b stat
  { lab_errors=$(stat -c "s$LAB_N"' %f %u %g %s %Y %h:%U:%G:%n' "$@" 2>&1 >&3); } 3>&1
  lab_e stat $?
  lab_b stat.errors
  printf '%s\n' "$lab_errors"
  lab_e stat.errors 0
  lab_i=0
  lab_summed=
  for lab_path; do
    shift
    if [ -L "$lab_path" ]; then
      lab_b "link.$lab_i"
      readlink "$lab_path"
      lab_e "link.$lab_i" $?
    elif [ -f "$lab_path" ] && [ -r "$lab_path" ]; then
      set -- "$@" "$lab_path"
      lab_summed="$lab_summed $lab_i"
    fi
    lab_i=$((lab_i + 1))
  done
  [ $# -gt 0 ] || return 0
  lab_b "sha256$lab_summed"
  sha256sum "$@"
  lab_e sha256 $?
}

# lab_read_content ID PATH LIMIT : the bytes of a regular file, links followed, at most LIMIT + 1 of them. No frame when
# there is no such file.
lab_read_content() {
  [ -f "$2" ] || return 0
  lab_b "$1"
  head -c "$(($3 + 1))" "$2"
  lab_e "$1" $?
}

lab_package_manager() {
  for lab_manager in dpkg-query apk rpm pacman; do
    if command -v "$lab_manager" >/dev/null 2>&1; then
      printf '%s' "$lab_manager"
      return 0
    fi
  done
}

# lab_read_packages NAME… : one query for all.
lab_read_packages() {
  lab_manager=$(lab_package_manager)
  lab_b "packages $lab_manager"
  # The quotes hold dpkg-query's own format, nothing of the shell's.
  # shellcheck disable=SC2016
  case $lab_manager in
    dpkg-query) dpkg-query -W -f='${Package}\t${binary:Package}\t${Version}\t${db:Status-Abbrev}\n' "$@" 2>/dev/null ;;
    apk) for lab_package; do apk info -e -v "$lab_package" 2>/dev/null | while IFS= read -r lab_line; do printf '%s\t%s\n' "$lab_package" "$lab_line"; done; done ;;
    rpm) rpm -q --qf '%{NAME}\t%{VERSION}-%{RELEASE}\n' "$@" 2>/dev/null ;;
    pacman) pacman -Q "$@" 2>/dev/null ;;
  esac
  lab_e packages 0
}

# lab_read_units NAME… : blocks of properties, one a unit, in the order asked.
lab_read_units() {
  lab_b units
  if [ -d /run/systemd/system ]; then
    systemctl show -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload "$@"
  else
    false
  fi
  lab_e units $?
}

# lab_read_accounts NAME… : the users asked for, all groups (a membership is known only from there), and the shadow lines.
lab_read_accounts() {
  lab_b passwd
  if command -v getent >/dev/null 2>&1; then getent passwd "$@"; else cat /etc/passwd; fi
  lab_e passwd 0
  lab_b group
  if command -v getent >/dev/null 2>&1; then getent group; else cat /etc/group; fi
  lab_e group 0
  lab_b shadow
  if [ ! -r /etc/shadow ]; then :; elif command -v getent >/dev/null 2>&1; then getent shadow "$@"; else cat /etc/shadow; fi
  lab_e shadow 0
}

# lab_read_sysctls PATH… : files below /proc/sys, each line with its path before it. (The shell's own read would take
# only the first byte: a sysctl answers one read at a time.)
lab_read_sysctls() {
  lab_b sysctl
  grep -H '' "$@" 2>/dev/null
  lab_e sysctl 0
}

lab_line_of() {
  lab_value=
  # The file may end without a newline; then read fails and has the value all the same.
  { IFS= read -r lab_value || :; } 2>/dev/null <"$1"
  printf '%s' "$lab_value"
}

# New at every boot: the kernel's id, and when the first process began, as a container keeps the kernel of its machine
# (proc(5), /proc/pid/stat: the 20th field after the name is starttime).
lab_boot_id() {
  lab_line_of /proc/sys/kernel/random/boot_id
  lab_line=$(lab_line_of /proc/1/stat)
  # Split on purpose.
  # shellcheck disable=SC2086
  set -- ${lab_line##*) }
  shift 19 2>/dev/null && printf -- '-%s' "$1"
}

# What kind of container this is, nothing on a machine. systemd writes down what it was told; who else made one told the first
# process, or left a file (systemd's container interface; podman; Docker).
lab_container() {
  if [ -r /run/systemd/container ]; then
    lab_line_of /run/systemd/container
  elif [ -e /run/.containerenv ]; then
    printf podman
  elif [ -e /.dockerenv ]; then
    printf docker
  elif ! [ -d /run/systemd/system ]; then
    tr '\0' '\n' 2>/dev/null </proc/1/environ | sed -n 's/^container=//p'
  fi
}

lab_fact() { printf '%s=%s\n' "$1" "$2"; }

# What kind of system this is, with one process (uname).
lab_read_system() {
  lab_b system
  lab_fact uname "$(uname -n -r -m)"
  if [ -r /etc/os-release ]; then
    while IFS= read -r lab_line || [ -n "$lab_line" ]; do
      case $lab_line in ID=* | VERSION_ID=* | VERSION_CODENAME=* | PRETTY_NAME=*) lab_fact os "$lab_line" ;; esac
    done </etc/os-release
  fi
  if [ -d /run/systemd/system ]; then lab_fact init systemd; elif [ -e /sbin/openrc-run ]; then lab_fact init openrc; else lab_fact init other; fi
  for lab_manager in apt-get apk dnf pacman; do
    if command -v "$lab_manager" >/dev/null 2>&1; then
      lab_fact packages "$lab_manager"
      break
    fi
  done
  lab_fact container "$(lab_container)"
  lab_fact boot "$(lab_boot_id)"
  IFS=' ' read -r lab_line _ </proc/uptime && lab_fact uptime "$lab_line"
  IFS= read -r lab_line </sys/devices/system/cpu/online && lab_fact cpus "$lab_line"
  IFS= read -r lab_line </proc/meminfo && lab_fact memory "$lab_line"
  [ -e /run/reboot-required ] && lab_fact reboot yes
  lab_fact uid "$(id -u)"
  lab_e system 0
}

# lab_read_state [NAME SHA256] : what lab itself left on the host: the last run and what became of it, pending restarts, the
# lock, checksums of what it owns for each playbook; and the list NAME itself when its checksum is another.
lab_read_state() {
  lab_b state
  if [ -r "$LAB_STATE/last-run" ]; then
    IFS= read -r lab_line <"$LAB_STATE/last-run" && lab_fact last "$lab_line"
    if [ -d "$LAB_STATE/runs/$lab_line" ]; then
      lab_fact ended "$(lab_line_of "$LAB_STATE/runs/$lab_line/state")"
    fi
  fi
  for lab_path in "$LAB_STATE"/pending/*; do
    [ -r "$lab_path" ] && IFS= read -r lab_line <"$lab_path" && lab_fact pending "${lab_path##*/} $lab_line"
  done
  if [ -r "$LAB_STATE/lock" ]; then
    while IFS= read -r lab_line; do lab_fact lock "$lab_line"; done <"$LAB_STATE/lock"
  fi
  if [ -d "$LAB_STATE/owned" ]; then
    (cd "$LAB_STATE/owned" && sha256sum -- * 2>/dev/null) | while IFS=' ' read -r lab_sum lab_name; do lab_fact owned "$lab_name $lab_sum"; done
  fi
  lab_e state 0
  if [ -n "${1-}" ] && [ -r "$LAB_STATE/owned/$1" ] && [ "$(sha256sum <"$LAB_STATE/owned/$1")" != "$2  -" ]; then
    lab_b owned
    cat "$LAB_STATE/owned/$1"
    lab_e owned 0
  fi
}
