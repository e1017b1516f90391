#!/bin/sh
# First process of a sandbox host. Docker bind-mounts three files over the host's own, and a mount point can be neither
# renamed over nor removed, which hostnamectl, resolvconf and every careful file writer do. So each becomes a file of the
# host's own, with Docker's content on the first start, and then systemd takes over.
set -u

for file in /etc/hostname /etc/hosts /etc/resolv.conf; do
	grep -q " $file " /proc/self/mounts || continue
	content=$(cat "$file")
	umount "$file" || continue
	chmod 644 "$file"
	[ -s "$file" ] || printf '%s\n' "$content" >"$file"
done

# systemd makes control groups of its own. Where there is only version 2, Docker mounts it read-only, and this container's
# part of it is its own to change (it has a control group namespace).
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
	mount -o remount,bind,rw /sys/fs/cgroup || mount -o remount,rw /sys/fs/cgroup
fi

exec /sbin/init "$@"
