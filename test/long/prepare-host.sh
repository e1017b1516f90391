# Makes a Debian host on which every resource type has something to do, and on which a stage can be held at an exact point.
# POSIX sh, run as root after apt-repository.sh.
set -eu

# What resources fetch, and who serves it.
mkdir -p /srv/www /srv/extra /etc/cron.d /var/lib/kills
cd /srv/www
head -c 9500000 /dev/zero | openssl enc -aes-128-ctr -nosalt -K 00 -iv 00 2>/dev/null >large-a
head -c 9500000 /dev/zero | openssl enc -aes-128-ctr -nosalt -K 01 -iv 00 2>/dev/null >large-b
for version in a b; do
  mkdir -p "tree-$version/bin"
  echo "program $version" >"tree-$version/bin/program"
  seq 1 200 | while read -r number; do echo "$version $number" >"tree-$version/file-$number"; done
  tar --sort=name --mtime=@0 -czf "program-$version.tar.gz" "tree-$version"
done
cp /srv/repo/lab-provider_1.0_all.deb /srv/extra/
sed -n '/^Package: lab-provider$/,/^$/p' /srv/repo/Packages >/srv/extra/Packages

git init --quiet --bare /srv/origin
git clone --quiet /srv/origin /srv/work 2>/dev/null
cd /srv/work
git config user.email x@example.org
git config user.name x
for version in a b; do
  seq 1 200 | while read -r number; do echo "$version $number" >"file-$number"; done
  git add . && git commit --quiet -m "$version" && git tag "$version"
done
git push --quiet origin a b

cat >/etc/systemd/system/web.service <<'UNIT'
[Service]
ExecStart=/bin/busybox httpd -f -p 127.0.0.1:8080 -h /srv/www
[Install]
WantedBy=multi-user.target
UNIT

# Services that note what they were started with.
mkdir -p /var/lib/noted
cat >/usr/local/bin/note <<'SCRIPT'
#!/bin/sh
# note NAME WORD… : the configuration of NAME, and the words that its unit gives, as they are now.
name=$1
shift
{ cat "/etc/$name.conf"; printf '%s\n' "$@"; } >"/var/lib/noted/$name.new" && mv "/var/lib/noted/$name.new" "/var/lib/noted/$name"
SCRIPT
chmod 755 /usr/local/bin/note
cat >/etc/systemd/system/reloaded.service <<'UNIT'
[Service]
ExecStartPre=/usr/local/bin/note reloaded
ExecStart=/bin/sleep infinity
ExecReload=/usr/local/bin/note reloaded
[Install]
WantedBy=multi-user.target
UNIT
cat >/etc/systemd/system/toggled.service <<'UNIT'
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
UNIT
echo none >/etc/reloaded.conf
systemctl daemon-reload
systemctl enable --quiet --now web reloaded

# Points at which a stage can be held. Its program runs `cksum` before it writes a line of the journal, and `sync` after
# `begin`; these stand in front of the host's own. /var/lib/kills/halt names one point, `ID VERB STAGE LINE`. Who comes there
# makes /var/lib/kills/halted.ID and goes on when that is removed. With ` +COUNT` at the end it is held before the command
# after so many others of those below, or at the next line of the journal when there are fewer.
cat >/usr/local/bin/hold <<'SCRIPT'
#!/bin/sh
# hold PARENT WORDS… : PARENT is the process of the program, `sh PROGRAM VERB DIR`.
cd /var/lib/kills || exit
wait_there() {
  : >"halted.$1"
  while [ -e "halted.$1" ]; do /bin/sleep 0.02; done
}
if [ -e countdown ]; then
  read -r id count <countdown
  if [ "$2" = command ] && [ "$count" -gt 0 ]; then
    echo "$id $((count - 1))" >countdown
  else
    /bin/rm -f countdown
    wait_there "$id"
  fi
fi
[ "$2" != command ] || exit 0
read -r id wanted <halt || exit 0
parent=$1
shift
words=$*
# Split on purpose.
set -- $(tr '\0' ' ' <"/proc/$parent/cmdline")
[ "${3-} ${4##*-} $words" = "${wanted% +*}" ] || exit 0
/bin/rm -f halt
case $wanted in
  *+*) echo "$id ${wanted##*+}" >countdown ;;
  *) wait_there "$id" ;;
esac
SCRIPT
cat >/usr/local/bin/cksum <<'SCRIPT'
#!/bin/sh
[ -e /var/lib/kills/halt ] || [ -e /var/lib/kills/countdown ] || exec /usr/bin/cksum "$@"
text=$(cat)
/usr/local/bin/hold "$PPID" "${text#* }"
printf '%s' "$text" | /usr/bin/cksum "$@"
SCRIPT
cat >/usr/local/bin/sync <<'SCRIPT'
#!/bin/sh
/bin/sync "$@" || exit
[ -e /var/lib/kills/halt ] || exit 0
case ${1-} in */journal) ;; *) exit 0 ;; esac
line=$(tail -n 1 "$1")
/usr/local/bin/hold "$PPID" "after ${line% #*}"
SCRIPT
cat >/usr/local/bin/in-front <<'SCRIPT'
#!/bin/sh
# Stands in front of a command that changes something.
[ ! -e /var/lib/kills/countdown ] || /usr/local/bin/hold "$PPID" command
name=${0##*/}
[ ! -x "/usr/bin/$name" ] || exec "/usr/bin/$name" "$@"
exec "/usr/sbin/$name" "$@"
SCRIPT
chmod 755 /usr/local/bin/hold /usr/local/bin/cksum /usr/local/bin/sync /usr/local/bin/in-front
for name in apt-get chmod chown chpasswd cp curl dpkg git gpasswd groupadd groupdel groupmod install ln mkdir mktemp mount mv rm \
  rmdir sleep systemctl tar touch truncate umount useradd userdel usermod; do
  ln -s in-front "/usr/local/bin/$name"
done
