#!/usr/bin/env bash
# Starts nginx with Nchan out of DIR, where setup.sh put it, and stays in its place.
#
#   usage: nchan.sh DIR PORT
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$(cd "$1" && pwd) port=$2
# As many descriptors as the machine gives; nginx wants a number.
files=$(ulimit -Hn)
[[ $files != unlimited && $files -lt 200000 ]] || files=200000
run=$dir/run-$port
mkdir -p "$run"
sed -e "s|PORT|$port|" -e "s|FILES|$files|" -e "s|MODULES|$dir/root/usr/lib/nginx/modules|" "$here/nchan.conf" >"$run/nginx.conf"
exec "$dir/root/usr/sbin/nginx" -p "$run/" -c nginx.conf -e stderr
