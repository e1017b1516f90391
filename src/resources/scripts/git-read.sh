#!/bin/sh
# git-read PATH REPOSITORY REVISION IDENTITY : what is checked out, and which commit the revision means now. Changes nothing.
path=$1 repository=$2 revision=$3 identity=$4
command -v git >/dev/null 2>&1 || {
  echo missing=git
  exit 0
}
# runuser keeps root's HOME, where another user may not look.
[ "$(id -u)" -eq 0 ] || HOME=$(getent passwd "$(id -u)" | cut -d : -f 6)
export HOME
GIT_TERMINAL_PROMPT=0
GIT_OPTIONAL_LOCKS=0
GIT_SSH_COMMAND="ssh -o BatchMode=yes${identity:+ -o IdentitiesOnly=yes -i \"$identity\"}"
export GIT_TERMINAL_PROMPT GIT_OPTIONAL_LOCKS GIT_SSH_COMMAND
git() { command git -c "safe.directory=$path" "$@"; }
if [ -e "$path/.git" ]; then
  echo "head=$(git -C "$path" rev-parse --verify -q HEAD)"
  echo "branch=$(git -C "$path" symbolic-ref -q --short HEAD)"
  echo "origin=$(git -C "$path" config --get remote.origin.url)"
  [ -z "$(git -C "$path" status --porcelain --untracked-files=no 2>&1)" ] || echo dirty=yes
fi
case $revision in
  *[!0-9a-f]*) ;;
  ????????????????????????????????????????)
    echo "wanted=$revision"
    exit 0
    ;;
esac
# An annotated tag's line with ^{} comes after its own and names the commit.
if listed=$(git ls-remote "$repository" "refs/heads/$revision" "refs/tags/$revision" "refs/tags/$revision^{}" 2>&1); then
  echo "wanted=$(printf '%s\n' "$listed" | while IFS= read -r line; do printf '%s\n' "${line%%[!0-9a-f]*}"; done | tail -n 1)"
else
  printf '%s\n' "$listed" | while IFS= read -r line; do printf 'failure=%s\n' "$line"; done
fi
