#!/bin/sh
# What commonly keeps a host from being managed. Prints lines, a name and a value with a tab between; changes nothing. POSIX sh,
# also that of busybox: what a host has no program for is left out.
set -u
LC_ALL=C
export LC_ALL
say() { printf '%s\t%s\n' "$1" "$2"; }
has() { command -v "$1" >/dev/null 2>&1; }
soon() { timeout 10 "$@" 2>/dev/null </dev/null; }
# 100 is apt's own word for an error (apt-get(8)); one that is only slow is not broken.
apt_is_broken() {
  soon apt-get -q -q -s -o Debug::NoLocking=1 check >/dev/null
  [ "$?" -eq 100 ]
}

for program in stat readlink sha256sum head tail base64 timeout setsid sync mktemp grep; do
  has "$program" || say missing "$program"
done
say clock "$(date +%s)"

# access(2) says of a file system that is mounted read-only that nobody may write there, root included.
if [ "$(id -u)" = 0 ]; then
  for folder in / /etc /usr /var /var/lib /tmp; do
    [ ! -d "$folder" ] || [ -w "$folder" ] || say read-only "$folder"
  done
fi
for folder in / /boot /tmp /usr /var /var/lib /var/log; do
  [ -d "$folder" ] || continue
  df -P -k "$folder" 2>/dev/null | awk -v path="$folder" 'NR == 2 { print "space\t" $6, $4, $2 }'
  df -P -i "$folder" 2>/dev/null | awk -v path="$folder" 'NR == 2 && $2 ~ /^[1-9]/ { print "inodes\t" $6, $4, $2 }'
done | sort -u

# apt and dpkg: interrupted, contradictory, or in use by somebody (fcntl(2) locks, as /proc/locks tells them).
if has dpkg; then
  broken=$(dpkg --audit 2>/dev/null | sed -n 's/^ \([a-z0-9][^ ]*\) .*/\1/p' | tr '\n' ' ')
  [ -z "$broken" ] || say dpkg-interrupted "$broken"
  [ -n "$broken" ] || ! has apt-get || ! apt_is_broken || say apt-broken yes
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock; do
    [ -e "$lock" ] || continue
    inode=$(stat -c %i "$lock")
    awk -v inode="$inode" '$2 == "POSIX" && $6 ~ (":" inode "$") { print $5 }' /proc/locks 2>/dev/null | while read -r pid; do
      say apt-locked "$pid $(cat "/proc/$pid/comm" 2>/dev/null)"
    done
  done | sort -u | head -n 1
fi

is_container() { has systemd-detect-virt && systemd-detect-virt --quiet --container; }
is_container && say container yes
if [ -d /run/systemd/system ]; then
  say systemd "$(systemctl --version | awk 'NR == 1 { print $2 }')"
  soon systemctl list-units --state=failed --all --plain --no-legend --no-pager | awk '{ print "failed-unit\t" $1 }'
  # A container has the clock of its machine.
  is_container || say synchronised "$(soon timedatectl show --property=NTPSynchronized --value || echo unknown)"
  systemctl -q is-active firewalld.service && say firewall firewalld
fi
! has cloud-init || soon cloud-init status | grep -q 'status: running' && has cloud-init && say cloud-init running

# Names, with what is needed most: where packages come from.
grep -q -s '^nameserver ' /etc/resolv.conf || say resolver none
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* /etc/apk/repositories 2>/dev/null |
  sed -n 's#^[^\#]*https\{0,1\}://\([^/: ]*\).*#\1#p' | head -n 1)
case $mirror in
  '' | *[!A-Za-z0-9.-]*) ;;
  *) has getent && { timeout 10 getent hosts "$mirror" >/dev/null 2>&1 || say unresolved "$mirror"; } ;;
esac
grep -q -s '^[^[:space:]]*[[:space:]]00000000[[:space:]]' /proc/net/route ||
  grep -s '^00000000000000000000000000000000 00 ' /proc/net/ipv6_route | grep -q -v ' lo$' || say route none

if [ -e /sys/module/wireguard ] || { has modprobe && modprobe -n -q wireguard; }; then
  say wireguard kernel
elif has wireguard-go; then
  if [ -c /dev/net/tun ]; then say wireguard go; else say wireguard no-tun; fi
else
  say wireguard none
fi
has nft && say nft yes
grep -q -s '^ENABLED=yes' /etc/ufw/ufw.conf && say firewall ufw
has nft && soon nft list tables | awk '$3 == "lab" { found = 1 } END { exit !found }' && say firewall lab-nftables
[ ! -d /run/systemd/system ] || ! systemctl -q is-active nftables.service || say firewall nftables
for family in ip ip6; do
  [ -s "/proc/net/${family}_tables_names" ] || continue
  has "${family}tables-legacy-save" && "${family}tables-legacy-save" 2>/dev/null | grep -q '^-A' && say firewall iptables-legacy
done
say end yes
