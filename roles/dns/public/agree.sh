# Waits until every name server of a zone says what was published. Managed by lab (role dns); run by its text. POSIX sh.
#
# usage: … agree ZONE SECONDS [SERVER PORT] <RECORDS     lines "NAME TTL TYPE VALUE"; SERVER is asked for the name servers
set -euf
LC_ALL=C
export LC_ALL
zone=$2 seconds=$3 server=${4:-} port=${5:-53}
records=$(cat)
end=$(($(date +%s) + seconds))

# ask ADDRESS PORT WORDS… : answers alone.
ask() {
	to=$1 on=$2
	shift 2
	dig "@$to" -p "$on" +norecurse +time=3 +tries=1 +noall +answer "$@" 2>/dev/null | grep -v '^;' || :
}

# short NAME TYPE : values, from the primary server if one is known, else as this host resolves it.
short() {
	found=''
	[ -z "$server" ] || found=$(ask "$server" "$port" "$1" "$2" | awk -v type="$2" '$4 == type { print $5 }')
	[ -n "$found" ] || found=$(dig +short +time=3 +tries=2 "$1" "$2" 2>/dev/null | grep -v '^;') || :
	printf '%s\n' "$found"
}

# As sorted lines "NAME TYPE VALUE", with names in lower case.
plain() { awk '{ value = $0; for (i = 0; i < skip; i++) sub(/^[^ \t]+[ \t]+/, "", value)
	if ($type != "TXT" && $type != "CAA") value = tolower(value)
	print tolower($1), $type, value }' "type=$1" "skip=$1" | sort -u; }

wanted=$(printf '%s\n' "$records" | awk '$3 != "NS"' | plain 3)
# shellcheck disable=SC2046 # two words for each
set -- $(printf '%s\n' "$wanted" | awk '!(($1, $2) in seen) { seen[$1, $2] = 1; print $1, $2 }')
[ $# -gt 0 ] || exit 0

# differs ADDRESS PORT WORDS… : what is another there, a line or none.
differs() {
	there=$(ask "$@" | plain 4)
	[ -n "$there" ] || { echo 'it gives no answer'; return; }
	{ printf '%s\n' "$wanted" | sed 's/^/w /'; printf '%s\n' "$there" | sed 's/^/t /'; } | awk '
		{ line = $0; sub(/^. /, "", line) }
		$1 == "w" { wanted[line] = 1 } $1 == "t" { there[line] = 1 }
		END { for (line in wanted) if (!(line in there)) { print "it does not have " line; exit } }'
}

names=$(short "$zone" NS)
[ -n "$names" ] || { echo "the zone $zone has no name servers that this host could find" >&2; exit 1; }
behind=''
for name in $names; do
	addresses=$(short "$name" A)
	[ -n "$addresses" ] || addresses=$(short "$name" AAAA)
	if [ -z "$addresses" ]; then
		behind="$behind
$name has no address"
		continue
	fi
	for address in $addresses; do
		while what=$(differs "$address" 53 "$@") && [ -n "$what" ]; do
			[ "$(date +%s)" -lt "$end" ] || break
			sleep 1
		done
		[ -z "$what" ] || behind="$behind
$name ($address): $what"
	done
done
[ -n "$behind" ] || exit 0
echo "after $seconds seconds not every name server of $zone says what was published:$behind" >&2
echo 'the records are published; a copy that does not follow its primary is a matter of that server' >&2
exit 1
