# Packages of Fedora and its relatives. The same verbs as apt.sh. dnf waits for its own lock and refreshes its index.
{
  set -u
  verb=$1
  shift 2
  before=$LAB_ACTION_DIR/packages.before
  after=$LAB_ACTION_DIR/packages.after

  installed() { rpm -qa --qf '%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n' | LC_ALL=C sort; }
  remember() { [ -e "$before" ] || { installed >"$before.new" && mv "$before.new" "$before"; }; }

  case $verb in
    install)
      case $2 in *bare*) bare=--setopt=install_weak_deps=False ;; *) bare= ;; esac
      shift 2
      remember || exit 1
      dnf -y ${bare:+"$bare"} install "$@" </dev/null
      result=$?
      installed >"$after"
      exit "$result"
      ;;
    remove)
      shift
      remember || exit 1
      dnf -y remove "$@" </dev/null
      result=$?
      installed >"$after"
      exit "$result"
      ;;
    refresh) dnf -y makecache </dev/null || exit 1 ;;
    revert)
      [ -e "$before" ] || exit 0
      if [ $# -gt 0 ]; then
        echo "left as they are, for some are still declared: $*"
        exit 0
      fi
      [ -e "$after" ] || installed >"$after"
      added=$(LC_ALL=C comm -13 "$before" "$after")
      gone=$(LC_ALL=C comm -23 "$before" "$after")
      # Names of packages hold no blanks.
      # shellcheck disable=SC2086
      if [ -n "$gone" ]; then dnf -y --allowerasing install $gone </dev/null || exit 1; fi
      # shellcheck disable=SC2086
      if [ -n "$added" ]; then rpm -q $added >/dev/null 2>&1 && { dnf -y remove $added </dev/null || exit 1; }; fi
      ;;
  esac
  exit 0
}
