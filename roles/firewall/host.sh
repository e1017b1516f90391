#!/bin/sh
# Managed by lab (role firewall). Loads the rules as a whole, and says what is in the kernel.
#
# usage: lab-firewall load         the rules of the file, in place of those that are loaded
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
	! grep -qs '^ENABLED=yes' /etc/ufw/ufw.conf || echo 'other ufw'
	! command -v systemctl >/dev/null || ! systemctl -q is-active firewalld.service 2>/dev/null || echo 'other firewalld'
	login
}

case ${1:-} in
load) load ;;
back) if [ -e "$rules" ]; then load; else unload; fi ;;
state) state ;;
*)
	printf 'usage: lab-firewall load|back|state\n' >&2
	exit 2
	;;
esac
