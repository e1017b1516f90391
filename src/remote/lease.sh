# Sent before a choreography across hosts: one controller at a time holds its name, on a host that all of them reach. POSIX sh.
# Needs process.sh.

# lab_lease NAME WHO : this shell holds the name until it ends, or says nothing for a minute; or it says who holds it.
lab_lease() {
  LAB_LEASE=$LAB_STATE/lease-$1
  umask 077
  lab_b lease
  mkdir -p "$LAB_STATE"
  printf '%s %s\nwho=%s\nsince=%s\n' "$$" "$(lab_birth "$$")" "$2" "$(lab_now)" >"$LAB_LEASE.$$"
  for lab_try in 1 2; do
    if ln "$LAB_LEASE.$$" "$LAB_LEASE" 2>/dev/null; then
      lab_e lease 0
      return 0
    fi
    lab_judged=$(cat "$LAB_LEASE" 2>/dev/null)
    if lab_runs "$LAB_LEASE" && [ -n "$(find "$LAB_LEASE" -mmin -1 2>/dev/null)" ]; then break; fi
    # Somebody else may have judged the same meanwhile, and hold it by now.
    mv -f "$LAB_LEASE" "$LAB_LEASE.old.$$" 2>/dev/null || continue
    [ "$(cat "$LAB_LEASE.old.$$")" = "$lab_judged" ] || ln "$LAB_LEASE.old.$$" "$LAB_LEASE" 2>/dev/null || :
    rm -f "$LAB_LEASE.old.$$"
  done
  rm -f "$LAB_LEASE.$$"
  cat "$LAB_LEASE" 2>/dev/null
  lab_e lease "$lab_try"
}

# What was linked and what links to it are one file: its time tells both.
lab_lease_beat() { touch "$LAB_LEASE.$$" 2>/dev/null || :; }

lab_lease_end() {
  lab_b lease-end
  if [ "$(cat "$LAB_LEASE" 2>/dev/null)" = "$(cat "$LAB_LEASE.$$" 2>/dev/null)" ]; then rm -f "$LAB_LEASE"; fi
  rm -f "$LAB_LEASE.$$"
  lab_e lease-end 0
}
