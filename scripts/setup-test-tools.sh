#!/bin/sh
# Installs the programs that the tests hold the product against, on Debian as root: the shells and servers that it has to
# get on with, and shellcheck. Does only what is missing.
#
# usage: setup-test-tools.sh
set -eu

missing=
need() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null || missing="$missing $2"; }
need busybox busybox
need shellcheck shellcheck
need ssh openssh-client
need sshd openssh-server
need age age
need git git
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
	{
		echo "The tests need programs that this machine does not have:$missing"
		echo "  to do     on Debian: sudo apt-get install --yes --no-install-recommends$missing"
	} >&2
	exit 4
fi

log=$(mktemp)
policy=/usr/sbin/policy-rc.d
finish() {
	rm -f "$log"
	[ -z "${own_policy-}" ] || rm -f "$policy"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The tests start sshd themselves, on ports of their own: no service is to come with it.
if [ ! -e "$policy" ]; then
	own_policy=yes
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

echo "installing$missing …" >&2
apt-get -qq update >"$log" 2>&1 || cat "$log" >&2
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq install --yes --no-install-recommends $missing \
	>"$log" 2>&1 || {
	cat "$log" >&2
	exit 4
}
case $missing in
*openssh-server*) [ ! -d /run/systemd/system ] || systemctl --quiet disable ssh.service ;;
esac
