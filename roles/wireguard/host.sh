#!/bin/sh
# Managed by lab (role wireguard). What the tunnel needs beyond wg-quick(8): the keys that its configuration does not hold,
# and the routes that say which interface carries which link.
#
# usage: lab-wireguard up|sync|back|handback|start|stop|enable|disable|revive INTERFACE
#        lab-wireguard routes LINKS-FILE INTERFACE…
#        lab-wireguard require INTERFACE…
#        lab-wireguard state INTERFACE…
set -eu
umask 077
folder=/etc/wireguard
# Of routes that are ours, and of the table with the way to the internet; rtnetlink(7) leaves numbers from 5 on to programs.
protocol=76

fail() {
	printf 'lab-wireguard: %s\n' "$*" >&2
	exit 1
}

# A key from its file; an empty one would be taken for none.
key_in() {
	[ -s "$1" ] || fail "no key in $1"
	cat "$1"
}

present() { [ -e "/sys/class/net/$1" ]; }

# The configuration of wg(8): without what is for wg-quick, with the keys. Printed by builtins: no argument shows a key. A peer
# whose preshared key is gone is left out, and not the whole interface: the others have nothing to do with it.
whole() {
	private=$(key_in "$folder/$1.key")
	preshared=
	missing=
	printed=yes
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'[Interface]') printf '%s\nPrivateKey = %s\n' "$line" "$private" ;;
		'# PresharedKey = '*)
			file=${line#'# PresharedKey = '}
			if [ -s "$file" ]; then preshared=$(cat "$file"); else missing=$file; fi
			;;
		'[Peer]')
			printed=yes
			if [ -n "$missing" ]; then
				printf 'lab-wireguard: no preshared key in %s: its peer is left out\n' "$missing" >&2
				printed=
				left_out=yes
			else
				printf '%s\n' "$line"
				[ -z "$preshared" ] || printf 'PresharedKey = %s\n' "$preshared"
			fi
			preshared=
			missing=
			;;
		Address* | MTU* | Table* | PostUp* | '#'*) ;;
		*) [ -z "$printed" ] || printf '%s\n' "$line" ;;
		esac
	done <"$folder/$1.conf"
}

# Through a file that is complete before it is used: wg syncconf with nothing would remove every peer, and the key.
sync_interface() {
	# In memory: what is removed from a disk may still be read from it.
	temporary=$(mktemp -p /run)
	trap 'rm -f "$temporary" "$temporary.set"' EXIT
	trap 'exit 1' HUP INT TERM
	left_out=
	whole "$1" >"$temporary"
	if keeps_port "$1"; then adjust "$1"; else wg syncconf "$1" "$temporary"; fi
	rm -f "$temporary"
	trap - EXIT HUP INT TERM
	# wg(8) knows nothing of addresses. Those of before go with the routes from them.
	addresses "$1" 4 | while read -r address; do ip -4 address replace "$address" dev "$1"; done
	add_ipv6 "$1"
}

# Whether the port that it has by now is the one that it shall have; where none is named, any will do.
keeps_port() {
	wanted=$(sed -n 's/^ListenPort = //p' "$temporary")
	port=$(wg show "$1" listen-port)
	[ "$port" != 0 ] && [ "${wanted:-$port}" = "$port" ]
}

# wg syncconf always sets the port. A userspace implementation opens it anew then, and loses what comes meanwhile; without
# one named, another is taken, which the other ends learn only from the next packet. So peers are set without it: what
# the file does not say of them is said as none.
adjust() {
	for peer in $(wg show "$1" peers); do
		grep -q -x -F "PublicKey = $peer" "$temporary" || wg set "$1" peer "$peer" remove
	done
	mark=$(grep -c '^FwMark' "$temporary") || :
	awk -v mark="$mark" -v none=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= '
		function end() {
			if (peer && !key) print "PresharedKey = " none
			if (peer && !alive) print "PersistentKeepalive = 0"
		}
		/^\[/ { end(); peer = $0 == "[Peer]"; key = 0; alive = 0 }
		/^PresharedKey/ { key = 1 }
		/^PersistentKeepalive/ { alive = 1 }
		/^ListenPort/ { next }
		{ print }
		$0 == "[Interface]" && !mark { print "FwMark = 0" }
		END { end() }' "$temporary" >"$temporary.set"
	wg addconf "$1" "$temporary.set"
	rm -f "$temporary.set"
}

# addresses INTERFACE FAMILY : those that its configuration gives it.
addresses() {
	case $2 in
	4) sed -n 's/^Address = //p' "$folder/$1.conf" ;;
	6) sed -n 's/^# IPv6 = //p' "$folder/$1.conf" ;;
	esac
}

