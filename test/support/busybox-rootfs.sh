#!/bin/sh
# Runs in a container of the sandbox's host image. Writes to stdout, as a tar file, the root file system of a host that
# has nothing but busybox (as Alpine or OpenWrt have) and OpenSSH's server: no coreutils, no package manager, no systemd.
set -eu
exec 3>&1 >&2

export DEBIAN_FRONTEND=noninteractive
apt-get install -y --no-install-recommends busybox-static || {
	apt-get update
	apt-get install -y --no-install-recommends busybox-static
}

root=$(mktemp -d)
cd "$root"
mkdir -p bin sbin usr/bin usr/sbin usr/lib/openssh etc/ssh dev proc sys tmp root home run/sshd var/empty var/log var/run lib lib64
chmod 1777 tmp
chmod 700 root

# sshd needs its shared libraries; nothing else in here is dynamic.
for program in /usr/sbin/sshd /usr/bin/ssh-keygen /usr/lib/openssh/sftp-server; do
	cp "$program" ".$program"
	ldd "$program" | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (.*/\1/p' | while read -r library; do
		mkdir -p ".${library%/*}"
		cp -L "$library" ".$library"
	done
done

cp "$(command -v busybox)" bin/busybox
for applet in $(bin/busybox --list); do
	[ -e "bin/$applet" ] || ln -s /bin/busybox "bin/$applet"
done

cat >etc/passwd <<-'FILE'
	root:x:0:0:root:/root:/bin/sh
	sshd:x:100:65534::/run/sshd:/bin/false
	nobody:x:65534:65534:nobody:/:/bin/false
FILE
cat >etc/group <<-'FILE'
	root:x:0:
	nogroup:x:65534:
FILE
cat >etc/shadow <<-'FILE'
	root:*:19000:0:99999:7:::
	sshd:*:19000:0:99999:7:::
	nobody:*:19000:0:99999:7:::
FILE
chmod 640 etc/shadow
printf 'ID=busybox\nNAME=Busybox\n' >etc/os-release
printf '/bin/sh\n/bin/ash\n' >etc/shells
cat >etc/ssh/sshd_config <<-'FILE'
	Include /etc/ssh/sshd_config.d/*.conf
	UsePAM no
	Subsystem sftp /usr/lib/openssh/sftp-server
FILE
cat >sbin/start <<-'FILE'
	#!/bin/sh
	for type in ed25519 ecdsa; do
		key=/etc/ssh/ssh_host_${type}_key
		[ -s "$key" ] || /usr/bin/ssh-keygen -q -t "$type" -N '' -f "$key"
	done
	mkdir -p /run/sshd
	exec /bin/busybox init
FILE
cat >etc/inittab <<-'FILE'
	::respawn:/usr/sbin/sshd -D -e
FILE
chmod 755 sbin/start
tar -c . >&3
