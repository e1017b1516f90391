#!/bin/sh
# An image of a release of Debian with nothing but systemd and sshd, as the smallest images of providers are.
#
# usage: minimal-debian.sh SUITE IMAGE FOLDER    FOLDER holds apt-sources.sh and lab-init.sh of the sandbox (root; needs mmdebstrap)
set -eu

suite=$1
image=$2
folder=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The mirrors that this machine uses, for the other release; security and updates are not under every mirror by that name.
"$folder/apt-sources.sh" | sed -n "s/ bookworm main.*/ $suite main/p" >"$work/sources.list"
install -m 755 "$folder/lab-init.sh" "$work/lab-init"
cat >"$work/customize" <<'HOOK'
set -eu
: >"$1/etc/machine-id"
rm -f "$1/etc/hostname" "$1/etc/resolv.conf" "$1/etc/hosts"
mkdir -p "$1/usr/local/sbin"
HOOK
TMPDIR=$work mmdebstrap --mode=root --variant=minbase --quiet --include=systemd-sysv,openssh-server \
	--aptopt='Acquire::Languages "none"' --dpkgopt=force-unsafe-io \
	--customize-hook="sh $work/customize \"\$1\"" --customize-hook="cp $work/lab-init \"\$1/usr/local/sbin/lab-init\"" \
	"$suite" "$work/root.tar" - <"$work/sources.list" >&2
docker import -c 'LABEL dev.labwright.image=test' -c 'CMD ["/usr/local/sbin/lab-init"]' -c 'ENV container=docker' "$work/root.tar" "$image"
