#!/bin/sh
# Managed by lab (role vps-gateway). Loads what forwards packets, and says whether the kernel has it.
#
# usage: lab-gateway load      the table, rules (ip-rule(8)) and routes of the file, in place of those that are loaded
#        lab-gateway back      the same; without a file: nothing
#        lab-gateway state     what the plan has to know
set -eu
umask 077
PATH=$PATH:/usr/sbin:/sbin
file=/etc/lab/gateway.nft
# Checksums of the file that was loaded, and of what the kernel made of it.
loaded=/run/lab-gateway.loaded

checksum() { sha256sum <"$1" | cut -c1-64; }

# Our rules of ip-rule(8), by their preferences.
ip_rules() {
	for family in -4 -6; do
		ip "$family" rule show 2>/dev/null | sed -n "s/^759[0-9]:/$family &/p"
	done
}

# The routing table that is ours.
ip_routes() {
	for family in -4 -6; do
		ip "$family" route show table 77 2>/dev/null | sed "s/^/$family /"
	done
}

live() {
	{
		nft -s list table inet lab_gateway 2>/dev/null
		ip_rules
		ip_routes
	} | sha256sum | cut -c1-64
}

is_loaded() { [ -s "$file" ] && [ -s "$loaded" ] && [ "$(cat "$loaded")" = "$(checksum "$file") $(live)" ]; }

delete_ip_rules() {
	ip_rules | while read -r family preference _; do ip "$family" rule delete pref "${preference%:}"; done
	for family in -4 -6; do ip "$family" route flush table 77 2>/dev/null || true; done
}

# usage: without_ipv6 FAMILY: whether that is what this host, or its loopback, is without
without_ipv6() {
	[ "$1" = -6 ] && [ "$(cat /proc/sys/net/ipv6/conf/lo/disable_ipv6 2>/dev/null || echo 1)" = 1 ]
}

# usage: add_all rule|route
add_all() {
	sed -n "s/^# $1 //p" "$file" | while read -r family words; do
		# shellcheck disable=SC2086 # words of a command
		ip "$family" "$1" add $words || without_ipv6 "$family"
	done
}

load() {
	nft -f "$file"
	delete_ip_rules
	add_all route
	add_all rule
	printf '%s %s\n' "$(checksum "$file")" "$(live)" >"$loaded"
}

unload() {
	delete_ip_rules
	! nft list table inet lab_gateway >/dev/null 2>&1 || nft delete table inet lab_gateway
	rm -f "$loaded"
}

case ${1:-} in
load) load ;;
back) if [ -e "$file" ]; then load; else unload; fi ;;
state)
	! is_loaded || echo loaded
	if nft list table inet lab_gateway >/dev/null 2>&1 || [ -n "$(ip_rules)$(ip_routes)" ]; then echo present; fi
	;;
*)
	printf 'usage: lab-gateway load|back|state\n' >&2
	exit 2
	;;
esac
