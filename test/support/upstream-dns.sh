#!/bin/sh
# Zone files hold words that look like variables.
# shellcheck disable=SC2016
# An internet of its own for a resolver: upstream-dns.sh ADDRESS
# Unbound answers for a signed root, for example.dev (signed, with a DS in the root), for bogus.dev (the DS is of another key), for
# island.net (signed, and nothing leads to it), for lan.dev (not signed), and for cluster.local. Port 53 in the clear, 853 with TLS as upstream.test, and
# 1053 for the stub zone. Leaves root.key, island.ds and ca.crt in /srv.
set -eu
address=$1
cd /srv
rm -f ./* && mkdir -p keys

zone() { # zone NAME; records come on stdin
	{
		printf '$ORIGIN %s\n$TTL 60\n@ IN SOA ns. hostmaster. 1 3600 900 604800 60\n@ IN NS ns.\n' "${1%.}."
		cat
	} >"db.$1"
}
sign() { # sign NAME: with new keys; leaves dsset-NAME. for the zone above
	origin=${1%.}.
	dnssec-keygen -q -a ECDSAP256SHA256 -K keys -f KSK "$origin" >"ksk.$1"
	dnssec-keygen -q -a ECDSAP256SHA256 -K keys "$origin" >/dev/null
	dnssec-signzone -q -S -g -K keys -d . -o "$origin" -f "db.$1.signed" "db.$1" >/dev/null
}

zone example.dev <<-END
	www IN A 198.51.100.7
	photos IN A 198.51.100.1
	photos IN AAAA 2001:db8::1
	v4 IN A 198.51.100.2
	v4 IN AAAA 2001:db8::2
END
zone bogus.dev <<-END
	www IN A 198.51.100.8
END
zone island.net <<-END
	www IN A 198.51.100.9
END
zone lan.dev <<-END
	rebind IN A 192.168.1.1
	rebind6 IN AAAA fd00::1
	mine.home IN A 192.168.1.2
END
zone cluster.local <<-END
	api IN A 10.43.0.1
END
for name in example.dev bogus.dev island.net; do sign "$name"; done
cp dsset-island.net. island.ds
# The root vouches for another key.
sed -i 's/[0-9A-F]\{8\}$/00000000/' dsset-bogus.dev.
zone root <<-END
	ns. IN A $address
	example.dev. IN NS ns.
	bogus.dev. IN NS ns.
	lan.dev. IN NS ns.
	island.net. IN NS ns.
	$(cat dsset-example.dev. dsset-bogus.dev.)
END
sed -i 's/^\$ORIGIN root\.$/$ORIGIN ./' db.root
rm dsset-*
dnssec-keygen -q -a ECDSAP256SHA256 -K keys -f KSK . >ksk.root
dnssec-keygen -q -a ECDSAP256SHA256 -K keys . >/dev/null
dnssec-signzone -q -S -K keys -d . -o . -f db.root.signed db.root >/dev/null
grep -v '^;' "keys/$(cat ksk.root).key" >root.key

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=upstream.test \
	-addext subjectAltName=DNS:upstream.test -keyout tls.key -out ca.crt 2>/dev/null

auth() { printf 'auth-zone:\n  name: "%s"\n  zonefile: "/srv/%s"\n  for-upstream: yes\n  for-downstream: yes\n' "$1" "$2"; }
{
	cat <<-END
		server:
		  chroot: ""
		  username: ""
		  module-config: "iterator"
		  interface: $address
		  interface: $address@853
		  interface: $address@1053
		  tls-port: 853
		  tls-service-key: "/srv/tls.key"
		  tls-service-pem: "/srv/ca.crt"
		  access-control: 0.0.0.0/0 allow
	END
	auth . db.root.signed
	for name in example.dev bogus.dev island.net; do auth "$name" "db.$name.signed"; done
	auth lan.dev db.lan.dev
	auth cluster.local db.cluster.local
} >unbound.conf
unbound-checkconf unbound.conf >/dev/null
