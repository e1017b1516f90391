# Records of a zone by RFC 2136, with dig(1) and nsupdate(1). Managed by lab (role dns); run by its text, so that a rollback does not
# depend on what a host has. POSIX sh.
#
# usage: … look ZONE LEDGER KEYFILE SERVER PORT [NAME TYPE]…   what the plan has to know
#        … push ZONE LEDGER KEYFILE SERVER PORT <CHANGE        one message, all of it or nothing, if the zone is still as it was
#        … back ZONE LEDGER KEYFILE SERVER PORT <CHANGE        the same, also where a later run of ours has changed it
#
# A change is lines: "- NAME TTL TYPE VALUE" is there, "+ NAME TTL TYPE VALUE" shall be.
set -euf
LC_ALL=C
export LC_ALL
verb=$1 zone=$2 ledger=$3 key=$4 server=$5 port=$6
shift 6
at="$server port $port"

ask() { dig "@$server" -p "$port" -k "$key" +tcp +keepopen +norecurse +time=5 +tries=2 "$@" 2>&1; }

# say MESSAGE HINT : why nothing can be done, and what to do about it.
say() {
	if [ "$verb" = look ]; then
		printf 'error\t%s\t%s\n' "$1" "$2"
		exit 0
	fi
	printf '%s\n%s\n' "$1" "$2" >&2
	exit 1
}

# explain OUTPUT : what dig and nsupdate say, in words; returns when it is none of what is known.
explain() {
	case $1 in
	*BADKEY*) say "$at does not know the key of $key" 'name and algorithm of the key have to be those that the server has' ;;
	*BADSIG*) say "$at has another secret for the key of $key" 'put the secret that the server has into the secrets file' ;;
	*BADTIME*) say "the clocks of this host and of $at are too far apart for a signature" 'let both keep the time: timedatectl; a signature is good for five minutes' ;;
	*"couldn't get address for"* | *'failed to resolve'*) say "the name $server does not resolve" 'write the address of the server instead' ;;
	*'timed out'* | *'no servers could be reached'* | *'operation canceled'* | *'onnection refused'* | *'unreachable'* | *'could not reach any name server'* | *'end of file'* | *'connection reset'*)
		say "$at does not answer" 'is the server up, and does a firewall on the way let port 53 through, TCP as well?' ;;
	*SERVFAIL*) say "$at cannot serve the zone $zone (SERVFAIL)" 'its log says why: an expired copy, a zone file that does not load' ;;
	*NOTAUTH* | *'status: NXDOMAIN'*) say "$at is not the primary server of the zone $zone" 'name the server that has the zone itself, not a copy or a parent' ;;
	*REFUSED*) say "$at refuses this key for the zone $zone (REFUSED)" 'let the server allow updates and queries of the zone to this key' ;;
	*NOTIMP*) say "$at takes no updates (NOTIMP)" 'take a server that does RFC 2136' ;;
	*'NOTZONE'*) say "$at says that a name is not in the zone $zone (NOTZONE)" 'the zone of the server begins elsewhere' ;;
	*'ran out of space'* | *'message too large'*) say "the change does not fit into one message of 64 KiB" 'one name has more records than a message can hold' ;;
	esac
}

sum() { if [ -r "$key" ]; then sha256sum <"$key" | cut -c1-64; else echo none; fi; }

# What is a message to the server: prerequisites first, then what goes, then what comes.
message() {
	awk -v server="$server" -v port="$port" -v zone="$zone" -v only="$1" '
		{ set = $2 " " $4; if (!(set in seen)) { seen[set] = 1; order[++count] = set }
		  value = $0; for (i = 0; i < 4; i++) sub(/^[^ ]+ /, "", value) }
		$1 == "-" { there[set] = there[set] "prereq yxrrset " $2 " " $4 " " value "\n" }
		$1 == "+" { comes[set] = comes[set] "update add " $2 " " $3 " " $4 " " value "\n" }
		END {
			printf "server %s %s\nzone %s\n", server, port, zone
			for (i = 1; i <= count; i++) printf "%s", (order[i] in there) ? there[order[i]] : "prereq nxrrset " order[i] "\n"
			if (!only) {
				for (i = 1; i <= count; i++) if (order[i] in there) print "update delete " order[i]
				for (i = 1; i <= count; i++) printf "%s", comes[order[i]]
			}
			print "send"
		}'
}

# send LINES [only] : "ok"; "other" when the zone is not as the lines say. With "only", it is no more than asked.
send() {
	said=$(printf '%s\n' "$1" | message "${2:-}" | nsupdate -t 20 -v -k "$key" 2>&1) && { echo ok; return; }
	case $said in
	*YXRRSET* | *NXRRSET* | *YXDOMAIN* | *NXDOMAIN*) echo other ;;
	*) printf '%s\n' "$said" ;;
	esac
}

# must ANSWER : an answer of the server that is neither of these two ends it.
must() {
	case $1 in ok | other) return ;; esac
	explain "$1"
	say "$at did not take it: $1" 'see the log of the server'
}

