# What patterns stand for on a host, each path with all that is below it, ended by a NUL. Changes nothing. POSIX sh.
#
# usage: … PATTERN…
# No splitting at blanks: what is left of an unquoted word is its pattern.
IFS=
for pattern; do
  # shellcheck disable=SC2086
  for path in $pattern; do
    if [ -e "$path" ] || [ -L "$path" ]; then find "$path" -print0; fi
  done
done
