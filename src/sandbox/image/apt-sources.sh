#!/bin/sh
# Prints the apt sources for the sandbox's hosts as one-line entries: the mirrors that this machine itself uses, so that
# an image can be built wherever this machine can install packages. Reads one-line and deb822 files (sources.list(5)).
#
# usage: apt-sources.sh [DIRECTORY]    DIRECTORY: where apt keeps its configuration, default /etc/apt
set -eu

directory=${1:-/etc/apt}
suite=bookworm

one_line() {
	find "$directory/sources.list" "$directory/sources.list.d" -name '*.list' -type f -exec cat {} + 2>/dev/null |
		sed -n 's/^[[:space:]]*deb[[:space:]]/deb /p'
}

# Each stanza becomes one line for each pair of URI and suite. A key given inline (a PGP block) is left out: Debian's own
# keyring, which is in the image, is then what verifies.
deb822() {
	find "$directory/sources.list.d" -name '*.sources' -type f -exec awk '
		function flush(  u, s, i, j, options) {
			if (types ~ /(^| )deb( |$)/ && enabled !~ /^(no|false|0)$/) {
				options = ""
				if (signed ~ /^\//) options = options " signed-by=" signed
				if (trusted ~ /^(yes|true|1)$/) options = options " trusted=yes"
				if (until ~ /^(no|false|0)$/) options = options " check-valid-until=no"
				if (options != "") options = " [" substr(options, 2) "]"
				u = split(uris, uri, " "); s = split(suites, name, " ")
				for (i = 1; i <= u; i++) for (j = 1; j <= s; j++)
					print "deb" options " " uri[i] " " name[j] " " components
			}
			types = uris = suites = components = signed = trusted = until = enabled = field = ""
		}
		FNR == 1 { flush() }
		/^#/ { next }
		/^[ \t]*$/ { flush(); next }
		{
			if ($0 !~ /^[ \t]/) { field = tolower($0); sub(/:.*/, "", field); sub(/^[^:]*:/, "") }
			gsub(/^[ \t]+|[ \t\r]+$/, ""); gsub(/[ \t]+/, " ")
			if (field == "types") types = types " " $0
			else if (field == "uris") uris = uris " " $0
			else if (field == "suites") suites = suites " " $0
			else if (field == "components") components = components (components == "" ? "" : " ") $0
			else if (field == "signed-by") signed = signed $0
			else if (field == "trusted") trusted = $0
			else if (field == "check-valid-until") until = $0
			else if (field == "enabled") enabled = tolower($0)
		}
		END { flush() }
	' {} + 2>/dev/null
}

codename=$(. /etc/os-release 2>/dev/null && printf %s "${VERSION_CODENAME-}") || codename=

# Only Debian's own archive (component main, a suite of this machine's release): third-party repositories have no place
# on a bare host. On another release of Debian the same mirrors serve ours.
sources=$({ one_line; deb822; } | awk -v ours="$suite" -v theirs="${codename:-$suite}" '
	{
		start = 2
		if ($2 ~ /^\[/) { while ($start !~ /\]$/ && start < NF) start++; start++ }
		uri = $start; name = $(start + 1)
		if (uri !~ /^(https?|mirror\+https?):/) next
		if (name !~ "^(" ours "|" theirs ")(-updates|-security)?$") next
		has_main = 0
		for (i = start + 2; i <= NF; i++) if ($i == "main") has_main = 1
		if (!has_main) next
		sub("^" theirs, ours, name)
		line = "deb"
		for (i = 2; i < start; i++) line = line " " $i
		line = line " " uri " " name " main"
		if (!seen[line]++) print line
	}
')

case $sources in
*" $suite main"*) printf '%s\n' "$sources" ;;
*)
	echo "apt-sources.sh: no mirror of Debian $suite among apt's sources: expected a line or entry for $suite with the component main" >&2
	exit 4
	;;
esac
