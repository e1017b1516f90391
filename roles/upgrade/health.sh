#!/bin/sh
# How a host is, before and after an upgrade. Changes nothing.
#
# usage: … PROTOCOL:HEX-PORT…
# prints: state STATE              of systemd: running, degraded, starting, …; none without it
#         failed UNIT
#         listens PROTOCOL:HEX-PORT   of those that are asked for
#         peer INTERFACE KEY HANDSHAKE KEEPALIVE   seconds since the epoch, 0 for never; seconds or off
#         now SECONDS
#         end                      the last line: nothing was cut off
set -u
LC_ALL=C
export LC_ALL
if [ -d /run/systemd/system ]; then
  echo "state $(systemctl is-system-running 2>/dev/null)"
  systemctl list-units --state=failed --all --plain --no-legend --no-pager 2>/dev/null | awk '{ print "failed", $1 }'
else
  echo 'state none'
fi
for wanted; do
  # 0A is a socket that listens, 07 one of UDP that is not connected (proc(5), /proc/net/tcp).
  case $wanted in tcp:*) state=0A ;; *) state=07 ;; esac
  grep -q -E "^ *[0-9]+: [0-9A-F]+:${wanted#*:} [0-9A-F]+:[0-9A-F]+ $state " "/proc/net/${wanted%%:*}" "/proc/net/${wanted%%:*}6" 2>/dev/null &&
    echo "listens $wanted"
done
echo "now $(date +%s)"
command -v wg >/dev/null && {
  wg show all persistent-keepalive 2>/dev/null | sed 's/^/keepalive /'
  wg show all latest-handshakes 2>/dev/null | sed 's/^/handshake /'
} | awk '$1 == "keepalive" { keepalive[$2 " " $3] = $4 } $1 == "handshake" { print "peer", $2, $3, $4, keepalive[$2 " " $3] }'
echo end
