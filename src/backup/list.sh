# What patterns stand for on a host, each path with all that is below it. Changes nothing. POSIX sh.
#
# usage: … paths PATTERN…    each path, ended by a NUL
#        … marks PATTERN…    a line for each that is no directory: when it last changed, as finely as the system says it, and its number
what=$1
shift
# No splitting at blanks: what is left of an unquoted word is its pattern.
IFS=
for pattern; do
  # shellcheck disable=SC2086
  for path in $pattern; do
    [ -e "$path" ] || [ -L "$path" ] || continue
    case $what in
    paths) find "$path" -print0 ;;
    marks) find "$path" ! -type d -exec stat -c '%z %i %n' {} + ;;
    esac
  done
done
