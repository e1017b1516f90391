# Units on a host, for what is put back while they stand still. POSIX sh; systemd, or OpenRC by the same names.
#
# usage: … running UNIT…         those of them that run
#        … stop|start|reload UNIT…
verb=$1
shift

control() {
  if [ -d /run/systemd/system ]; then
    systemctl "$1" -- "$2"
  else
    rc-service "${2%.service}" "$1"
  fi
}

runs() {
  if [ -d /run/systemd/system ]; then
    systemctl is-active --quiet -- "$1"
  elif command -v rc-service >/dev/null 2>&1; then
    rc-service "${1%.service}" status >/dev/null 2>&1
  else
    false
  fi
}

for unit; do
  case $verb in
  running) if runs "$unit"; then printf '%s\n' "$unit"; fi ;;
  *) control "$verb" "$unit" || exit 1 ;;
  esac
done
