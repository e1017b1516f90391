#!/bin/sh
# What `lab verify firewall` does on a host: notes which packets come, and which of them every rule lets in. The notes are in a
# table of their own that drops nothing, and goes away by itself.
#
# usage: … arm SECONDS        begins to note; after that time all of it is gone
#        … send PROTOCOL,ADDRESS,PORT…
#                             begins a TCP connection to each, or sends a datagram
#        … source ADDRESS…    what this host's address is for whom it talks to there
#        … seen               PHASE SOURCE . DESTINATION . PROTOCOL . PORT, where this login comes from, and tables of others
#        … disarm
set -u
PATH=$PATH:/usr/sbin:/sbin
table='inet lab_verify'
# Of what takes the notes away, should nobody come for them.
timer=/run/lab-verify.pid

end_timer() {
	[ ! -s "$timer" ] || kill "$(cat "$timer")" 2>/dev/null
	rm -f "$timer"
}

note() {
	printf 'meta nfproto ipv4 meta l4proto { tcp, udp } update @%s4 { ip saddr . ip daddr . meta l4proto . th dport }\n' "$1"
	printf 'meta nfproto ipv6 meta l4proto { tcp, udp } update @%s6 { ip6 saddr . ip6 daddr . meta l4proto . th dport }\n' "$1"
}

# A port that is passed on to somewhere else (DNAT): noted as it was asked for.
note_passed() {
	printf 'meta nfproto ipv4 meta l4proto { tcp, udp } update @entered4 { ct original ip saddr . ct original ip daddr . meta l4proto . ct original proto-dst }\n'
	printf 'meta nfproto ipv6 meta l4proto { tcp, udp } update @entered6 { ct original ip6 saddr . ct original ip6 daddr . meta l4proto . ct original proto-dst }\n'
}

arm() {
	command -v nft >/dev/null || {
		echo 'no nft'
		return 0
	}
	end_timer
	nft -f - <<RULES || return
add table $table
delete table $table
table $table {
	set came4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic; size 65535; }
	set came6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags dynamic; size 65535; }
	set entered4 { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic; size 65535; }
	set entered6 { type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags dynamic; size 65535; }
	chain note_came {
		$(note came)
	}
	chain note_entered {
		$(note entered)
	}
	chain note_passed {
		$(note_passed)
	}
	chain came { type filter hook prerouting priority mangle - 5; iifname != "lo" ct state new jump note_came; }
	chain entered { type filter hook input priority filter + 20; iifname != "lo" ct state new jump note_entered; }
	chain passed { type filter hook forward priority filter + 20; ct status dnat ct state new jump note_passed; }
}
RULES
	# shellcheck disable=SC2016 # that shell has its own
	setsid sh -c 'trap "kill \$! 2>/dev/null; exit" TERM; sleep "$1" & wait; nft delete table inet lab_verify' lab-verify "$1" >/dev/null 2>&1 </dev/null &
	echo $! >"$timer"
	echo armed
}

if command -v bash >/dev/null; then
	# shellcheck disable=SC2016
	begin() { timeout 1 bash -c 'exec 3<>"/dev/$1/$2/$3" && { [ "$1" = tcp ] || printf x >&3; }' probe "$@"; }
elif command -v nc >/dev/null; then
	begin() { if [ "$1" = tcp ]; then nc -w 1 "$2" "$3" </dev/null; else printf x | nc -u -w 1 "$2" "$3"; fi; }
else
	begin=
fi

send() {
	[ "${begin-some}" ] || {
		echo 'no bash, no nc'
		return
	}
	pending=0
	for probe; do
		rest=${probe#*,}
		begin "${probe%%,*}" "${rest%,*}" "${rest##*,}" >/dev/null 2>&1 </dev/null &
		pending=$((pending + 1))
		if [ "$pending" -ge 40 ]; then
			wait
			pending=0
		fi
	done
	wait
	echo sent
}

# ip-route(8): the preferred source stands after the word src.
source_of() {
	for address; do
		ip route get "$address" 2>/dev/null | sed -n "s/.* src \([^ ]*\).*/source $(printf %s "$address" | sed 's/[/&]/\\&/g') \1/p"
	done
}

seen() {
	# Without notes nothing is proven.
	nft list table inet lab_verify >/dev/null || return
	for phase in came entered; do
		for family in 4 6; do
			nft -n list set "${table% *}" "${table#* }" "$phase$family" | tr -d '\t\n' |
				sed -n 's/.*elements = {\([^}]*\)}.*/\1/p' | tr ',' '\n' | sed "s/^ */$phase /"
			echo
		done
	done
	nft list tables | sed -n '/^table inet lab\(_internet\|_verify\)\{0,1\}$/!s/^table /other /p'
	pid=$$
	while [ "${pid:-0}" -gt 1 ]; do
		connection=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
		[ -z "$connection" ] || {
			printf 'login %s\n' "$connection"
			break
		}
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
	done
}

command=$1
shift
case $command in
arm) arm "$@" ;;
send) send "$@" ;;
source) source_of "$@" ;;
seen) seen ;;
disarm)
	end_timer
	! nft list table inet lab_verify >/dev/null 2>&1 || nft delete table inet lab_verify
	;;
esac
