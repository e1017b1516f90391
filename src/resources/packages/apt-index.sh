# The index of apt: what the scripts that change packages and the one that only looks have in common. POSIX sh.

# index_is_fresh MINUTES : whether it was read since, and since the sources last changed.
index_is_fresh() {
  lists=/var/lib/apt/lists
  [ -n "$(find $lists -maxdepth 1 -type f -name '*_Packages*' 2>/dev/null | head -n 1)" ] || return 1
  [ -n "$(find $lists /var/lib/apt/periodic/update-success-stamp -maxdepth 0 -mmin "-$1" 2>/dev/null)" ] || return 1
  [ -z "$(find /etc/apt/sources.list /etc/apt/sources.list.d -newer $lists 2>/dev/null)" ]
}
