#!/bin/sh
# What the demo and the tests have in common: dependencies, a build, and containers that work. Does only what is missing.
#
# usage: prepare.sh
set -eu

cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

# shellcheck disable=SC2016 # the dollar signs are JavaScript's
node -e '
	const [major, minor] = process.versions.node.split(".").map(Number);
	if (major > 20 || (major === 20 && minor >= 19)) process.exit(0);
	console.error(`Node.js 20.19 or newer is needed, this is ${process.versions.node}.\n  to do     install it from https://nodejs.org or from your distribution`);
	process.exit(4);
'
# Said at once, and not after a minute of installing.
sh scripts/setup-docker.sh --check

sh scripts/setup-docker.sh &
setup=$!
trap 'kill "$setup" 2>/dev/null || :' EXIT
trap 'exit 130' INT TERM

newer() { find "$@" -type f 2>/dev/null | head -n 1; }
installed=node_modules/.package-lock.json

if [ ! -e "$installed" ] || [ -n "$(newer package-lock.json -newer "$installed")" ]; then
	say 'npm ci …'
	# Builds as well: that is its "prepare" script.
	npm ci --no-audit --no-fund --loglevel=error >&2
	touch "$installed"
elif [ ! -e dist/src/index.js ] || [ -n "$(newer src roles bin scripts/build.mjs package.json tsconfig.json -newer dist/src/index.js)" ]; then
	say 'building …'
	npm run --silent build >&2
fi

wait "$setup" || exit $?
trap - EXIT
