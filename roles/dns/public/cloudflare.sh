# Records of a zone by version 4 of Cloudflare's API, with curl(1) and jq(1). Managed by lab (role dns); run by its text. POSIX sh.
#
# usage: … look ZONE LEDGER SECRETFILE API CA [NAME TYPE]…   what the plan has to know
#        … push ZONE LEDGER SECRETFILE API CA <CHANGE        if the zone is still as it was
#        … back ZONE LEDGER SECRETFILE API CA <CHANGE        the same, also what is half done, or a later run of ours has changed
#
# SECRETFILE is a configuration of curl with the header that has the token; CA a file, or - for those of the system.
set -euf
LC_ALL=C.UTF-8
export LC_ALL
verb=$1 zone=$2 ledger=$3 secret=$4 api=$5 ca=$6
shift 6
umask 077
# Operations that one call takes (200 in the free plan).
most=200
# Seconds that answers of "too many requests" are waited for, in all.
patience=60

# say MESSAGE HINT : why nothing can be done, and what to do about it.
say() {
	if [ "$verb" = look ]; then
		printf 'error\t%s\t%s\n' "$1" "$2"
		exit 0
	fi
	printf '%s\n%s\n' "$1" "$2" >&2
	exit 1
}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# try METHOD PATH [BODYFILE] : the answer is in $folder/body, its status in $status; 000 is none.
try() {
	method=$1 path=$2
	set -- -sS -K "$secret" -X "$method" -H 'Content-Type: application/json' --connect-timeout 10 --max-time 30 \
		-D "$folder/headers" -o "$folder/body" -w '%{http_code}' ${3:+--data-binary "@$3"}
	[ "$ca" = - ] || set -- "$@" --cacert "$ca"
	: >"$folder/body"
	: >"$folder/headers"
	status=$(curl "$@" "$api$path" 2>"$folder/said") || status=000
}

# What the API says itself, on one line.
reason() { jq -r '[.errors[]? | "\(.message) (\(.code))"] | join("; ")' <"$folder/body" 2>/dev/null | tr '\t\n' '  '; }

# settle : "again" when the same call may be made again; ends with what is wrong, or returns for an answer that is one.
settle() {
	answer=''
	case $status in
	2??)
		[ "$(jq -r '.success' <"$folder/body" 2>/dev/null)" = true ] || say "$api answered something that is no answer of Cloudflare's API" "is it the address of the API? It began with: $(head -c 60 "$folder/body" | tr '\t\n' '  ')"
		;;
	429)
		wait=$(tr -d '\r' <"$folder/headers" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9][0-9]*\)$/\1/p' | tail -n 1)
		wait=${wait:-5}
		[ "$wait" -le "$patience" ] || say "Cloudflare takes no more requests for $wait seconds (429)" 'run it again later'
		patience=$((patience - wait - 1))
		sleep "$wait"
		answer=again
		;;
	401 | 403) say "Cloudflare does not let this token in ($status): $(reason)" "the token needs Zone:Read and DNS:Edit for $zone, and may be bound to addresses: dash.cloudflare.com/profile/api-tokens" ;;
	400 | 404 | 409) say "Cloudflare refuses it ($status): $(reason)" 'look at the record in the message' ;;
	000 | 5??)
		tries=$((tries + 1))
		if [ "$tries" -ge 4 ]; then
			[ "$status" != 000 ] || say "$api does not answer: $(tr '\t\n' '  ' <"$folder/said")" 'does this host reach the internet, and is its clock right?'
			say "Cloudflare has a problem of its own ($status)" 'see www.cloudflarestatus.com, and run it again later'
		fi
		sleep "$tries"
		answer=again
		;;
	*) say "Cloudflare answered with $status: $(reason)" 'run it again' ;;
	esac
}

# get PATH : a question may be asked again.
get() {
	tries=0
	while :; do
		try GET "$1"
		settle
		[ "$answer" = again ] || return 0
	done
}

