#!/usr/bin/env bash
# Fetches the sources of uWebSockets and compiles them with server.cpp, to target/server. The flags are those of uWebSockets' own
# build: epoll, -O3 for this machine's processor, optimized as a whole.
set -euo pipefail
cd "$(dirname "$0")"

# What is optimized is this machine's: a binary must not be taken to another.
optimized=(-O3 -flto=auto -march=native -DLIBUS_USE_OPENSSL -w)

manifest=$(cargo metadata --format-version 1 --quiet |
  grep -o '"manifest_path":"[^"]*/libuwebsockets-sys-[^"]*/Cargo.toml"' | cut -d '"' -f 4)
uws=$(dirname "$manifest")/uWebSockets
sockets=$uws/uSockets/src

mkdir -p target
(
  cd target
  "${CC:-cc}" "${optimized[@]}" -std=gnu11 -I "$sockets" -c \
    "$sockets"/{bsd,context,loop,quic,socket,udp}.c "$sockets"/eventing/epoll_kqueue.c "$sockets"/crypto/openssl.c
  "${CXX:-c++}" "${optimized[@]}" -std=c++20 -I "$sockets" -c "$sockets"/crypto/sni_tree.cpp
  "${CXX:-c++}" "${optimized[@]}" -std=c++20 -I "$sockets" -I "$uws/src" -DUWS_VERSION='"20.58.0"' \
    ../server.cpp ./*.o -lssl -lcrypto -lz -pthread -o server.new
)
mv target/server.new target/server
