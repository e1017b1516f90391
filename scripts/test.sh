#!/bin/sh
# All tests but the long ones: unit, integration (containers) and end-to-end (the sandbox).
#
# usage: npm test [-- ARGUMENT_FOR_VITEST …]
set -eu

cd "$(dirname "$0")/.."
sh scripts/prepare.sh
sh scripts/setup-test-tools.sh
exec npx --no -- vitest run --project unit --project integration --project e2e "$@"
