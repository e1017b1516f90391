# Alpine packages. The same verbs as apt.sh.
{
  set -u
  verb=$1
  lock_seconds=$2
  shift 2
  world=$LAB_ACTION_DIR/world.before

  apk_patiently() { apk --wait "$lock_seconds" "$@" </dev/null; }
  remember() { [ -e "$world" ] || cp /etc/apk/world "$world"; }
  # What somebody asked for; everything else apk installs and removes by itself.
  wanted() { sed 's/[@=<>~].*//' "$1" | sort -u; }

  case $verb in
    install)
      shift 2
      remember || exit 1
      apk_patiently update || exit 1
      apk_patiently add --upgrade "$@" || exit 1
      ;;
    remove)
      shift
      remember || exit 1
      apk_patiently del "$@" || exit 1
      ;;
    refresh) apk_patiently update || exit 1 ;;
    revert)
      [ -e "$world" ] || exit 0
      # Names that are given stay, as if they had been there.
      { wanted "$world"; [ $# -eq 0 ] || printf '%s\n' "$@"; } >"$LAB_ACTION_DIR/wanted.before"
      wanted /etc/apk/world >"$LAB_ACTION_DIR/wanted.now"
      added=$(grep -v -x -F -f "$LAB_ACTION_DIR/wanted.before" "$LAB_ACTION_DIR/wanted.now")
      gone=$(wanted "$world" | grep -v -x -F -f "$LAB_ACTION_DIR/wanted.now")
      # Names of packages hold no blanks.
      # shellcheck disable=SC2086
      if [ -n "$added" ]; then apk_patiently del $added || exit 1; fi
      # shellcheck disable=SC2086
      if [ -n "$gone" ]; then apk_patiently add $gone || exit 1; fi
      ;;
  esac
  exit 0
}
