#!/bin/sh
# What there is of these interfaces, also where somebody made them by hand. Changes nothing, and prints no private and no
# preshared key: of a preshared key the first 16 hex digits of the SHA-256 of the file that the role keeps it in.
#
# usage: … INTERFACE…
# prints: config NAME LINE              /etc/wireguard/NAME.conf, without keys
#         networkd NAME PATH            a file of systemd-networkd for this interface
#         networkd-line NAME PATH LINE  the same, without keys
#     and for one that runs and that the role did not configure:
#         running NAME KEY
#         kept NAME                     its key is where the role keeps it, too
#         mark NAME MARK                of what it sends
#         port NAME PORT
#         mtu NAME BYTES
#         address NAME ADDRESS/LENGTH
#         peer NAME KEY FINGERPRINT|none ENDPOINT|none KEEPALIVE PREFIX…
set -u
folder=/etc/wireguard

# What looks like a key is hidden wherever it stands but as the public key of a peer, also in comments and commands.
hide_keys() {
	sed -e '/^[[:space:]]*[Pp][Uu][Bb][Ll][Ii][Cc][Kk][Ee][Yy][[:space:]]*=/{' \
		-e 's,^\([^=]*=[[:space:]]*[A-Za-z0-9+/]\{43\}=\).*,\1,' -e t -e '}' \
		-e 's,^\([[:space:]]*[Pp][Rr][Ii][Vv][Aa][Tt][Ee][Kk][Ee][Yy][[:space:]]*=\).*,\1 (hidden),' \
		-e 's,^\([[:space:]]*[Pp][Rr][Ee][Ss][Hh][Aa][Rr][Ee][Dd][Kk][Ee][Yy][[:space:]]*=\).*,\1 (hidden),' \
		-e 's,[A-Za-z0-9+/]\{43\}=,(hidden),g' "$1"
}

# value_of NAME FILE : the first value of that name.
value_of() {
	sed -n "s/^[[:space:]]*$1[[:space:]]*=[[:space:]]*\\([^[:space:]]*\\).*/\\1/p" "$2" | head -n 1
}

networkd_files() {
	for file in /etc/systemd/network/*.netdev; do
		[ -f "$file" ] && [ "$(value_of Name "$file")" = "$1" ] && [ "$(value_of Kind "$file")" = wireguard ] && printf '%s\n' "$file"
	done
	for file in /etc/systemd/network/*.network; do
		[ -f "$file" ] && [ "$(value_of Name "$file")" = "$1" ] && printf '%s\n' "$file"
	done
}

fingerprint() {
	case $1 in
	'(none)') echo none ;;
	*) printf '%s\n' "$1" | sha256sum | cut -c1-16 ;;
	esac
}

is_kept() {
	[ -s "$folder/$1.key" ] && [ "$(wg pubkey <"$folder/$1.key" 2>/dev/null)" = "$2" ] && [ "$(cat "$folder/$1.pub" 2>/dev/null)" = "$2" ]
}

# wg show … preshared-keys goes into variables and builtins alone: no argument shows a key.
peers() {
	tab=$(printf '\t')
	wg show "$1" preshared-keys | while IFS=$tab read -r peer preshared; do
		endpoint=$(wg show "$1" endpoints | sed -n "s,^$peer$tab,,p")
		keepalive=$(wg show "$1" persistent-keepalive | sed -n "s,^$peer$tab,,p")
		prefixes=$(wg show "$1" allowed-ips | sed -n "s,^$peer$tab,,p")
		[ "$endpoint" != '(none)' ] || endpoint=none
		[ "$keepalive" != off ] || keepalive=0
		[ "$prefixes" != '(none)' ] || prefixes=
		printf 'peer %s %s %s %s %s %s\n' "$1" "$peer" "$(fingerprint "$preshared")" "$endpoint" "$keepalive" "$prefixes"
	done
}

for interface; do
	config=$folder/$interface.conf
	if [ -f "$config" ]; then
		hide_keys "$config" | sed "s/^/config $interface /"
		[ "$(head -n 1 "$config")" != '# Managed by lab (role wireguard).' ] || continue
	fi
	networkd_files "$interface" | while IFS= read -r file; do
		printf 'networkd %s %s\n' "$interface" "$file"
		hide_keys "$file" | while IFS= read -r line || [ -n "$line" ]; do
			printf 'networkd-line %s %s %s\n' "$interface" "$file" "$line"
		done
	done
	[ -e "/sys/class/net/$interface" ] || continue
	key=$(wg show "$interface" public-key 2>/dev/null) || continue
	[ "$key" != '(none)' ] || continue
	printf 'running %s %s\n' "$interface" "$key"
	is_kept "$interface" "$key" && printf 'kept %s\n' "$interface"
	mark=$(wg show "$interface" fwmark)
	[ "$mark" = off ] || printf 'mark %s %s\n' "$interface" "$mark"
	printf 'port %s %s\n' "$interface" "$(wg show "$interface" listen-port)"
	printf 'mtu %s %s\n' "$interface" "$(cat "/sys/class/net/$interface/mtu")"
	for family in 4 6; do
		ip "-$family" -o address show dev "$interface" 2>/dev/null | while read -r _ _ _ address _; do
			case $address in fe80:*) ;; *) printf 'address %s %s\n' "$interface" "$address" ;; esac
		done
	done
	peers "$interface"
done
exit 0
