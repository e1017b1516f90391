#!/bin/sh
# Installs the programs of OpenSSH that the transports' tests run on loopback, on Debian as root: sshd, ssh, ssh-agent.
# Does only what is missing. The service is not started: the tests start servers of their own, on ports of their own.
#
# usage: setup-sshd.sh
set -eu

if [ -x /usr/sbin/sshd ] && command -v ssh >/dev/null && command -v ssh-agent >/dev/null; then exit 0; fi

refuse() {
	printf '%s\n' "The tests of the SSH transports need sshd and ssh." \
		"  to do     sudo apt-get install openssh-server openssh-client" >&2
	exit 4
}
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then refuse; fi

# invoke-rc.d asks this file before it starts a service (invoke-rc.d(8)); one that is there already is left alone.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	trap 'exit 130' INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi
printf 'installing openssh-server …\n' >&2
install() {
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq install --yes --no-install-recommends \
		openssh-server openssh-client >/dev/null
}
install 2>/dev/null || { apt-get -qq update && install; } || refuse
