# Makes a small apt repository in /srv/repo and lets apt know nothing else: fast, and with the versions that tests need.
# POSIX sh, run on a Debian host as root.
set -eu
mkdir -p /srv/repo /tmp/build
# make NAME VERSION [FIELD…] : its files and scripts are what stands in /tmp/build/NAME.
make() {
  name=$1
  version=$2
  shift 2
  root=/tmp/build/$name
  mkdir -p "$root/DEBIAN" "$root/usr/share/lab"
  echo "$name $version" >"$root/usr/share/lab/$name"
  {
    printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.dev>\nDescription: a test\n' "$name" "$version"
    for field; do printf '%s\n' "$field"; done
  } >"$root/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$root" "/srv/repo/${name}_${version}_all.deb" >/dev/null
}
index() {
  cd /srv/repo
  for file in *.deb; do
    dpkg-deb -f "$file"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d ' ' -f 1)"
  done >Packages
}

mkdir -p /tmp/build/lab-app/DEBIAN /tmp/build/lab-app/etc /tmp/build/lab-broken/DEBIAN
echo 'setting = from the package' >/tmp/build/lab-app/etc/lab-app.conf
echo /etc/lab-app.conf >/tmp/build/lab-app/DEBIAN/conffiles
printf '#!/bin/sh\ntest -e /srv/mended\n' >/tmp/build/lab-broken/DEBIAN/postinst
chmod 755 /tmp/build/lab-broken/DEBIAN/postinst

# Its scripts start its service and never stop it, like those of unattended-upgrades.
mkdir -p /tmp/build/lab-daemon/DEBIAN /tmp/build/lab-daemon/lib/systemd/system
printf '[Service]\nExecStart=/bin/sleep infinity\n' >/tmp/build/lab-daemon/lib/systemd/system/lab-daemon.service
printf '#!/bin/sh\nsystemctl daemon-reload && systemctl start lab-daemon\n' >/tmp/build/lab-daemon/DEBIAN/postinst
chmod 755 /tmp/build/lab-daemon/DEBIAN/postinst

make lab-lib 1.0
make lab-app 1.0 'Depends: lab-lib'
make lab-app 2.0 'Depends: lab-lib'
make lab-needs-lib 1.0 'Depends: lab-lib'
make lab-rival 1.0 'Conflicts: lab-app'
make lab-broken 1.0
make lab-daemon 1.0
make lab-wishful 1.0 'Recommends: lab-rival'
make lab-provider 1.0 'Provides: lab-virtual'
index
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
