#!/bin/sh
# What `lab verify exposure` does on a host. Changes nothing, and prints no key.
#
# usage: … look                  what the host says of its tunnels and of its way to the internet:
#                                 peer INTERFACE ENDPOINT ALLOWED-IPS…   of running interfaces
#                                 configured FILE ENDPOINT               of files of wg-quick
#                                 address ADDRESS                        of its own, not of a link alone
#                                 route FAMILY OF DEVICE                 host or a bridge of containers; DEVICE may be "none"
#                                 login ADDRESS                          from where this login comes
#                                 guarded                                 what does not leave by the tunnel does not leave
#        … echo URL               "echo FAMILY ANSWER": what a server in the internet says
#        … scan ADDRESS,PORT…     "open ADDRESS,PORT" of those that take a connection
#        … pipe ADDRESS PORT      connects standard input and output; says "+" first
set -u
PATH=$PATH:/usr/sbin:/sbin

# Of a.root-servers.net: where the way there leads is where all others lead. Nothing is sent.
internet4=198.41.0.4
internet6=2001:503:ba3e::2:30

# usage: way FAMILY OF WORDS-OF-IP-ROUTE-GET…
way() {
	family=$1
	of=$2
	shift 2
	device=$(ip "-$family" -o route get "$@" 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
	# A refusal of the routes is one of "lo".
	[ "$device" != lo ] || device=
	echo "route $family $of ${device:-none}"
}

look() {
	for interface in $(wg show interfaces 2>/dev/null); do
		{
			wg show "$interface" endpoints | sed 's/^/endpoint /'
			wg show "$interface" allowed-ips | sed 's/^/allowed /'
		} | awk -v name="$interface" '
			$1 == "endpoint" { endpoint[$2] = $3 }
			$1 == "allowed" { key = $2; $1 = ""; $2 = ""; allowed[key] = $0 }
			END { for (key in endpoint) print "peer", name, endpoint[key], allowed[key] }'
	done
	for file in /etc/wireguard/*.conf; do
		[ -e "$file" ] || continue
		sed -n 's/^[[:space:]]*[Ee]nd[Pp]oint[[:space:]]*=[[:space:]]*\([^[:space:]#]*\).*/\1/p' "$file" | while read -r endpoint; do
			echo "configured $file $endpoint"
		done
	done
	ip -o address show scope global 2>/dev/null | awk '{ sub(/\/.*/, "", $4); print "address", $4 }'
	way 4 host "$internet4"
	way 6 host "$internet6"
	# What containers send passes through: the way of an address behind the bridge.
	ip -4 -o address show 2>/dev/null | awk '$2 ~ /^(docker|br-|podman|cni)/ { print $2, $4 }' | while read -r bridge prefix; do
		address=${prefix%/*}
		way 4 "$bridge" "$internet4" from "${address%.*}.$(((${address##*.} + 1) % 254 + 1))" iif "$bridge"
	done
	! nft list table inet lab_internet >/dev/null 2>&1 || echo guarded
	pid=$$
	while [ "${pid:-0}" -gt 1 ]; do
		connection=$(tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | sed -n 's/^SSH_CONNECTION=//p')
		[ -z "$connection" ] || {
			echo "login ${connection%% *}"
			break
		}
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status" 2>/dev/null)
	done
}

echo_from() {
	for family in 4 6; do
		if command -v curl >/dev/null; then
			answer=$(curl "-$family" -sS --max-time 10 -- "$1" 2>/dev/null | head -c 1000 | tr -d '\r' | tr '\n' ' ')
		elif command -v wget >/dev/null; then
			answer=$(wget "-$family" -q -T 10 -t 1 -O - -- "$1" 2>/dev/null | head -c 1000 | tr -d '\r' | tr '\n' ' ')
		else
			echo 'no curl'
			return
		fi
		[ -z "$answer" ] || echo "echo $family $answer"
	done
}

scan() {
	pending=0
	for target; do
		# shellcheck disable=SC2016
		{
			! timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' lab "${target%,*}" "${target##*,}" 2>/dev/null || echo "open $target"
		} &
		pending=$((pending + 1))
		if [ "$pending" -ge 80 ]; then
			wait
			pending=0
		fi
	done
	wait
	echo scanned
}

command=$1
shift
case $command in
look) look ;;
echo) echo_from "$1" ;;
scan | pipe)
	command -v bash >/dev/null || {
		echo 'no bash'
		exit 0
	}
	if [ "$command" = scan ]; then
		scan "$@"
	else
		# Over when either side ends: a session of sshd that lingers is one less for the next.
		# shellcheck disable=SC2016
		exec bash -c '{ sleep 5; kill $$; } </dev/null >/dev/null 2>&1 & watch=$!
			exec 3<>"/dev/tcp/$1/$2" 4<&0 || exit 1
			kill $watch
			printf +
			cat <&3 4<&- & reader=$!
			cat <&4 >&3 & writer=$!
			# Not "wait -n": it waits on where one of them has ended before.
			while kill -0 $reader && kill -0 $writer; do sleep 0.1; done
			kill $reader $writer' lab "$1" "$2" 2>/dev/null
	fi
	;;
esac
exit 0
