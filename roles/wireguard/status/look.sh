#!/bin/sh
# What the links of a host are doing. Prints no key but public ones, and changes nothing.
#
# usage: … INTERFACE…
# prints: now SECONDS
#         interface NAME KEY
#         peer NAME KEY HANDSHAKE-SECONDS RECEIVED SENT ENDPOINT
#         route NAME PREFIX
set -u
printf 'now %s\n' "$(date +%s)"
for interface; do
	[ -e "/sys/class/net/$interface" ] || continue
	key=$(wg show "$interface" public-key 2>/dev/null) || continue
	printf 'interface %s %s\n' "$interface" "$key"
	# Three of wg(8), one after the other; `wg show dump` would print private and preshared keys as well.
	{
		wg show "$interface" latest-handshakes | sed 's/^/handshake /'
		wg show "$interface" transfer | sed 's/^/transfer /'
		wg show "$interface" endpoints | sed 's/^/endpoint /'
	} | awk -v name="$interface" '
		$1 == "handshake" { handshake[$2] = $3 }
		$1 == "transfer" { received[$2] = $3; sent[$2] = $4 }
		$1 == "endpoint" { endpoint[$2] = $3 }
		END { for (key in handshake) print "peer", name, key, handshake[key], received[key] + 0, sent[key] + 0, endpoint[key] }'
	for family in 4 6; do
		ip "-$family" route show dev "$interface" proto 76 2>/dev/null | while read -r prefix _; do
			case $prefix in */*) ;; *:*) prefix=$prefix/128 ;; *) prefix=$prefix/32 ;; esac
			printf 'route %s %s\n' "$interface" "$prefix"
		done
	done
done
exit 0
