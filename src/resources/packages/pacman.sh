# Packages of Arch. The same verbs as apt.sh. Nothing is refreshed without an upgrade of all: partial upgrades break Arch.
{
  set -u
  verb=$1
  shift 2
  before=$LAB_ACTION_DIR/packages.before
  after=$LAB_ACTION_DIR/packages.after

  installed() { pacman -Q | LC_ALL=C sort; }
  remember() { [ -e "$before" ] || { installed >"$before.new" && mv "$before.new" "$before"; }; }

  case $verb in
    install)
      shift 2
      remember || exit 1
      pacman -S --noconfirm --needed "$@" </dev/null
      result=$?
      installed >"$after"
      exit "$result"
      ;;
    remove)
      shift
      remember || exit 1
      pacman -R --noconfirm "$@" </dev/null
      result=$?
      installed >"$after"
      exit "$result"
      ;;
    refresh) pacman -Sy --noconfirm </dev/null || exit 1 ;;
    revert)
      [ -e "$before" ] || exit 0
      if [ $# -gt 0 ]; then
        echo "left as they are, for some are still declared: $*"
        exit 0
      fi
      [ -e "$after" ] || installed >"$after"
      added=$(LC_ALL=C comm -13 "$before" "$after" | cut -d ' ' -f 1)
      gone=$(LC_ALL=C comm -23 "$before" "$after" | cut -d ' ' -f 1)
      # Names of packages hold no blanks.
      # shellcheck disable=SC2086
      if [ -n "$added" ]; then pacman -R --noconfirm $added </dev/null || exit 1; fi
      # shellcheck disable=SC2086
      if [ -n "$gone" ]; then pacman -S --noconfirm --needed $gone </dev/null || exit 1; fi
      ;;
  esac
  exit 0
}