# All records of the zone, one a line as JSON, with their values as a zone file has them.
read_all() {
	if [ -z "${id:-}" ]; then
		get "/zones?name=$zone"
		id=$(jq -r --arg zone "$zone" '[.result[] | select(.name == $zone)][0].id // empty' <"$folder/body")
		[ -n "$id" ] || say "this token does not see the zone $zone" "the token needs Zone:Read for $zone"
	fi
	: >"$folder/all"
	page=1
	while :; do
		get "/zones/$id/dns_records?per_page=500&page=$page"
		jq -c "$words"'.result[] | {id, name: ((.name | ascii_downcase) + "."), type, ttl, value: value}' <"$folder/body" >>"$folder/all" || say "$api answered with records that make no sense" 'run it again'
		[ "$page" -lt "$(jq -r '.result_info.total_pages // 1' <"$folder/body")" ] || return 0
		page=$((page + 1))
	done
}

# shellcheck disable=SC2016 # variables of jq
words='
def dotted: ascii_downcase | if endswith(".") then . else . + "." end;
def quoted: if startswith("\"") then . else "\"" + gsub("(?<c>[\"\\\\])"; "\\\(.c)") + "\"" end;
def value:
  (if .type == "MX" then "\(.priority) \(.content | dotted)"
  elif .type == "CNAME" or .type == "NS" then .content | dotted
  elif .type == "SRV" then "\(.data.priority) \(.data.weight) \(.data.port) \(.data.target | dotted)"
  elif .type == "CAA" then "\(.data.flags) \(.data.tag) \(.data.value | quoted)"
  elif .type == "TXT" then .content | quoted
  else .content end) + (if .proxied == true then " proxied" else "" end);
def plain($type):
  if $type == "TXT" then reduce scan("\\\\[0-9]{3}|\\\\.|[^\\\\]") as $c ({text: "", inside: false};
      if $c == "\"" then .inside = (.inside | not)
      elif .inside | not then .
      elif ($c | length) == 4 then .text += "%" + ($c[1:] | tonumber | [. / 16 | floor, . % 16] | map("0123456789ABCDEF"[.:. + 1]) | add)
      else .text += ($c | ltrimstr("\\") | if . == "" then "\\" else . end | @uri) end) | .text
  else . end;
def parsed: capture("^(?<sign>.) (?<name>[^ ]+) (?<ttl>[0-9]+) (?<type>[^ ]+) (?<value>.*)$") | .ttl |= tonumber;
def body:
  (.value | endswith(" proxied")) as $proxied | (.value | rtrimstr(" proxied")) as $value | ($value | split(" ")) as $parts
  | {name: (.name | rtrimstr(".")), type, ttl, proxied: $proxied}
    + (if .type == "MX" then {priority: ($parts[0] | tonumber), content: ($parts[1] | if . == "." then . else rtrimstr(".") end)}
    elif .type == "CNAME" or .type == "NS" then {content: ($value | rtrimstr("."))}
    elif .type == "SRV" then {data: {priority: ($parts[0] | tonumber), weight: ($parts[1] | tonumber), port: ($parts[2] | tonumber), target: ($parts[3] | if . == "." then . else rtrimstr(".") end)}}
    elif .type == "CAA" then {data: {flags: ($parts[0] | tonumber), tag: $parts[1], value: ($value | sub("^[0-9]+ [^ ]+ "; "") | ltrimstr("\"") | rtrimstr("\"") | gsub("\\\\(?<c>.)"; .c))}}
    else {content: $value} end)
    | if .type == "A" or .type == "AAAA" or .type == "CNAME" then . else del(.proxied) end;
'

look() {
	if [ -r "$secret" ]; then printf 'key %s\n' "$(sha256sum <"$secret" | cut -c1-64)"; else echo 'key none'; fi
	if [ -r "$ledger" ]; then
		sed 's/^/owned /' "$ledger"
		# shellcheck disable=SC2046 # two words for each
		set -- "$@" $(awk '{ print $1, $3 }' "$ledger")
	fi
	[ -r "$secret" ] || return 0
	for tool in curl jq; do command -v "$tool" >/dev/null || say "$tool is not on the host" "apt-get install $tool"; done
	read_all
	printf '%s\n' "$@" >"$folder/asked"
	jq -r --rawfile asked "$folder/asked" '($asked | split("\n")) as $names
		| select(.name as $name | .type == "NS" or ($names | index([$name]) != null))
		| select(.type != "NS" or .name != $zone)
		| "record \(.name) \(.ttl) \(.type) \(.value)"' --arg zone "$zone." <"$folder/all" | sort
}

