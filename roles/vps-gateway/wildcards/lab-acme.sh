#!/bin/sh
# Managed by lab (role vps-gateway). Certificates for all names of a domain, by a record in its zone (ACME, RFC 8555, 8.4).
#
# usage: lab-acme issue NAME      now, and says why when there is none
#        lab-acme prepare NAME    the environment of the unit lab-acme-NAME (as root)
#        lab-acme obtain NAME     a first certificate, or the next when a third of its time is left (the unit, as nobody)
#        lab-acme deploy NAME     gives Caddy what it does not have yet (as root)
#        lab-acme forget NAME     takes the environment away again, however it ended (as root)
#        lab-acme state NAME      what the plan has to know
set -eu

action=$1
name=$2
given=/etc/lab/acme/$name.env
folder=/etc/caddy/lab-certificates
made=/run/lab-acme/$name.env

fail() {
	printf 'lab-acme: %s\n' "$*" >&2
	exit 1
}

# The secret of a key in the form of named.conf(5).
secret_of() { sed -n 's/^[[:space:]]*secret "\(.*\)";$/\1/p' "$1"; }

# Seconds since 1970 of a date of a certificate.
date_of() { date -d "$(openssl x509 -in "$1" -noout "-$2" | cut -d = -f 2-)" +%s; }

# Whether less than a third of its time is left.
is_due() {
	begin=$(date_of "$1" startdate)
	end=$(date_of "$1" enddate)
	[ $(((end - $(date +%s)) * 3)) -lt $((end - begin)) ]
}

prepare() {
	umask 077
	mkdir -p /run/lab-acme
	cat "$given" >"$made"
	key=$(sed -n "s/^LAB_ACME_KEY_FILE='\(.*\)'$/\1/p" "$given")
	if [ -n "$key" ]; then
		[ -r "$key" ] || fail "$key is not there: the role dns makes it, for the zone that this host serves"
		printf "RFC2136_TSIG_SECRET='%s'\n" "$(secret_of "$key")" >>"$made"
	fi
}

obtain() {
	certificate=$STATE_DIRECTORY/certificates/_.$name.crt
	set -- --accept-tos --path "$STATE_DIRECTORY" --server "$LAB_ACME_SERVER" --email "$LAB_ACME_EMAIL" \
		--dns "$LAB_ACME_PROVIDER" --domains "*.$name" --domains "$name"
	[ -z "${LAB_ACME_RESOLVER-}" ] || set -- "$@" --dns.resolvers "$LAB_ACME_RESOLVER"
	# Who is asked is the only server of the zone, and has the record when it takes it.
	[ -z "${LAB_ACME_ALONE-}" ] || set -- "$@" --dns.disable-cp
	account="$LAB_ACME_SERVER $LAB_ACME_EMAIL"
	if [ -s "$certificate" ] && [ "$(cat "$STATE_DIRECTORY/account" 2>/dev/null)" = "$account" ]; then
		is_due "$certificate" || return 0
		ask "$@" renew --days 9999 --no-random-sleep
	else
		# Registers where the authority does not know the address yet.
		ask "$@" run
	fi
	printf '%s\n' "$account" >"$STATE_DIRECTORY/account"
}

# Again when the authority saw another record than this one: gateways that share a name may ask at the same time.
ask() {
	log=$STATE_DIRECTORY/log
	for pause in 10 20 40 0; do
		! lego "$@" >"$log" 2>&1 || break
		if [ "$pause" = 0 ] || ! grep -qE 'acme:error:(unauthorized|dns|incorrectResponse)' "$log"; then
			cat "$log" >&2
			return 1
		fi
		sleep "$((pause + $(od -An -N1 -tu1 /dev/urandom) % pause))"
	done
	cat "$log" >&2
}

deploy() {
	source=$STATE_DIRECTORY/certificates/_.$name
	# There until Caddy has taken what it was given.
	pending=$folder/.$name.pending
	if [ ! -s "$source.crt" ] || [ ! -s "$source.key" ]; then fail "no certificate for *.$name"; fi
	if ! cmp -s "$source.crt" "$folder/$name.crt" || ! cmp -s "$source.key" "$folder/$name.key"; then
		install -d -m 0750 -o root -g caddy "$folder"
		# A pair at a time: Caddy reads both when it is told to.
		for suffix in key crt; do
			install -m 0640 -o root -g caddy "$source.$suffix" "$folder/.$name.$suffix.new"
		done
		: >"$pending"
		for suffix in key crt; do mv "$folder/.$name.$suffix.new" "$folder/$name.$suffix"; done
	fi
	[ -e "$pending" ] || return 0
	! grep -qs "$folder/$name.crt" /etc/caddy/Caddyfile || ! systemctl is-active --quiet caddy || systemctl reload caddy
	rm "$pending"
}

case $action in
issue)
	systemctl start "lab-acme-$name.service" || {
		journalctl --no-pager --output cat --identifier lab-acme --unit "lab-acme-$name.service" --since -10min | tail -n 12 >&2
		fail "no certificate for *.$name"
	}
	;;
prepare) prepare ;;
obtain) obtain ;;
deploy) deploy ;;
forget) rm -f "$made" ;;
state)
	[ ! -s "$folder/$name.crt" ] || [ ! -s "$folder/$name.key" ] || [ -e "$folder/.$name.pending" ] || printf 'there %s\n' "$(cat "/var/lib/private/lab-acme/$name/account" 2>/dev/null)"
	;;
*)
	printf 'usage: lab-acme issue|prepare|obtain|deploy|forget|state NAME\n' >&2
	exit 2
	;;
esac
