#!/bin/sh
# Why a reboot of this host is due: a line for each reason, none when it is not. Changes nothing.
set -u
LC_ALL=C
export LC_ALL

if [ -e /run/reboot-required ]; then
  names=$(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ')
  echo "/run/reboot-required${names:+ of ${names% }}"
fi

# A container has the kernel of its machine.
is_container() { command -v systemd-detect-virt >/dev/null && systemd-detect-virt --quiet --container; }

# The newest installed kernel of the flavour that runs (amd64, generic, rpi-v8), and whether that one was built anew under its
# old name: Debian's tells its version in uname(2).
newer_kernel() {
  running=$(uname -r)
  flavour() { printf '%s\n' "$1" | sed 's/^[0-9.+~-]*//'; }
  newest=$(for file in /boot/vmlinuz-*; do
    release=${file#/boot/vmlinuz-}
    [ ! -e "$file" ] || [ "$(flavour "$release")" != "$(flavour "$running")" ] || printf '%s\n' "$release"
  done | sort -V | tail -n 1)
  if [ -n "$newest" ] && [ "$newest" != "$running" ] &&
    [ "$(printf '%s\n' "$newest" "$running" | sort -V | tail -n 1)" = "$newest" ]; then
    echo "kernel $newest is installed, $running runs"
    return
  fi
  built=$(uname -v | sed -n 's/.* Debian \([^ ]*\) .*/\1/p')
  # shellcheck disable=SC2016
  package=$(dpkg-query -W -f='${Version}' "linux-image-$running" 2>/dev/null)
  [ -z "$built" ] || [ -z "$package" ] || [ "$built" = "$package" ] ||
    echo "kernel $running is installed in version $package, $built runs"
}
is_container || newer_kernel

# Services whose main process runs a program or library that was replaced since it began (proc(5): "(deleted)"). Other places
# than the packages' own are left out: programs replace files of their own there.
on_replaced_files() {
  { echo 1 init; systemctl show --property=MainPID,Id --type=service --state=running '*' 2>/dev/null |
    sed -n 's/^\(MainPID\|Id\)=//p' | paste -d ' ' - -; } |
    while read -r pid name; do
      # The order in which systemctl tells them is its own.
      case $pid in *.service) swap=$pid pid=$name name=$swap ;; esac
      [ "$pid" != 0 ] || continue
      grep -q -E ' r.xp .* /(usr/(bin|sbin|lib|lib32|lib64|libexec)|bin|sbin|lib|lib32|lib64)/.* \(deleted\)$' "/proc/$pid/maps" 2>/dev/null &&
        echo "$name"
    done | sort -u
}
if [ -d /run/systemd/system ]; then
  names=$(on_replaced_files | tr '\n' ' ')
  [ -z "$names" ] || echo "files were replaced under ${names% }"
fi
exit 0