look() {
	printf 'key %s\n' "$(sum)"
	if [ -r "$ledger" ]; then
		sed 's/^/owned /' "$ledger"
		# shellcheck disable=SC2046 # two words for each
		set -- "$@" $(awk '{ print $1, $3 }' "$ledger")
	fi
	[ -r "$key" ] || return 0
	command -v dig >/dev/null || say 'dig is not on the host' 'apt-get install bind9-dnsutils'
	# Where a name is missing, a wildcard may answer.
	# shellcheck disable=SC2046 # two words for each
	set -- $(printf '%s %s\n' "$@" | awk -v zone="$zone." 'NF == 2 {
		rest = $1
		for (name = $1; ; name = "*." rest) {
			if (!((name, $2) in seen)) { seen[name, $2] = 1; print name, $2 }
			if (rest == zone || rest !~ /[.]./) break
			rest = substr(rest, index(rest, ".") + 1)
		} }')
	probe=$(ask "$zone" SOA) || explain "$probe"
	case $probe in
	*"Couldn't verify signature"*) explain "$probe" ;;
	esac
	case $probe in
	*'status: NOERROR'*) ;;
	*) explain "$probe"; say "$at gives no answer that makes sense for the zone $zone" 'see the log of the server' ;;
	esac
	case $probe in *'flags: qr aa'*) ;; *) say "$at is not the primary server of the zone $zone" 'name the server that has the zone itself, not a resolver' ;; esac
	[ $# -gt 0 ] || return 0
	# A delegation is told beside the answer.
	answer=$(ask +noall +comments +answer +authority +additional "$@") || explain "$answer"
	bad=$(printf '%s\n' "$answer" | grep -E 'status: |Couldn.t verify' | grep -vE 'status: (NOERROR|NXDOMAIN)' | head -n 1) || :
	[ -z "$bad" ] || { explain "$bad"; say "$at: $bad" 'see the log of the server'; }
	got=$(printf '%s\n' "$answer" | grep -c 'status: ') || :
	[ "$got" -eq $(($# / 2)) ] || { explain "$answer"; say "$at answered $got of $(($# / 2)) questions" 'run it again'; }
	records=$(printf '%s\n' "$answer" | awk -v zone="$zone." '/^[^;]/ && $3 == "IN" && $4 != "SOA" && !($4 == "NS" && tolower($1) == zone) {
		value = $0; for (i = 0; i < 4; i++) sub(/^[^ \t]+[ \t]+/, "", value)
		line = tolower($1) " " $2 " " $4 " " value; if (!(line in seen)) { seen[line] = 1; print line } }')
	printf '%s\n' "$records" | sed -n 's/^./record &/p'
	# What a wildcard answers looks like a record of its own; the server knows the difference.
	printf '%s\n' "$records" | awk -v zone="$zone." '
		{ set = $1 " " $3; rest = $0; sub(/^[^ ]+ /, "", rest); all[set] = all[set] rest "\n" }
		END { for (set in all) { split(set, part, " "); name = part[1]
			while ((dot = index(name, ".")) > 0 && name != zone) {
				name = substr(name, dot + 1)
				wild = "*." name " " part[2]
				if (wild != set && wild in all && all[wild] == all[set]) { print set; break } } } }' |
		while read -r name type; do
			said=$(printf 'server %s %s\nzone %s\nprereq yxrrset %s %s\nsend\n' "$server" "$port" "$zone" "$name" "$type" | nsupdate -t 20 -v -k "$key" 2>&1) || :
			case $said in *NXRRSET* | *NXDOMAIN*) printf 'wildcard %s %s\n' "$name" "$type" ;; esac
		done
}

# side SIGN SET : the lines of a set on one side, each as what is there.
side() { printf '%s\n' "$change" | awk -v sign="$1" -v set="$2" '$1 == sign && $2 " " $4 == set { sub(/^. /, "- "); print }'; }

# holds SET LINES : whether the server has exactly these records of a set.
holds() {
	if [ -n "$2" ]; then lines=$2; else lines="? ${1% *} 0 ${1#* }"; fi
	said=$(send "$lines" only)
	must "$said"
	[ "$said" = ok ]
}

# A message holds 64 KiB: what is longer goes in several, with all of a name in one.
push_all() {
	all=$(awk 'length(text) > 30000 && $2 != name { portion++; text = "" } { name = $2; text = text $0; print portion + 0, $0 }')
	last=$(printf '%s\n' "$all" | tail -n 1)
	last=${last%% *}
	portion=0
	while [ "$portion" -le "$last" ]; do
		change=$(printf '%s\n' "$all" | sed -n "s/^$portion //p")
		push
		portion=$((portion + 1))
	done
}

push() {
	said=$(send "$change")
	must "$said"
	[ "$said" != ok ] || return 0
	# Some of it is done already, or somebody else was here.
	rest=''
	strange=''
	sets=$(printf '%s\n' "$change" | awk '{ print $2 " " $4 }' | sort -u)
	while read -r set; do
		wanted=$(printf '%s\n' "$change" | awk -v set="$set" '$1 == "+" && $2 " " $4 == set')
		was=$(side - "$set")
		mine=''
		[ ! -r "$ledger" ] || mine=$(awk -v set="$set" '$1 " " $3 == set { print "- " $0 }' "$ledger")
		if holds "$set" "$was"; then
			found=$was
		elif holds "$set" "$(side + "$set")"; then
			continue
		elif [ "$verb" = back ] && holds "$set" "$mine"; then
			found=$mine
		else
			strange="$strange
$(dig "@$server" -p "$port" -k "$key" +tcp +norecurse +noall +answer "${set% *}" "${set#* }" | grep -v '^;' || echo "$set: none")"
			continue
		fi
		[ -n "$found$wanted" ] || continue
		rest="$rest
${found:-? ${set% *} 0 ${set#* }}
$wanted"
	done <<-EOF
		$sets
	EOF
	[ -z "$strange" ] || say "the zone $zone is not as it was: somebody else changed it, and this was not taken. It has:$strange" 'run it again: the plan shows what is there'
	[ -n "$rest" ] || return 0
	said=$(send "$(printf '%s\n' "$rest" | grep .)")
	must "$said"
	[ "$said" = ok ] || say "the zone $zone was changed by somebody else at the same moment, and this was not taken" 'run it again'
}

case $verb in
look)
	look "$@"
	echo end
	;;
push | back) push_all ;;
esac
