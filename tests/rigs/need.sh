#!/bin/sh
# need.sh PROGRAM[:PACKAGE]...
# Installs the Debian or Ubuntu package of each program, or file named by its path, that is missing.
set -eu
missing=
for item in "$@"; do
    [ -e "${item%%:*}" ] || command -v "${item%%:*}" >/dev/null 2>&1 || missing="$missing ${item##*:}"
done
[ -z "$missing" ] && exit 0
root=
[ "$(id -u)" = 0 ] || root=sudo
command -v apt-get >/dev/null 2>&1 || { echo "please install:$missing" >&2; exit 1; }
echo "installing:$missing"
$root apt-get update -qq
# shellcheck disable=SC2086  # a list of packages
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing >/dev/null
