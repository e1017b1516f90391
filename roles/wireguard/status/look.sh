#!/bin/sh
# What the links of a host are doing. Prints no key but public ones, and changes nothing.
#
# usage: … INTERFACE…
# prints: now SECONDS
#         interface NAME KEY
#         disabled NAME              it is there, but set down
#         refused NAME               wg(8) does not tell
#         preshared NAME PEER SECONDS when the file with this preshared key was written
#         peer NAME KEY HANDSHAKE-SECONDS RECEIVED SENT ENDPOINT
#         route NAME PREFIX
set -u
printf 'now %s\n' "$(date +%s)"
for interface; do
	[ -e "/sys/class/net/$interface" ] || continue
	key=$(wg show "$interface" public-key 2>/dev/null) || {
		# It may have gone meanwhile.
		[ ! -e "/sys/class/net/$interface" ] || printf 'refused %s\n' "$interface"
		continue
	}
	printf 'interface %s %s\n' "$interface" "$key"
	# IFF_UP, netdevice(7)
	[ $(($(cat "/sys/class/net/$interface/flags") & 1)) -eq 1 ] || printf 'disabled %s\n' "$interface"
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
for interface; do
	for file in "/etc/wireguard/$interface".*.psk; do
		[ -e "$file" ] || continue
		peer=${file#"/etc/wireguard/$interface."}
		printf 'preshared %s %s %s\n' "$interface" "${peer%.psk}" "$(stat -c %Y "$file")"
	done
done
exit 0
