#!/bin/sh
# Installs and starts what the sandbox and the container tests need, on Debian as root: the Docker engine, iptables,
# mmdebstrap, and the two base images. Does only what is missing; in a second or two when nothing is.
#
# usage: setup-docker.sh            install, start and make what is missing
#        setup-docker.sh --check    only say whether it could: exit code 4 and what to do when it could not
set -eu

cd "$(dirname "$0")/.."
images=src/sandbox/image/build-image.sh
log=/var/log/dockerd.log

say() { printf '%s\n' "$*" >&2; }

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

missing_packages() {
	command -v mmdebstrap >/dev/null || echo mmdebstrap
	command -v docker >/dev/null && { answers || command -v dockerd >/dev/null; } || echo docker.io
	command -v iptables >/dev/null || echo iptables
	# With AppArmor in the kernel, the engine starts no container without the parser of its profiles.
	if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]; then
		command -v apparmor_parser >/dev/null || echo apparmor
	fi
}

have_image() { docker image inspect "$(sh "$images" tag "$1")" >/dev/null 2>&1; }

refuse() {
	say "The sandbox and the tests need containers, and this machine cannot run them yet."
	say "  missing   $1"
	say "  to do     $2"
	exit 4
}

# Each systemd takes about eight inotify instances, and the kernel's default of 128 lets only 16 hosts boot.
instances=/proc/sys/fs/inotify/max_user_instances
if [ "$(cat $instances 2>/dev/null || echo 8192)" -lt 8192 ] && [ "$(id -u)" -eq 0 ] && [ "${1-}" != --check ]; then
	echo 8192 >$instances || :
fi

if answers && have_image host && have_image client && [ -e /dev/net/tun ]; then exit 0; fi

if [ "$(id -u)" -ne 0 ]; then
	if ! command -v docker >/dev/null; then
		refuse 'Docker, and root to install it' "sudo sh scripts/setup-docker.sh"
	elif ! answers; then
		refuse "a Docker engine that answers this user: $(docker version 2>&1 >/dev/null | tail -n 1)" \
			"sudo sh scripts/setup-docker.sh, and for a user other than root: sudo usermod --append --groups docker \"\$USER\", then log in anew"
	else
		refuse 'the base images, which root has to make once' "sudo sh scripts/setup-docker.sh"
	fi
fi

packages=$(missing_packages)
if [ -n "$packages" ] && ! command -v apt-get >/dev/null; then
	refuse "$(echo "$packages" | paste -s -d ' ')" "install these with this system's package manager, start the Docker engine, and run this again"
fi

[ "${1-}" != --check ] || exit 0

work=$(mktemp -d)
builders=
finish() {
	# Ended before their folder goes away.
	for pid in $builders; do kill "$pid" 2>/dev/null || :; done
	# shellcheck disable=SC2086 # a list of process ids
	[ -z "$builders" ] || wait $builders 2>/dev/null || :
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

install_packages() {
	say "installing $* …"
	# The lock may be held by unattended-upgrades on a machine that has just booted.
	DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -qq install --yes --no-install-recommends "$@" \
		>"$work/apt.log" 2>&1 || {
		cat "$work/apt.log" >&2
		refuse "packages: $*" 'find out above why apt-get failed; is there a Debian mirror in /etc/apt?'
	}
}

if [ -n "$packages" ]; then
	say 'reading the package lists …'
	apt-get -qq update >"$work/apt.log" 2>&1 || cat "$work/apt.log" >&2
fi
case $packages in *mmdebstrap*) install_packages mmdebstrap ;; esac

start_engine() {
	say 'starting the Docker engine …'
	if [ -d /run/systemd/system ]; then
		systemctl start docker || refuse 'a running Docker engine' 'systemctl status docker; journalctl -u docker'
	else
		setsid nohup dockerd >"$log" 2>&1 </dev/null &
	fi
	tries=0
	until answers; do
		tries=$((tries + 1))
		if [ "$tries" -gt 150 ]; then
			tail -n 5 "$log" >&2 2>/dev/null || :
			refuse 'a Docker engine that answers within 30 seconds' "find out why in $log"
		fi
		sleep 0.2
	done
}

# An engine that is only not running may have the images already.
packages=$(missing_packages | paste -s -d ' ')
if [ -z "$packages" ]; then answers || start_engine; fi

# The base images are made while the engine is being installed: neither needs the other.
for kind in host client; do
	if answers && have_image "$kind"; then continue; fi
	say "making the $kind image from Debian packages …"
	sh "$images" rootfs "$kind" "$work/$kind.tar" >"$work/$kind.log" 2>&1 &
	builders="$builders $!"
done

# shellcheck disable=SC2086 # a list of names
[ -z "$packages" ] || install_packages $packages

if [ ! -e /dev/net/tun ]; then
	modprobe tun 2>/dev/null || :
	[ -e /dev/net/tun ] || { mkdir -p /dev/net && mknod -m 666 /dev/net/tun c 10 200; }
fi

answers || start_engine

for kind in host client; do
	have_image "$kind" && continue
	while [ ! -s "$work/$kind.tar" ]; do
		sleep 0.2
		# The file appears when it is whole; without a builder it never will.
		alive=
		for pid in $builders; do kill -0 "$pid" 2>/dev/null && alive=yes; done
		[ -n "$alive" ] || [ -s "$work/$kind.tar" ] || {
			tail -n 20 "$work/$kind.log" >&2
			refuse "the $kind image" 'find out above why mmdebstrap failed; is there a Debian mirror in /etc/apt?'
		}
	done
	sh "$images" import "$kind" "$work/$kind.tar"
done
