#!/bin/sh
# Managed by lab (role firewall). Loads the rules as a whole, and says what is in the kernel.
#
# usage: lab-firewall load         the rules of the file, in place of those that are loaded
#        lab-firewall ufw          those that ufw keeps for its user, each family at once; where it is active
#        lab-firewall internet     the way to the internet that its file says; without a file: the host's own line
#        lab-firewall back         all of these; without a file: no rules
#        lab-firewall state        what the plan has to know
set -eu
umask 077
PATH=$PATH:/usr/sbin:/sbin
rules=/etc/lab/firewall.nft
# Checksums of the file that was loaded, and of what the kernel made of it.
loaded=/run/lab-firewall.loaded

# What leads to the internet through the tunnel only, and the same of what was loaded.
internet=/etc/lab/internet.nft
internet_loaded=/run/lab-internet.loaded

# The table as the kernel has it, without counters and without what a meter has counted.
live() {
	nft -s list table inet lab 2>/dev/null | awk '
		/^\tset / { held = ""; meter = 0; inside = 1 }
		inside { held = held $0 "\n"; if (/flags .*dynamic/) meter = 1; if (/^\t}/) { inside = 0; if (!meter) printf "%s", held }; next }
		{ print }' | sha256sum | cut -c1-64
}

checksum() { sha256sum <"$1" | cut -c1-64; }

load() {
	nft -f "$rules"
	printf '%s %s\n' "$(checksum "$rules")" "$(live)" >"$loaded"
}

unload() {
	! nft list table inet lab >/dev/null 2>&1 || nft delete table inet lab
	rm -f "$loaded"
}

# Our rules of ip-rule(8), by their preferences.
ip_rules() {
	for family in -4 -6; do
		ip "$family" rule show 2>/dev/null | sed -n "s/^76[0-9][0-9]:/$family &/p"
	done
}

internet_live() {
	{
		nft -s list table inet lab_internet 2>/dev/null
		ip_rules
	} | sha256sum | cut -c1-64
}

internet_is_loaded() {
	[ -s "$internet" ] && [ -s "$internet_loaded" ] && [ "$(cat "$internet_loaded")" = "$(checksum "$internet") $(internet_live)" ]
}

delete_ip_rules() {
	ip_rules | while read -r family preference _; do ip "$family" rule delete pref "${preference%:}"; done
}

# The table first: with the rules gone for a moment, nothing leaves by the host's own line.
internet() {
	if [ ! -e "$internet" ]; then
		delete_ip_rules
		! nft list table inet lab_internet >/dev/null 2>&1 || nft delete table inet lab_internet
		rm -f "$internet_loaded"
		return
	fi
	! internet_is_loaded || return 0
	nft -f "$internet"
	# The tunnel's own packets come in by a line that is not the way back to where they come from: 1 is strict (ip-sysctl), the rules
	# of the firewall look themselves.
	all=/proc/sys/net/ipv4/conf/all/rp_filter
	[ "$(cat "$all" 2>/dev/null)" != 1 ] || echo 2 >"$all"
	delete_ip_rules
	sed -n 's/^# rule //p' "$internet" | while read -r family rule; do
		# shellcheck disable=SC2086 # words of a command
		ip "$family" rule add $rule || { [ "$family" = -6 ] && [ ! -e /proc/net/if_inet6 ]; }
	done
	printf '%s %s\n' "$(checksum "$internet")" "$(internet_live)" >"$internet_loaded"
}

ufw_enabled() { grep -qs '^ENABLED=[yY]' /etc/ufw/ufw.conf; }

# Somebody may have flushed what leads to its chains: then they hold nothing, whatever is in them.
ufw_hooked() {
	iptables -S 2>/dev/null | grep -qE '^-P INPUT (DROP|REJECT)' && iptables -C INPUT -j ufw-before-input 2>/dev/null &&
		iptables -C ufw-before-input -j ufw-user-input 2>/dev/null
}

# The chains of its user are emptied and filled in one commit; those that lead there stay.
ufw_load() {
	ufw_enabled || return 0
	if ! ufw_hooked; then
		ufw reload >/dev/null
		return
	fi
	iptables-restore -n </etc/ufw/user.rules
	! ip6tables -S ufw6-user-input >/dev/null 2>&1 || ip6tables-restore -n </etc/ufw/user6.rules
}

ufw_state() {
	[ -e /etc/ufw/user.rules ] || return 0
	echo 'ufw installed'
	! command -v dockerd >/dev/null || echo docker
	ufw_enabled || return 0
	echo 'other ufw'
	! ufw_hooked || echo 'ufw hooked'
	iptables -S 2>/dev/null | grep -E '^-A ufw-user-(input|forward|output) ' | sed 's/^/ufw4 /'
	ip6tables -S 2>/dev/null | grep -E '^-A ufw6-user-(input|forward|output) ' | sed 's/^/ufw6 /'
}

# Where this login comes from, and to which address and port it came: ssh(1), of the process that has it; and by which
# interface, which is the way back.
login() {
	pid=$$
	while [ "${pid:-0}" -gt 1 ]; do
		connection=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
		if [ -n "$connection" ]; then
			device=$(ip -o route get "${connection%% *}" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')
			printf 'login %s %s\n' "$connection" "$device"
			return
		fi
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
	done
}

state() {
	if [ -s "$rules" ] && [ -s "$loaded" ] && [ "$(cat "$loaded")" = "$(checksum "$rules") $(live)" ]; then
		echo loaded
	fi
	nft list tables 2>/dev/null || :
	! internet_is_loaded || echo 'internet loaded'
	if nft list table inet lab_internet >/dev/null 2>&1 || [ -n "$(ip_rules)" ]; then echo 'internet present'; fi
	ufw_state
	! command -v systemctl >/dev/null || ! systemctl -q is-active firewalld.service 2>/dev/null || echo 'other firewalld'
	login
}

case ${1:-} in
load)
	load
	internet
	;;
internet) internet ;;
ufw) ufw_load ;;
back)
	if [ -e "$rules" ]; then load; else unload; fi
	internet
	;;
state) state ;;
*)
	printf 'usage: lab-firewall load|internet|back|ufw|state\n' >&2
	exit 2
	;;
esac