# Without nodad the kernel takes an address for tentative until a worker of its own gets to it, also where there is nothing
# to detect: on a busy machine that is later than the routes from this address, which it then refuses.
add_ipv6() {
	addresses "$1" 6 | while read -r address; do
		! ip -6 -o address show dev "$1" 2>/dev/null | grep -q -F " ${address%/*}/" || continue
		ip -6 address replace "$address" dev "$1" nodad || printf 'lab-wireguard: this kernel has no IPv6: %s is left out\n' "$address" >&2
	done
}

# Addresses of an earlier configuration, when no route is from them any more.
drop_addresses() {
	for family in 4 6; do
		ip "-$family" -o address show dev "$1" | while read -r _ _ _ address _; do
			case $address in fe80:*) continue ;; esac
			addresses "$1" "$family" | sed 's,^[^/]*$,&/128,' | grep -q -x -F "$address" && continue
			# The kernel has an IPv6 address once, whatever its length: another one would need it to go first. Only its route goes.
			if addresses "$1" "$family" | grep -q -x -F "${address%/*}/128"; then
				ip -6 address change "$address" dev "$1" noprefixroute
			else
				ip "-$family" address delete "$address" dev "$1"
			fi
		done
	done
}

# What wg-quick(8) or networkd made of the same prefixes, when the interface was not the role's yet: it would win over ours.
drop_doubles() {
	for family in 4 6; do
		ip "-$family" route show table main dev "$1" 2>/dev/null | while read -r prefix words; do
			case " $words " in *' via '* | *' proto kernel '*) continue ;; *' proto static '*) origin=static ;; *' proto '*) continue ;; *) origin=boot ;; esac
			whole=$prefix
			case $prefix-$family in default-* | */*) ;; *-4) whole=$prefix/32 ;; *) whole=$prefix/128 ;; esac
			! grep -q "^route replace $whole dev $1 " "$2" || ip "-$family" route delete "$prefix" dev "$1" proto "$origin"
		done
	done
}

set_to() { [ ! -w "$2" ] || echo "$1" >"$2" || :; }

up() {
	# Where IPv6 is off for new interfaces, this one could be given no address.
	set_to 0 "/proc/sys/net/ipv6/conf/$1/disable_ipv6"
	sync_interface "$1"
	# During a rotation of keys a packet may come in by one interface and be answered by another.
	set_to 2 "/proc/sys/net/ipv4/conf/$1/rp_filter"
	links=$(sed -n 's/^# Links = //p' "$folder/$1.conf")
	[ ! -e "$links" ] || routes "$links" "$1"
}

# own_routes FAMILY INTERFACE : PREFIX TABLE of each of our routes. One table is the way to the internet through the tunnel.
own_routes() {
	for table in main "$protocol"; do
		ip "-$1" route show table "$table" dev "$2" proto "$protocol" 2>/dev/null | while read -r prefix _; do
			# A host's route is shown without its length.
			case $prefix-$1 in default-4) prefix=0.0.0.0/0 ;; default-6) prefix=::/0 ;; */*) ;; *:*) prefix=$prefix/128 ;; *) prefix=$prefix/32 ;; esac
			printf '%s %s\n' "$prefix" "$table"
		done
	done
}

