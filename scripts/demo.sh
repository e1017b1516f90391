#!/bin/sh
# The demo: from a fresh clone to a homelab of four hosts in the declared state. Can be run again and again.
#
# usage: npm run demo
set -eu

cd "$(dirname "$0")/.."
began=$(date +%s)
# npm's spinner would draw over the output of the commands it starts.
export npm_config_progress=false npm_config_update_notifier=false

step() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }

sh scripts/prepare.sh

# --no: never fetch a package of that name from the registry, should the local one not be found.
lab() { npx --no -- lab "$@"; }

step npx lab sandbox up
lab sandbox up

step npx lab run site.ts --diff
lab run site.ts --diff

step npx lab run site.ts --check
lab run site.ts --check || {
	echo 'the first run did not reach the declared state (above: what a second one would change)' >&2
	exit 1
}

step npx lab run site.ts
lab run site.ts

step npx lab sandbox shell internet curl -sS https://photos.example.dev
tries=0
# The certificate comes while the server already answers.
until lab sandbox shell internet curl -sS https://photos.example.dev; do
	tries=$((tries + 1))
	[ "$tries" -lt 30 ] || exit 1
	sleep 2
done

cat <<EOT

Four hosts are in the state that playbooks/site.ts declares, after $(($(date +%s) - began)) seconds in all.

  Look at one                npx lab sandbox shell nas
  Look from outside          npx lab sandbox shell internet nmap -Pn 10.77.0.10
  Names, inside and outside  npx lab verify dns; npx lab sandbox shell internet dig photos.example.dev
  A picture of it            npx lab graph -o homelab.html
  Break something            npx lab sandbox shell nas rm /etc/ssh/sshd_config.d/00-lab.conf
  See it, then mend it       npx lab run site.ts --check --diff; npx lab run site.ts
  With hosts of your own     README.md, "The first ten minutes"
  Remove all of it           npx lab sandbox down
EOT
