#!/bin/sh
# account VERB NAME WHAT : notes in LAB_ACTION_DIR what the tables of accounts say of a name, and puts that back. So no hash
# of a password leaves the host, and what comes back has the numbers it had.
#   note : what is there before a change       undo : notes what is there, and puts back what was before the change
#                                              redo : notes what is there, and puts back what undo found
# WHAT is user, password (only the user's line of shadow(5)) or group.
set -eu
verb=$1 name=$2 what=$3
umask 077

line() { [ ! -r "/etc/$1" ] || awk -F : -v name="$name" '$1 == name' "/etc/$1"; }

groups_of() {
  awk -F : -v name="$name" '{ n = split($4, members, ","); for (i = 1; i <= n; i++) if (members[i] == name) print $1 }' /etc/group
}

# keep MOMENT : once an action, as a second try would note what the first made. The notes of an action that is undone were
# copied, and name that one.
keep() {
  kept=$LAB_ACTION_DIR/account.$what.$1
  [ "$(cat "$kept/by" 2>/dev/null)" != "$LAB_ACTION_DIR" ] || return 0
  rm -rf "$kept"
  mkdir "$kept"
  for table in passwd shadow group subuid subgid; do line "$table" >"$kept/$table"; done
  groups_of >"$kept/groups"
  sync
  printf '%s\n' "$LAB_ACTION_DIR" >"$kept/by"
}

put_group() {
  if [ -n "$(line group)" ] || [ ! -s "$note/group" ]; then return 0; fi
  IFS=: read -r _ _ gid members <"$note/group"
  groupadd --gid "$gid" -- "$name"
  [ -z "$members" ] || gpasswd --members "$members" "$name"
}

put_user() {
  put_group
  IFS=: read -r _ _ uid gid comment home shell <"$note/passwd"
  if [ -z "$(line passwd)" ]; then
    set -- --no-create-home --uid "$uid" --gid "$gid" --comment "$comment" --home-dir "$home" --shell "$shell"
    [ "$uid" != 0 ] || set -- --non-unique "$@"
    useradd "$@" -- "$name"
  fi
  while IFS= read -r group; do
    groups_of | grep -q -x -F -e "$group" || gpasswd --add "$name" "$group"
  done <"$note/groups"
  put_password
  put_ranges subuid
  put_ranges subgid
}

# shadow(5): an empty field is -1 for chage(1).
put_password() {
  [ -s "$note/shadow" ] || return 0
  IFS=: read -r _ hash changed least most warn idle expires _ <"$note/shadow"
  if [ -n "$hash" ]; then
    printf '%s:%s\n' "$name" "$hash" | chpasswd --encrypted
  else
    passwd --delete "$name"
  fi
  chage -d "${changed:--1}" -m "${least:--1}" -M "${most:--1}" -W "${warn:--1}" -I "${idle:--1}" -E "${expires:--1}" "$name"
}

# put_ranges TABLE : subuid(5), subgid(5); useradd gave new ones.
put_ranges() {
  [ "$(line "$1")" != "$(cat "$note/$1")" ] || return 0
  line "$1" | while IFS=: read -r _ first count; do usermod "--del-${1}s" "$first-$((first + count - 1))" "$name"; done
  while IFS=: read -r _ first count; do usermod "--add-${1}s" "$first-$((first + count - 1))" "$name"; done <"$note/$1"
}

put() {
  note=$LAB_ACTION_DIR/account.$what.$1
  case $what in
    password) put_password ;;
    group) if [ -s "$note/group" ]; then put_group; elif [ -n "$(line group)" ]; then groupdel -- "$name"; fi ;;
    user)
      if [ -s "$note/passwd" ]; then
        put_user
      else
        # The group of the same name goes along, so one that was there before is made again.
        [ -z "$(line passwd)" ] || userdel --force -- "$name"
        put_group
      fi
      ;;
  esac
}

case $verb in
  note) keep before ;;
  undo)
    # Without a note nothing was changed.
    [ -e "$LAB_ACTION_DIR/account.$what.before/by" ] || exit 0
    keep after
    put before
    ;;
  redo)
    keep before
    put after
    ;;
esac
