# A zone file as a whole. Managed by lab (role dns); run by its text. POSIX sh.
#
# usage: … write FILE ZONE <ZONEFILE            takes its place with a higher serial, when a checker has nothing against it
#        … after FILE ZONE                      a file that was put back gets a serial above that of the one it replaced
#        … note FILE                            keeps the serial for `after`
# The serial of what is written is @SERIAL@.
set -euf
LC_ALL=C
export LC_ALL
verb=$1 file=$2

fail() {
	printf '%s\n' "$@" >&2
	exit 1
}

serial() { [ ! -r "$1" ] || awk '/ SOA / { print $7; exit }' "$1"; }

sum() { [ ! -r "$file" ] || sha256sum <"$file"; }

# above NUMBER : the first of today (RFC 1912, 2.2), or the next one, round the end as RFC 1982 has it.
above() {
	today=$(date -u +%Y%m%d)01
	case $1 in
	'' | *[!0-9]*) echo "$today" ;;
	4294967295) echo 1 ;;
	*) if [ "$today" -gt "$1" ]; then echo "$today"; else echo $(($1 + 1)); fi ;;
	esac
}

check() {
	if command -v named-checkzone >/dev/null; then
		named-checkzone -q "$2" "$1" || fail 'named-checkzone does not take the zone:' "$(named-checkzone "$2" "$1" 2>&1 || :)"
	elif command -v kzonecheck >/dev/null; then
		said=$(kzonecheck -o "$2" "$1" 2>&1) || fail 'kzonecheck does not take the zone:' "$said"
	fi
}

# put FILE NEW : with mode and owner of the old one, in one step.
put() {
	if [ -e "$1" ]; then
		chown "$(stat -c %u:%g "$1")" "$2"
		chmod "$(stat -c %a "$1")" "$2"
	else
		chmod 0644 "$2"
	fi
	sync "$2" 2>/dev/null || sync
	mv -f "$2" "$1"
}

case $verb in
write)
	[ ! -L "$file" ] || fail "$file is a link: name the file that it leads to"
	new=$file.lab-new
	trap 'rm -f "$new"' EXIT
	sed "s/@SERIAL@/$(above "$(serial "$file")")/" >"$new"
	check "$new" "$3"
	put "$file" "$new"
	;;
note)
	serial "$file" >"$LAB_ACTION_DIR/serial"
	sum >"$LAB_ACTION_DIR/sum"
	;;
after)
	# It was not there before, or nothing had taken its place.
	if [ ! -e "$file" ] || [ "$(sum)" = "$(cat "$LAB_ACTION_DIR/sum")" ]; then exit 0; fi
	new=$file.lab-new
	trap 'rm -f "$new"' EXIT
	awk -v serial="$(above "$(cat "$LAB_ACTION_DIR/serial")")" '/ SOA / && !done { $7 = serial; done = 1 } { print }' "$file" >"$new"
	put "$file" "$new"
	;;
esac
