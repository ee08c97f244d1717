#!/bin/sh
# In the machine's network namespace: its card's other end, and the way out by what slirp4netns brings as ext0.
set -e
ip link set lo up
ip tuntap add dev tap0 mode tap
ip address add 10.0.3.1/24 dev tap0
ip link set tap0 up
sysctl -qw net.ipv4.ip_forward=1
nft add table ip way-out
nft add chain ip way-out post '{ type nat hook postrouting priority 100; }'
nft add rule ip way-out post oifname ext0 masquerade
echo 'starting'
exec "$@"
