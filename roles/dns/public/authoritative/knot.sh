# Knot on this host. Managed by lab (role dns); run by its text. POSIX sh.
#
# usage: … key KEYFILE INCLUDED            makes the key of the host itself, once
#        … look ZONE…                      what the plan has to know
#        … reload | restart                takes up the configuration, and sees that it answers
#        … make ZONE CONTACT NAMESERVER…   the beginning of a zone, or its name servers anew; the DS record beside the key
set -euf
LC_ALL=C
export LC_ALL
umask 077
PATH=$PATH:/usr/sbin:/sbin
verb=$1
shift

fail() {
	printf '%s\n' "$@" >&2
	exit 1
}

# The secret goes through no argument of a process: printf is the shell's own.
key() {
	secret=$(head -c 32 /dev/urandom | base64 | tr -d '\n')
	printf 'key:\n  - id: lab-local\n    algorithm: hmac-sha256\n    secret: %s\n' "$secret" >"$2.new"
	chown root:knot "$2.new"
	chmod 0640 "$2.new"
	mv "$2.new" "$2"
	printf 'key "lab-local" {\n\talgorithm hmac-sha256;\n\tsecret "%s";\n};\n' "$secret" >"$1.new"
	mv "$1.new" "$1"
}

running() { knotc status >/dev/null 2>&1; }

# The name servers of a zone, sorted, on one line; nothing when the zone has not begun.
servers() { knotc zone-read "$1" @ NS 2>/dev/null | awk '$(NF - 1) == "NS" { print tolower($NF) }' | sort | tr '\n' ' ' | sed 's/ $//'; }

# A server that does not run yet may have zones all the same: they were put back from a backup.
look() {
	if running; then echo running; elif [ -s /var/lib/knot/journal/data.mdb ]; then echo kept; fi
	for zone; do printf 'zone %s %s\n' "$zone" "$(servers "$zone")"; done
}

# Who else has port 53 of an address is told by Knot's log alone.
answers() {
	tries=0
	until running; do
		tries=$((tries + 1))
		[ "$tries" -lt 50 ] || fail 'Knot does not run:' "$(journalctl -u knot -n 20 -o cat --no-pager 2>/dev/null | grep -E 'error|critical' | sort -u)" 'is another DNS server on port 53 of these addresses?'
		sleep 0.2
	done
}

make() {
	zone=$1 contact=$2
	shift 2
	running || fail 'Knot does not run' 'systemctl status knot'
	if [ "$(servers "$zone")" = "$(printf '%s\n' "$@" | sort | tr '\n' ' ' | sed 's/ $//')" ]; then
		delegation "$zone"
		return
	fi
	knotc zone-begin "$zone" >/dev/null
	trap 'knotc zone-abort "$zone" >/dev/null 2>&1 || :' EXIT
	if [ -z "$(servers "$zone")" ]; then
		# The serial counts up from here; the last field is how long others keep that a name is missing (RFC 2308).
		knotc zone-set "$zone" @ 3600 SOA "$1" "$contact" "$(date +%s)" 3600 600 1209600 300 >/dev/null
	else
		knotc zone-unset "$zone" @ NS >/dev/null
	fi
	for name; do knotc zone-set "$zone" @ 3600 NS "$name" >/dev/null; done
	knotc zone-commit "$zone" >/dev/null
	trap - EXIT
	delegation "$zone"
}

# For the parent: whoever sells the domain takes it.
delegation() {
	runuser -u knot -- keymgr "$1" ds 2>/dev/null | grep ' DS ' >"/etc/lab/dns/$1.ds" || rm -f "/etc/lab/dns/$1.ds"
}

case $verb in
key) key "$@" ;;
look) look "$@" ;;
reload)
	if running; then knotc -b reload >/dev/null; else systemctl restart knot; fi
	answers
	;;
restart)
	systemctl restart knot || :
	answers
	;;
make) make "$@" ;;
esac
