#!/bin/sh
# What a rotation of keys wants to know of the links of a host. Changes nothing but its own canaries, which end by themselves.
#
# usage: … look INTERFACE…                         filters that would drop packets, and translations that would change them
#        … prove MTU [INTERFACE KEY PROBE INSIDE]…  whether packets of full size come back, by this interface alone
#        … canary-start SECONDS [PEER ADDRESS]…     a packet to each after so many seconds (0.05), for a quarter of an hour at most
#        … canary-stop                              what became of them: PEER SENT LOST LONGEST-WAIT-IN-MS UNANSWERED-AT-THE-END
#        … counters [INTERFACE KEY]…                bytes received and sent
set -u
folder=/run/lab-canary

look() {
	all=$(cat /proc/sys/net/ipv4/conf/all/rp_filter 2>/dev/null || echo 0)
	for interface; do
		own=$(cat "/proc/sys/net/ipv4/conf/$interface/rp_filter" 2>/dev/null) || continue
		# The kernel takes the larger of the two (ip-sysctl): 2 is loose, 1 is strict.
		[ "$own" -gt "$all" ] || own=$all
		[ "$own" != 1 ] || printf 'strict %s\n' "$interface"
	done
	for interface; do
		{ nft list ruleset; iptables-save; } 2>/dev/null | grep -i masquerade | grep -q -w -F -e "$interface" &&
			printf 'masquerade %s\n' "$interface"
	done
	return 0
}

# An option that not every ping has.
if ping -6 -M 'do' -c 1 -w 1 ::1 >/dev/null 2>&1; then whole='-M do'; else whole=; fi

prove() {
	size=$(($1 - 48))
	shift
	while [ $# -ge 4 ]; do
		interface=$1 key=$2 probe=$3 inside=$4
		shift 4
		passed=none
		for _ in 1 2 3 4 5 6 7 8 9 10; do
			if [ -e /proc/net/if_inet6 ]; then
				# shellcheck disable=SC2086 # an option and its value, or nothing
				ping -6 -n -c 1 -w 2 $whole -s "$size" "$probe%$interface" >/dev/null 2>&1 && passed=whole
			else
				# Without IPv6 there is no address of one interface alone: a handshake has to do.
				ping -n -c 1 -w 1 -I "$interface" "$inside" >/dev/null 2>&1
				[ "$(handshake "$interface" "$key")" = 0 ] || passed=handshake
			fi
			[ "$passed" = none ] || break
			sleep 0.5
		done
		printf '%s %s %s %s\n' "$interface" "$key" "$passed" "$(handshake "$interface" "$key")"
	done
}

handshake() {
	wg show "$1" latest-handshakes 2>/dev/null | while read -r key time; do
		[ "$key" != "$2" ] || echo "$time"
	done | grep . || echo 0
}

# Also those of a rotation that was interrupted.
end_canaries() {
	for file in "$folder"/*.pid; do
		[ -e "$file" ] || continue
		# Those of a dead controller have ended long ago, and the number may be somebody else's.
		pid=$(cat "$file")
		[ "$(cat "/proc/$pid/comm" 2>/dev/null)" != ping ] || kill -INT "$pid" 2>/dev/null
	done
	return 0
}

canary_start() {
	end_canaries
	rm -rf "$folder"
	mkdir -m 700 "$folder" || return
	interval=$1
	shift
	while [ $# -ge 2 ]; do
		setsid ping -n -i "$interval" -w 900 "$2" >"$folder/$1.log" 2>&1 </dev/null &
		echo $! >"$folder/$1.pid"
		shift 2
	done
	sleep 0.3
}

canary_stop() {
	end_canaries
	sleep 0.3
	for file in "$folder"/*.log; do
		[ -e "$file" ] || continue
		name=${file##*/}
		# The last packet may still be on its way.
		awk -v name="${name%.log}" '
			/bytes from/ && match($0, /seq=[0-9]+/) {
				number = substr($0, RSTART + 4, RLENGTH - 4) + 0
				if (!seen || number < first) first = number
				seen = 1
				got[number] = 1
				if (number > last) last = number
				if (match($0, /time=[0-9.]+/)) { wait = substr($0, RSTART + 5, RLENGTH - 5) + 0; if (wait > longest) longest = wait }
			}
			/packets transmitted/ { sent = $1 }
			END {
				for (number = first; number < first + sent - 1; number++) if (!(number in got)) lost++
				printf "%s %d %d %d %d\n", name, sent, seen ? lost + 0 : sent + 0, longest + 0.5, seen ? first + sent - 1 - last : sent
			}' "$file"
	done
	rm -rf "$folder"
}

counters() {
	while [ $# -ge 2 ]; do
		wg show "$1" transfer 2>/dev/null | while read -r key received sent; do
			[ "$key" != "$2" ] || printf '%s %s %s %s\n' "$1" "$key" "$received" "$sent"
		done
		shift 2
	done
}

command=$1
shift
case $command in
look) look "$@" ;;
prove) prove "$@" ;;
canary-start) canary_start "$@" ;;
canary-stop) canary_stop ;;
counters) counters "$@" ;;
esac
