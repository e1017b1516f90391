# Installs, removes and upgrades Debian packages, and undoes that. POSIX sh, read from stdin after apt-index.sh:
#   sh -s -- install LOCK_SECONDS INDEX_HOURS FLAGS NAME[=VERSION]…     FLAGS: held,bare or -
#   sh -s -- remove  LOCK_SECONDS FLAGS NAME…
#   sh -s -- upgrade LOCK_SECONDS INDEX_HOURS all|safe      (all: also what takes the removal of others)
#   sh -s -- refresh LOCK_SECONDS SOURCE_FILE
#   sh -s -- revert  LOCK_SECONDS [NAME…]                   (these, and what they need, stay)
#   sh -s -- redo    LOCK_SECONDS
# LAB_ACTION_DIR keeps what was installed before and after; revert reads it, and keeps in `undone` what redo reads.
{
  set -u
  DEBIAN_FRONTEND=noninteractive
  APT_LISTCHANGES_FRONTEND=none
  NEEDRESTART_SUSPEND=1
  export DEBIAN_FRONTEND APT_LISTCHANGES_FRONTEND NEEDRESTART_SUSPEND
  verb=$1
  lock_seconds=$2
  shift 2
  before=$LAB_ACTION_DIR/packages.before
  after=$LAB_ACTION_DIR/packages.after
  manual=$LAB_ACTION_DIR/manual.before
  held=$LAB_ACTION_DIR/held.before
  archives=$LAB_ACTION_DIR/archives
  undone=$LAB_ACTION_DIR/undone

  # patiently COMMAND… : tries again while another process holds a lock of apt or dpkg, until the deadline. apt waits for
  # the lock of dpkg by itself, but not for those of the lists and the archives, nor does dpkg.
  patiently() {
    waited=0
    while :; do
      { "$@" </dev/null 2>&1; echo $? >"$LAB_ACTION_DIR/status"; } | tee "$LAB_ACTION_DIR/output"
      status=$(cat "$LAB_ACTION_DIR/status")
      [ "$status" -ne 0 ] && grep -q -i -E 'could not get lock|unable to lock|unable to acquire|lock was locked|is locked by another' "$LAB_ACTION_DIR/output" || return "$status"
      if [ "$waited" -ge "$lock_seconds" ]; then
        echo "another package manager held the lock for more than $lock_seconds s"
        return "$status"
      fi
      echo "another package manager holds the lock: waiting ($waited of $lock_seconds s)"
      sleep 3
      waited=$((waited + 3))
    done
  }

  apt() {
    patiently apt-get -y -q -o "DPkg::Lock::Timeout=$lock_seconds" -o Dpkg::Options::=--force-confdef \
      -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 -o APT::Color=0 "$@"
  }

  # The quotes hold dpkg-query's own format. Status: i installed, c configuration left behind.
  # shellcheck disable=SC2016
  installed() { dpkg-query -W -f='${binary:Package}\t${Version}\t${db:Status-Abbrev}\n' | LC_ALL=C sort; }

  remember() {
    [ -e "$before" ] && return 0
    apt-mark showmanual >"$manual" && apt-mark showhold >"$held" && installed >"$before.new" && mv "$before.new" "$before"
  }

  # An installation that broke off: finish it, or nothing else can be installed.
  mend() {
    [ -z "$(dpkg --audit)" ] && return 0
    echo "an earlier installation broke off: finishing it first"
    patiently dpkg --force-confdef --force-confold --configure -a && return 0
    apt --fix-broken install
  }

  refresh() {
    refreshed=yes
    echo "refreshing the package index"
    apt update || return 1
    # apt leaves the folder's time alone when nothing was new.
    touch /var/lib/apt/lists
  }

  # replaces_nothing WORD… : whether this call of apt-get only adds packages; asking which it replaces takes twice as long.
  replaces_nothing() {
    LC_ALL=C apt-get -y -q -o Debug::NoLocking=1 --print-uris "$@" </dev/null 2>/dev/null |
      grep -q -E '^0 upgraded, [0-9]+ newly installed, 0 to remove and '
  }

  # keep_replaced FOLDER WORD… : the old versions of what is going to be replaced or removed, for the way back: they may have
  # left the repository by then.
  keep_replaced() {
    folder=$1
    shift
    mkdir -p "$folder"
    apt-get -s -q -o Debug::NoLocking=1 "$@" </dev/null 2>/dev/null |
      sed -n -e 's/^Inst \([^ ]*\) \[\([^]]*\)\].*/\1=\2/p' -e 's/^Remv \([^ ]*\) \[\([^]]*\)\].*/\1=\2/p' |
      sort -u >"$LAB_ACTION_DIR/replaced"
    while IFS= read -r package; do
      (cd "$folder" && apt-get download -q -q -o APT::Sandbox::User=root "$package" </dev/null >/dev/null 2>&1) ||
        echo "$package is in no repository any more: it could not be put back without it"
    done <"$LAB_ACTION_DIR/replaced"
  }

  # One transaction; once more after a refresh when the index did not know what was asked.
  transact() {
    mend || return 1
    apt "$@" && return 0
    [ "$refreshed" = no ] || return 1
    grep -q -E 'Unable to locate|no installation candidate|Version .* was not found|Failed to fetch|404 +Not Found' "$LAB_ACTION_DIR/output" || return 1
    refresh && apt "$@"
  }

  # What redo needs, noted before an undoing, once an action: the notes of the action that is undone were copied, and name that
  # one.
  note_undone() {
    [ "$(cat "$undone/by" 2>/dev/null)" != "$LAB_ACTION_DIR" ] || return 0
    rm -rf "$undone" && mkdir "$undone" && installed >"$undone/before" && apt-mark showmanual >"$undone/manual" &&
      apt-mark showhold >"$undone/held" && printf '%s\n' "$LAB_ACTION_DIR" >"$undone/by"
  }

  # The configuration of what is purged, as somebody may have edited it.
  keep_configuration() {
    # shellcheck disable=SC2016
    dpkg-query -W -f='${Conffiles}\n' "$@" | awk '$1 ~ /^\// { print substr($1, 2) }' | (
      cd / && while IFS= read -r path; do if [ -e "$path" ]; then printf '%s\n' "$path"; fi; done
    ) >"$undone/conffiles"
    [ ! -s "$undone/conffiles" ] || tar -C / -cf "$undone/conffiles.tar" -T "$undone/conffiles"
  }

  # The units of what is about to go; noted once more, not anew, when an undoing that broke off is tried again.
  note_units() {
    xargs -r dpkg -L <"$LAB_ACTION_DIR/added" 2>/dev/null |
      sed -n 's|^\(/usr\)*/lib/systemd/system/\([^/@]*\.[a-z]*\)$|\2|p' >>"$LAB_ACTION_DIR/units"
  }

  # What the scripts of a package leave running when it goes. Without its file nobody would look for it.
  stop_left_running() {
    [ -s "$LAB_ACTION_DIR/units" ] && systemctl daemon-reload 2>/dev/null || return 0
    while IFS= read -r unit; do
      [ "$(systemctl show --property=LoadState --value "$unit" 2>/dev/null </dev/null)" = not-found ] || continue
      ! systemctl --quiet is-active "$unit" || systemctl stop "$unit" </dev/null
    done <"$LAB_ACTION_DIR/units"
  }

  # mark WORD : the packages named on standard input; none are fine.
  mark() { while IFS= read -r name; do apt-mark "$1" "$name" </dev/null >/dev/null; done; }

  # spare NAME… : takes these, and what they need or recommend, from the lists of what goes.
  spare() {
    apt-cache depends --recurse --installed --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$@" |
      sed -n 's/^\([^ <|][^ ]*\)$/\1/p' | sed 's/:.*//' | sort -u >"$LAB_ACTION_DIR/spared"
    for list in added purge; do
      awk -v spared="$LAB_ACTION_DIR/spared" 'BEGIN { while ((getline name <spared) > 0) stays[name] = 1 }
        { name = $0; sub(/:.*/, "", name); if (!(name in stays)) print }' "$LAB_ACTION_DIR/$list" >"$LAB_ACTION_DIR/$list.left"
      mv "$LAB_ACTION_DIR/$list.left" "$LAB_ACTION_DIR/$list"
    done
  }

  # put_back NAME… : from what is there in $after to what was there in $before, but for these.
  put_back() {
    installed >"$LAB_ACTION_DIR/packages.now"
    # Only what this action brought and nobody removed since, and only what it took and nobody brought back.
    awk -F '\t' -v added="$LAB_ACTION_DIR/added" -v purge="$LAB_ACTION_DIR/purge" -v back="$LAB_ACTION_DIR/back" '
      FILENAME == ARGV[1] { old[$1] = $2; oldstate[$1] = substr($3, 2, 1); next }
      FILENAME == ARGV[2] { new[$1] = $2; newstate[$1] = substr($3, 2, 1); next }
      { now[$1] = $2; nowstate[$1] = substr($3, 2, 1) }
      END {
        printf "" > added; printf "" > purge; printf "" > back
        for (name in new) if (newstate[name] != "n" && oldstate[name] != "i") {
          if (nowstate[name] != "" && nowstate[name] != "c" && nowstate[name] != "n") print name > added
          if (oldstate[name] != "c" && nowstate[name] != "") print name > purge
        }
        for (name in old) if (oldstate[name] == "i") {
          if (newstate[name] == "i" && new[name] == old[name]) continue
          if (nowstate[name] == "i" && now[name] == old[name]) continue
          print name "\t" old[name] > back
        }
      }' "$before" "$after" "$LAB_ACTION_DIR/packages.now"
    [ $# -eq 0 ] || spare "$@"
    set --
    while IFS='	' read -r name version; do
      # An archive kept by us is named after the package and the version, with ":" written as "%3a".
      archive=$(find "$archives" -name "${name%%:*}_$(printf '%s' "$version" | sed 's/:/%3a/g')_*.deb" 2>/dev/null | head -n 1)
      set -- "$@" "${archive:-$name=$version}"
    done <"$LAB_ACTION_DIR/back"
    while IFS= read -r name; do set -- "$@" "$name-"; done <"$LAB_ACTION_DIR/added"
    note_units
    if [ $# -gt 0 ]; then
      # Whatever else would have to go with what is removed was installed since and needs it: that is not ours to remove.
      apt-get -s -q -o Debug::NoLocking=1 --allow-downgrades --allow-change-held-packages install "$@" </dev/null 2>/dev/null |
        sed -n 's/^Remv \([^ ]*\) .*/\1/p' >"$LAB_ACTION_DIR/removals"
      sed 's/:.*//' "$LAB_ACTION_DIR/added" >"$LAB_ACTION_DIR/added.names"
      if others=$(sed 's/:.*//' "$LAB_ACTION_DIR/removals" | grep -v -x -F -f "$LAB_ACTION_DIR/added.names"); then
        echo "cannot be taken back: installed since, and in need of it: $(echo "$others" | tr "\n" " ")"
        exit 1
      fi
      # What is taken back must be there for redo.
      [ "$verb" = redo ] || keep_replaced "$undone/archives" --allow-downgrades --allow-change-held-packages install "$@"
      # The archives are where only root may read; apt would fetch them as another user.
      take_back() { apt -o APT::Sandbox::User=root --allow-downgrades --allow-change-held-packages install "$@"; }
      # What cannot be configured may be the very package that goes, so it is not mended before.
      take_back "$@" || { mend && take_back "$@"; } || exit 1
    fi
    # Configuration that was not there before goes too.
    set --
    while IFS= read -r name; do
      # shellcheck disable=SC2016
      case $(dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null) in ?c*) set -- "$@" "$name" ;; esac
    done <"$LAB_ACTION_DIR/purge"
    if [ $# -gt 0 ]; then
      [ "$verb" = redo ] || keep_configuration "$@"
      patiently dpkg --purge "$@" || exit 1
    fi
    stop_left_running
    # Of those that came back: which of them somebody had asked for, and which somebody held.
    cut -f 1 "$LAB_ACTION_DIR/back" | sed 's/:.*//' | sort -u >"$LAB_ACTION_DIR/back.names"
    grep -v -x -F -f "$manual" "$LAB_ACTION_DIR/back.names" | mark auto
    grep -x -F -f "$manual" "$LAB_ACTION_DIR/back.names" | mark manual
    grep -x -F -f "$held" "$LAB_ACTION_DIR/back.names" | mark hold
  }

  case $verb in
    install)
      index_hours=$1
      flags=$2
      shift 2
      refreshed=no
      remember || exit 1
      index_is_fresh $((index_hours * 60)) || refresh || exit 1
      case $flags in *held*) change_held=--allow-change-held-packages ;; *) change_held= ;; esac
      case $flags in *bare*) bare=--no-install-recommends ;; *) bare= ;; esac
      # A version that is named may be older than the one that is there.
      case "$*" in *=*) downgrade=--allow-downgrades ;; *) downgrade= ;; esac
      names=$*
      set -- install ${change_held:+"$change_held"} ${bare:+"$bare"} ${downgrade:+"$downgrade"} "$@"
      replaces_nothing "$@" || keep_replaced "$archives" "$@"
      transact "$@"
      result=$?
      installed >"$after"
      [ "$result" -eq 0 ] || exit "$result"
      for package in $names; do
        # shellcheck disable=SC2016
        case $(dpkg-query -W -f='${db:Status-Abbrev} ' "${package%%=*}" 2>/dev/null) in
          *i' '*) ;;
          *)
            echo "${package%%=*} is a virtual package: name one of those that provide it"
            exit 1
            ;;
        esac
      done
      ;;
    remove)
      refreshed=yes
      case $1 in held) change_held=--allow-change-held-packages ;; *) change_held= ;; esac
      shift
      remember || exit 1
      keep_replaced "$archives" ${change_held:+"$change_held"} remove "$@"
      transact ${change_held:+"$change_held"} remove "$@"
      result=$?
      installed >"$after"
      exit "$result"
      ;;
    upgrade)
      refreshed=no
      remember || exit 1
      mend || exit 1
      index_is_fresh $(($1 * 60)) || refresh || exit 1
      case $2 in all) transact dist-upgrade ;; *) transact --with-new-pkgs upgrade ;; esac
      result=$?
      installed >"$after"
      exit "$result"
      ;;
    refresh)
      if [ -e "$1" ]; then
        apt update -o "Dir::Etc::sourcelist=$1" -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 \
          -o APT::Update::Error-Mode=any || exit 1
      fi
      ;;
    revert)
      [ -e "$before" ] || exit 0
      [ -e "$after" ] || installed >"$after"
      note_undone || exit 1
      put_back "$@" || exit 1
      installed >"$undone/after"
      ;;
    redo)
      if [ ! -e "$undone/before" ]; then
        echo 'nothing was noted when it was undone'
        exit 1
      fi
      before=$undone/before after=$undone/after manual=$undone/manual held=$undone/held archives=$undone/archives
      [ -e "$after" ] || installed >"$after"
      put_back || exit 1
      [ ! -e "$undone/conffiles.tar" ] || tar -C / -xpf "$undone/conffiles.tar"
      ;;
  esac
  exit 0
}
