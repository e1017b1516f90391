# What an upgrade of Debian packages would do now. POSIX sh, after apt-index.sh. Changes nothing: an index that is too old is
# read anew into a folder of its own, which is gone afterwards.
#   sh -c … lab-apt-upgrades INDEX_HOURS all|safe
# Prints lines, with tabs between the fields:
#   broken NAME            an installation of it broke off
#   upgrade NAME OLD NEW   new NAME VERSION   remove NAME OLD
#   kept NAME              cannot be upgraded without more, or was held back (held NAME)
#   space PATH NEEDED FREE (KiB)
#   failed TEXT            why it cannot be told
set -u
LC_ALL=C DEBIAN_FRONTEND=noninteractive
export LC_ALL DEBIAN_FRONTEND
tab=$(printf '\t')
folder=$(mktemp -d /var/tmp/lab-upgrades.XXXXXX) || {
  printf 'failed\tno folder can be made in /var/tmp\n'
  exit 0
}
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM

failed() {
  grep -E '^[EW]:' "$folder/errors" | head -n 20 | sed "s/^/failed$tab/"
  grep -q -E '^[EW]:' "$folder/errors" || printf 'failed\t%s\n' "$1"
  exit 0
}

# Read last of all settings: hooks of an update may write, and a cache of what is read here would be taken for that of the host.
{
  [ ! -e /etc/apt/apt.conf ] || cat /etc/apt/apt.conf
  for hook in APT::Update::Pre-Invoke APT::Update::Post-Invoke APT::Update::Post-Invoke-Success; do
    printf '#clear %s;\n' "$hook"
  done
  printf 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\nDir::Log::planner "";\nDebug::NoLocking "true";\n'
} >"$folder/main"
printf 'Dir::Etc::main "%s/main";\n' "$folder" >"$folder/settings"
APT_CONFIG=$folder/settings
export APT_CONFIG

if ! index_is_fresh $(($1 * 60)); then
  mkdir -p "$folder/lists/partial"
  # What has not changed since is not fetched again.
  cp -p /var/lib/apt/lists/*_* "$folder/lists/" 2>/dev/null
  printf 'Dir::State::lists "%s/lists";\n' "$folder" >>"$folder/main"
  apt-get -q -q -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any update </dev/null >/dev/null 2>"$folder/errors" ||
    failed 'the index of packages cannot be read'
fi

dpkg --audit | sed -n "s/^ \([a-z0-9][^ ]*\) .*/broken$tab\1/p"
apt-mark showhold | sed "s/^/held$tab/"
case $2 in all) set -- dist-upgrade ;; *) set -- --with-new-pkgs upgrade ;; esac
if ! apt-get -s -q -q "$@" </dev/null >"$folder/plan" 2>"$folder/errors"; then
  # What broke off is finished first: only then can it be told.
  [ -n "$(dpkg --audit)" ] || failed 'apt cannot say what an upgrade would do'
fi
sed -n -e "s/^Inst \([^ ]*\) \[\([^]]*\)\] (\([^ ]*\) .*/upgrade$tab\1$tab\2$tab\3/p" \
  -e "s/^Inst \([^ ]*\) (\([^ ]*\) .*/new$tab\1$tab\2/p" \
  -e "s/^Remv \([^ ]*\) \[\([^]]*\)\].*/remove$tab\1$tab\2/p" "$folder/plan" | tee "$folder/changes"
apt-get -s "$@" </dev/null 2>/dev/null | awk -v tab="$tab" '
  /^The following packages have been kept back:/ { kept = 1; next }
  kept && /^  / { for (i = 1; i <= NF; i++) print "kept" tab $i; next }
  { kept = 0 }'

# sizes NAME=VERSION… : its archive (bytes) and what it takes installed (KiB), a line each.
sizes() { apt-cache --no-all-versions show "$@" 2>/dev/null | awk '/^Package:/ { name = $2 } /^Size:/ { size[name] = $2 } /^Installed-Size:/ { disk[name] = $2 }
  END { for (name in size) print size[name], disk[name] + 0 }'; }
free_on() { df -P -k "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }
device_of() { df -P -k "$1" 2>/dev/null | awk 'NR == 2 { print $1 }'; }
targets=$(awk -F "$tab" '$1 == "upgrade" { print $2 "=" $4 } $1 == "new" { print $2 "=" $3 }' "$folder/changes")
[ -n "$targets" ] || exit 0
# shellcheck disable=SC2086
sizes $targets >"$folder/sizes"
# shellcheck disable=SC2016
old=$(awk -F "$tab" '$1 == "upgrade" || $1 == "remove" { print $2 }' "$folder/changes" |
  xargs -r dpkg-query -W -f='${Installed-Size}\n' 2>/dev/null | awk '{ sum += $1 } END { print sum + 0 }')
archives=$(awk '{ sum += $1 } END { printf "%d", sum / 1024 + 1 }' "$folder/sizes")
# Each package lies beside its old version until it is in place.
unpacked=$(awk -v old="$old" '{ sum += $2; if ($2 > most) most = $2 } END { grown = sum - old; printf "%d", most + (grown > 0 ? grown : 0) }' "$folder/sizes")
if [ "$(device_of /usr)" = "$(device_of /var/cache/apt/archives)" ]; then
  printf 'space\t/usr\t%s\t%s\n' $((archives + unpacked)) "$(free_on /usr)"
else
  printf 'space\t/usr\t%s\t%s\n' "$unpacked" "$(free_on /usr)"
  printf 'space\t/var/cache/apt/archives\t%s\t%s\n' "$archives" "$(free_on /var/cache/apt/archives)"
fi
kernels=$(grep -c -E "^new${tab}linux-image-" "$folder/changes")
largest() { find /boot -maxdepth 1 -type f -name "$1*" -exec du -k {} + 2>/dev/null | sort -n | awk 'END { print $1 + 0 }'; }
if [ "$kernels" -gt 0 ] && [ "$(device_of /boot)" != "$(device_of /usr)" ]; then
  printf 'space\t/boot\t%s\t%s\n' $((kernels * ($(largest vmlinuz-) + $(largest initrd.img-)))) "$(free_on /boot)"
fi
exit 0
