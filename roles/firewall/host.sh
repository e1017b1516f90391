#!/bin/sh
# Managed by lab (role firewall). Loads the rules as a whole, and says what is in the kernel.
#
# usage: lab-firewall load         the rules of the file, in place of those that are loaded
#        lab-firewall ufw          those that ufw keeps for its user, each family at once; where it is active
#        lab-firewall back         the same; without a file: no rules
#        lab-firewall state        what the plan has to know
set -eu
umask 077
PATH=$PATH:/usr/sbin:/sbin
rules=/etc/lab/firewall.nft
# Checksums of the file that was loaded, and of what the kernel made of it.
loaded=/run/lab-firewall.loaded

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
	ufw_enabled || return 0
	echo 'other ufw'
	! ufw_hooked || echo 'ufw hooked'
	iptables -S 2>/dev/null | grep -E '^-A ufw-user-(input|forward|output) ' | sed 's/^/ufw4 /'
	ip6tables -S 2>/dev/null | grep -E '^-A ufw6-user-(input|forward|output) ' | sed 's/^/ufw6 /'
}

# Where this login comes from, and to which address and port it came: ssh(1), of the process that has it.
login() {
	pid=$$
	while [ "${pid:-0}" -gt 1 ]; do
		connection=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
		if [ -n "$connection" ]; then
			printf 'login %s\n' "$connection"
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
	ufw_state
	! command -v systemctl >/dev/null || ! systemctl -q is-active firewalld.service 2>/dev/null || echo 'other firewalld'
	login
}

case ${1:-} in
load) load ;;
ufw) ufw_load ;;
back) if [ -e "$rules" ]; then load; else unload; fi ;;
state) state ;;
*)
	printf 'usage: lab-firewall load|back|ufw|state\n' >&2
	exit 2
	;;
esac
