#!/bin/sh
# Makes the images of the sandbox from Debian packages alone: no image registry is asked.
#
# usage: build-image.sh tag host|client            prints the image's name; its tag is the hash of this recipe
#        build-image.sh rootfs host|client FILE    bootstraps Debian into a tar file (root; needs mmdebstrap, no Docker)
#        build-image.sh import host|client FILE    makes the image from that file
#        build-image.sh build host|client          both, through a temporary file; nothing to do when the image exists
set -eu

here=$(cd "$(dirname "$0")" && pwd)
action=$1
kind=$2

# `host` is a bare Debian as a VPS provider hands it out. `client` is the machine outside: tools that look at the hosts, and
# what the internet has for them, names and certificates.
case $kind in
host) packages=systemd,systemd-sysv,dbus,openssh-server,iproute2,iputils-ping,nftables,sudo,procps,ca-certificates,cron,tzdata,netbase,kmod,e2fsprogs,adduser,less ;;
client) packages=curl,bind9-dnsutils,nmap,iproute2,iputils-ping,openssh-client,tcpdump,nftables,netcat-openbsd,netbase,ca-certificates,procps,openssl,caddy,unbound ;;
*)
	echo "build-image.sh: expected host or client, found: $kind" >&2
	exit 4
	;;
esac

tag() {
	hash=$({
		cat "$here/build-image.sh" "$here/apt-sources.sh" "$here/lab-init.sh"
		"$here/apt-sources.sh"
	} | sha256sum | cut -c 1-12)
	printf 'labwright/sandbox-%s:%s\n' "$kind" "$hash"
}

# A proxy that apt uses here is needed in there as well, unless it listens on this machine's loopback alone.
proxy() {
	PROXY=
	eval "$(apt-config shell PROXY Acquire::http::Proxy)"
	PROXY=${PROXY:-${http_proxy-}}
	case $PROXY in
	'' | DIRECT | *localhost* | *127.0.0.1* | *'[::1]'*) ;;
	*) printf '%s' "$PROXY" ;;
	esac
}

rootfs() {
	file=$1
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	"$here/apt-sources.sh" >"$work/sources.list"

	set -- --mode=root --variant=apt --format=tar --quiet --include="$packages" --dpkgopt=force-unsafe-io \
		--aptopt='Acquire::Retries "3"' --aptopt='Acquire::Languages "none"' \
		--dpkgopt=path-exclude=/usr/share/man/* --dpkgopt=path-exclude=/usr/share/locale/* \
		--dpkgopt=path-exclude=/usr/share/doc/* --dpkgopt=path-include=/usr/share/doc/*/copyright
	apt_proxy=$(proxy)
	[ -z "$apt_proxy" ] || set -- "$@" --aptopt="Acquire::http::Proxy \"$apt_proxy\""
	# A mirror signed with a key of its own: the key has to be known inside too.
	# shellcheck disable=SC2013 # one word a line: a path in a signed-by option has no blanks
	for key in $(sed -n 's/.*signed-by=\([^] ]*\).*/\1/p' "$work/sources.list" | sort -u); do
		case $key in
		/usr/share/keyrings/debian-archive-keyring.*) ;;
		*) set -- "$@" --customize-hook="mkdir -p \"\$1$(dirname "$key")\" && cp '$key' \"\$1$key\"" ;;
		esac
	done
	if [ "$kind" = host ]; then
		# The package lists stay, so that the first installation on each of several hosts need not fetch them again.
		set -- "$@" --skip=cleanup/apt/lists
		install -m 755 "$here/lab-init.sh" "$work/lab-init"
		# The host keys must not be the same in every host: each makes its own when sshd first starts. No RSA key: making
		# one takes a second of processor time, and every client that lab speaks for knows Ed25519.
		cat >"$work/customize" <<-'HOOK'
			set -eu
			rm -f "$1"/etc/ssh/ssh_host_*
			mkdir -p "$1/etc/systemd/system/ssh.service.d" "$1/usr/local/sbin"
			cat >"$1/etc/systemd/system/ssh.service.d/host-keys.conf" <<-'UNIT'
				[Service]
				ExecStartPre=
				ExecStartPre=/bin/sh -c 'for type in ed25519 ecdsa; do key=/etc/ssh/ssh_host_$${type}_key; [ -s $$key ] || ssh-keygen -q -t $$type -N "" -f $$key; done'
				ExecStartPre=/usr/sbin/sshd -t
			UNIT
			for unit in console-getty getty@tty1; do ln -s /dev/null "$1/etc/systemd/system/$unit.service"; done
			# A first start without this asks for an answer; an empty file means: make a new one.
			: >"$1/etc/machine-id"
			rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/hosts"
		HOOK
		set -- "$@" --customize-hook="sh $work/customize \"\$1\"" \
			--customize-hook="cp $work/lab-init \"\$1/usr/local/sbin/lab-init\""
	fi
	# The bootstrap is thousands of small files: in memory when there is room (2 GiB), else beside the result.
	room=$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)
	if [ "${room:-0}" -gt 2097152 ]; then TMPDIR=/dev/shm; else TMPDIR=$work; fi
	export TMPDIR
	# In a session of its own: mmdebstrap answers a failure with SIGHUP to its whole process group.
	setsid mmdebstrap "$@" bookworm "$file.part" - <"$work/sources.list" &
	bootstrap=$!
	trap 'kill "$bootstrap" 2>/dev/null || :; wait "$bootstrap" || :; exit 130' INT TERM
	wait "$bootstrap" || exit 1
	trap 'exit 130' INT TERM
	mv "$file.part" "$file"
}

import() {
	file=$1
	if [ "$kind" = host ]; then
		set -- -c 'CMD ["/usr/local/sbin/lab-init"]' -c 'ENV container=docker'
	else
		# A shell that waits buries the processes that `docker exec` leaves behind, and ends when it is told to.
		set -- -c 'CMD ["sh", "-c", "trap \"exit 0\" TERM; while :; do sleep 3600 & wait $!; done"]'
	fi
	docker import -c 'LABEL dev.labwright.image=sandbox' "$@" "$file" "$(tag)" >/dev/null
}

build() {
	if docker image inspect "$(tag)" >/dev/null 2>&1; then return; fi
	archive=$(mktemp)
	(rootfs "$archive")
	import "$archive"
	rm -f "$archive"
}

case $action in
tag) tag ;;
build) build ;;
rootfs) rootfs "$3" ;;
import) import "$3" ;;
*)
	echo "build-image.sh: unknown action: $action" >&2
	exit 4
	;;
esac
