#!/usr/bin/env bash
# Runs nginx with Nchan on PORT (7101 if it is not set), in the foreground. What it writes is in target/.
set -euo pipefail
cd "$(dirname "$0")"

port=${PORT:-7101}
folder=$PWD/target/$port
mkdir -p "$folder"
sed -e "s|FOLDER|$folder|" -e "s|PORT|$port|" nginx.conf >"$folder/nginx.conf"
exec nginx -p "$folder" -c "$folder/nginx.conf" -g 'daemon off;'