# Brings the routes of these interfaces to the file, in one batch, so that no packet finds none.
routes() {
	file=$1
	shift
	batch=
	for interface; do
		present "$interface" || continue
		batch="$batch$(sed -n "/^route replace .* dev $interface /p" "$file")
"
	done
	printf '%s' "$batch" | ip -batch -
	for interface; do
		present "$interface" || continue
		[ ! -e "$folder/$interface.conf" ] || drop_addresses "$interface"
		drop_doubles "$interface" "$file"
		for family in 4 6; do
			own_routes "$family" "$interface" | while read -r prefix table; do
				grep -q "^route replace $prefix dev $interface " "$file" ||
					ip "-$family" route delete "$prefix" dev "$interface" proto "$protocol" table "$table"
			done
		done
	done
}

# Where systemd or OpenRC runs, the interface is theirs to start at boot.
service() {
	if [ -d /run/systemd/system ]; then
		systemctl daemon-reload
		systemctl reset-failed "wg-quick@$2.service" 2>/dev/null || :
		systemctl "$1" "wg-quick@$2.service" && return
		code=$?
		systemctl status --no-pager --full --lines=20 "wg-quick@$2.service" || :
		exit "$code"
	fi
	if command -v rc-service >/dev/null; then
		case $1 in
		enable) ln -sf /etc/init.d/wg-quick "/etc/init.d/wg-quick.$2" && rc-update -q add "wg-quick.$2" default ;;
		disable) rc-update -q delete "wg-quick.$2" default && rm -f "/etc/init.d/wg-quick.$2" ;;
		*) rc-service "wg-quick.$2" "$1" ;;
		esac
		return
	fi
	case $1 in
	start) present "$2" || wg-quick up "$2" ;;
	stop) ! present "$2" || wg-quick down "$2" ;;
	esac
}

# A userspace implementation ends a moment after its interface, and until then another one cannot begin.
gone() {
	waited=0
	while [ -S "/var/run/wireguard/$1.sock" ] && [ "$waited" -lt 50 ]; do
		waited=$((waited + 1))
		sleep 0.1 2>/dev/null || sleep 1
	done
}

# Back to what somebody made by hand, with a new start: addresses, routes and commands are as its configuration says.
hand_back() {
	config=$folder/$1.conf
	if [ ! -e "$config" ]; then
		ip link delete dev "$1"
		gone "$1"
		systemctl restart systemd-networkd.service
		return
	fi
	# With SaveConfig, wg-quick would write what runs now over it.
	temporary=$(mktemp -p "$folder")
	cp -p "$config" "$temporary"
	if systemctl is-active --quiet "wg-quick@$1.service" 2>/dev/null; then
		systemctl stop "wg-quick@$1.service"
		gone "$1"
		mv "$temporary" "$config"
		systemctl start "wg-quick@$1.service"
	else
		wg-quick down "$1" || :
		gone "$1"
		mv "$temporary" "$config"
		wg-quick up "$1"
	fi
}

# What the plan has to know of running interfaces. No key but public ones is printed.
state() {
	for interface; do
		present "$interface" || continue
		printf 'interface %s %s\n' "$interface" "$(wg show "$interface" public-key)"
		wg show "$interface" allowed-ips | sed "s/^/peer $interface /"
		for family in 4 6; do
			own_routes "$family" "$interface" | while read -r prefix _; do printf 'route %s %s\n' "$interface" "$prefix"; done
		done
	done
	for interface; do
		for file in "$folder/$interface".*.psk; do [ ! -e "$file" ] || printf 'psk %s\n' "$file"; done
	done
}

command=$1
shift
case $command in
up) up "$1" ;;
sync)
	present "$1" && sync_interface "$1"
	[ -z "$left_out" ]
	;;
# On the way back to what was before: a link that was ended for good since does not keep the others from it.
back) present "$1" && sync_interface "$1" ;;
handback) hand_back "$1" ;;
start | enable | disable) service "$command" "$1" ;;
stop)
	service stop "$1"
	gone "$1"
	;;
# One whose key was destroyed since does not come back.
revive)
	if [ -s "$folder/$1.key" ]; then
		service enable "$1"
		service start "$1"
	fi
	;;
restart)
	service stop "$1"
	gone "$1"
	service start "$1"
	;;
routes) routes "$@" ;;
state) state "$@" ;;
require) for interface; do present "$interface" || fail "$interface is gone: its key was destroyed when a rotation ended"; done ;;
*) fail "unknown command $command" ;;
esac
