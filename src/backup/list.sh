# What patterns stand for on a host, each path with all that is below it. Changes nothing. POSIX sh.
#
# usage: … paths PATTERN…    each path, ended by a NUL
#        … marks PATTERN…    a line for each that is no directory: when it last changed, as finely as the system says it, and its number
# Exit code 1: not all of it could be listed.
what=$1
failed=0
shift
# No splitting at blanks: what is left of an unquoted word is its pattern.
IFS=
for pattern; do
  # shellcheck disable=SC2086
  for path in $pattern; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    case $what in
    paths) find "$path" -print0 || failed=1 ;;
    marks) find "$path" ! -type d -exec stat -c '%z %i %n' {} + || failed=1 ;;
    esac
  done
done
exit "$failed"
