#!/bin/sh
# What `lab verify dns` does on a host.
#
# usage: … dig SERVER NAME,TYPE…   what the server answers, as dig(1) prints it; nothing when it is silent
#        … signed SERVER NAME…     the same of the beginning of each zone, checked (signed) and unchecked (unsigned)
#        … nss NAME…               "name NAME ADDRESS…" as programs of this host get it
#        … reverse ADDRESS…        "reverse ADDRESS NAME…"
#        … stranger QUERY ADDRESS… "reply ADDRESS PROTOCOL BYTES…" of those that say something; QUERY in octal escapes of printf(1)
set -u
PATH=$PATH:/usr/sbin:/sbin

command=$1
shift

asked() {
	dig +noall +comments +question +answer +tries=1 +time=3 "$@"
}

case $command in
dig)
	server=@$1
	shift
	command -v dig >/dev/null || {
		echo 'no dig'
		exit 0
	}
	# Whoever does not answer the first question would be waited for with each.
	asked "$server" "${1%,*}" "${1#*,}" >/dev/null || exit 0
	# A resolver takes so many questions a second of one client.
	while [ $# -gt 0 ]; do
		count=0
		batch=
		while [ $# -gt 0 ] && [ "$count" -lt 200 ]; do
			batch="$batch -q ${1%,*} -t ${1#*,}"
			shift
			count=$((count + 1))
		done
		# Names and types hold no blanks.
		# shellcheck disable=SC2086
		asked "$server" $batch
		[ $# -eq 0 ] || sleep 0.5
	done
	;;
signed)
	server=@$1
	shift
	for zone in "$@"; do
		echo "signed $zone"
		asked "$server" +dnssec "$zone" SOA
		echo "unsigned $zone"
		asked "$server" +cd "$zone" SOA
	done
	;;
nss)
	flag=
	getent --no-addrconfig ahosts localhost >/dev/null 2>&1 && flag=--no-addrconfig
	for name in "$@"; do
		# shellcheck disable=SC2086
		printf 'name %s %s\n' "$name" "$(getent $flag ahosts "$name" | sed 's/[[:space:]].*//' | sort -u | tr '\n' ' ')"
	done
	;;
reverse)
	for address in "$@"; do
		printf 'reverse %s %s\n' "$address" "$(getent hosts "$address" | sed 's/^[^[:space:]]*[[:space:]]*//' | tr '\n' ' ')"
	done
	;;
stranger)
	query=$1
	shift
	command -v bash >/dev/null || {
		echo 'no bash'
		exit 0
	}
	# shellcheck disable=SC2059
	length=$(printf %o "$(printf "$query" | wc -c)")
	# Where nobody listens, or is not let answer, nothing comes: all are waited for together.
	for address in "$@"; do
		# shellcheck disable=SC2016,SC2086
		{
			header=$(timeout 3 bash -c 'exec 3<>"/dev/udp/$1/53" && printf "$2" >&3 && head -c 12 <&3 | od -An -v -tu1' lab "$address" "$query" 2>/dev/null)
			[ -z "$header" ] || echo "reply $address udp" $header
		} &
		# shellcheck disable=SC2016,SC2086
		{
			header=$(timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/53" && printf "\\0\\$3$2" >&3 && head -c 14 <&3 | tail -c +3 | od -An -v -tu1' lab "$address" "$query" "$length" 2>/dev/null)
			[ -z "$header" ] || echo "reply $address tcp" $header
		} &
	done
	wait
	;;
esac
exit 0