# What has to be done to the records that are there: {strange, batch}; batch is null when all is as it shall be.
# shellcheck disable=SC2016 # variables of jq
plan='
($change | split("\n") | map(select(. != "") | parsed)) as $lines
| ($owned | split("\n") | map(select(. != "") | "= " + . | parsed)) as $mine
| [inputs] as $all
| def same($a; $b): ($a | map([.value, .ttl]) | sort) == ($b | map([.value, .ttl]) | sort);
  def values: map(.value) | unique;
  def keyed: .type as $t | .value |= plain($t);
  reduce ([$lines[] | [.name, .type]] | unique)[] as [$name, $type] ({strange: [], sets: []};
    [$all[] | select(.name == $name and .type == $type)] as $raw
    | ($raw | map(keyed)) as $is
    | def of($sign): [$lines[] | select(.sign == $sign and .name == $name and .type == $type)];
      of("+") as $to | ($to | map(keyed)) as $want | (of("-") | map(keyed)) as $was
    | ([$mine[] | select(.name == $name and .type == $type)] | map(keyed)) as $mine
    | if same($is; $want) then .
      elif same($is; $was) or ($lax != "" and ((($is | values) - ($was | values) - ($want | values)) == [])) or ($verb == "back" and same($is; $mine)) then
        .sets += [{
          deletes: [$is[] | select(.value as $v | $want | map(.value) | index([$v]) == null) | {id}],
          patches: [$is[] | . as $one | ($want[] | select(.value == $one.value and .ttl != $one.ttl)) | {id: $one.id, ttl}],
          posts: [$to[] | select((keyed | .value) as $v | $is | map(.value) | index([$v]) == null) | body]
        }]
      else .strange += (if $raw == [] then ["\($name) \($type): none"] else $raw | map("\(.name) \(.ttl) \(.type) \(.value)") end) end)
| .batch = (reduce .sets[] as $set (null;
    if . == null then $set
    elif ([.[], $set[]] | map(length) | add) > $most then .
    else {deletes: (.deletes + $set.deletes), patches: (.patches + $set.patches), posts: (.posts + $set.posts)} end))
| del(.sets)
'

push() {
	cat >"$folder/change"
	if [ -r "$ledger" ]; then cp "$ledger" "$folder/owned"; else : >"$folder/owned"; fi
	# What a rollback finds half done is of the change that it takes back.
	lax=''
	[ "$verb" != back ] || lax=yes
	tries=0
	rounds=0
	while [ "$rounds" -lt 60 ]; do
		rounds=$((rounds + 1))
		before=$tries
		read_all
		tries=$before
		jq -n --rawfile change "$folder/change" --rawfile owned "$folder/owned" --arg lax "$lax" --arg verb "$verb" --argjson most "$most" "$words$plan" <"$folder/all" >"$folder/plan"
		strange=$(jq -r '.strange[]' <"$folder/plan")
		[ -z "$strange" ] || say "the zone $zone is not as it was: somebody else changed it, and nothing more was changed now. It has:
$strange" 'run it again: the plan shows what is there'
		jq -c '.batch // empty' <"$folder/plan" >"$folder/batch"
		[ -s "$folder/batch" ] || return 0
		# One call is taken as a whole. Whether one without an answer was taken, the next reading tells.
		try POST "/zones/$id/dns_records/batch" "$folder/batch"
		settle
		lax=yes
	done
	say "the zone $zone does not come to rest" 'run it again'
}

case $verb in
look)
	look "$@"
	echo end
	;;
push | back) push ;;
esac
