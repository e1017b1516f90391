#!/bin/sh
# git-checkout PATH REPOSITORY REVISION COMMIT IDENTITY FORCE : exactly the commit that was planned.
set -eu
path=$1 repository=$2 revision=$3 commit=$4 identity=$5 force=$6
# runuser keeps root's HOME, where another user may not look.
[ "$(id -u)" -eq 0 ] || HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
export HOME
GIT_TERMINAL_PROMPT=0
GIT_SSH_COMMAND="ssh -o BatchMode=yes${identity:+ -o IdentitiesOnly=yes -i \"$identity\"}"
export GIT_TERMINAL_PROMPT GIT_SSH_COMMAND
git() { command git -c "safe.directory=$path" -c advice.detachedHead=false "$@"; }
if [ ! -e "$path/.git" ]; then
  git init --quiet "$path"
  git -C "$path" remote add origin "$repository"
fi
# Stays only when this is killed: then what differs from a commit is nobody's work.
unfinished=$(git -C "$path" rev-parse --absolute-git-dir)/lab-unfinished
: >"$unfinished"
trap 'rm -f "$unfinished"' EXIT
git -C "$path" remote set-url origin "$repository"
if ! git -C "$path" cat-file -e "$commit^{commit}" 2>/dev/null; then
  # A plain commit is asked for by its name; servers that refuse that give it with everything else.
  git -C "$path" fetch --quiet --tags origin || exit 1
  git -C "$path" cat-file -e "$commit^{commit}" 2>/dev/null || git -C "$path" fetch --quiet origin "$commit" ||
    git -C "$path" fetch --quiet origin "$revision"
fi
if [ "$force" = yes ]; then
  git -C "$path" checkout --quiet --force --detach "$commit"
else
  git -C "$path" checkout --quiet --detach "$commit"
fi
