#!/bin/bash
# A Docker engine of our own where none runs: Debian's dockerd on a private socket, with a private data root. As root.
#   engine.sh start | stop
# Prints the DOCKER_HOST to use. No firewall rules and no default bridge: builds use the host's network.
set -euo pipefail
home=${PINSAGE_DOCKER_HOME:-/var/tmp/pinsage-docker}
socket=unix://$home/docker.sock

start() {
  if ! command -v dockerd > /dev/null || ! command -v mmdebstrap > /dev/null; then
    apt-get update -qq > /dev/null
    apt-get install -y -qq --no-install-recommends docker.io iptables mmdebstrap > /dev/null 2>&1
  fi
  mkdir -p "$home"
  cat > "$home/daemon.json" << JSON
{ "data-root": "$home/data", "exec-root": "$home/exec", "pidfile": "$home/dockerd.pid", "hosts": ["$socket"],
  "iptables": false, "ip6tables": false, "ip-masq": false, "ip-forward": false, "bridge": "none",
  "default-address-pools": [{"base": "10.89.80.0/20", "size": 24}],
  "default-ulimits": {"nofile": {"Name": "nofile", "Hard": $(ulimit -Hn), "Soft": $(ulimit -Hn)}},
  "exec-opts": ["native.cgroupdriver=cgroupfs"], "storage-driver": "overlay2" }
JSON
  setsid nohup dockerd --config-file "$home/daemon.json" > "$home/dockerd.log" 2>&1 < /dev/null &
  for _ in $(seq 120); do
    docker -H "$socket" info > /dev/null 2>&1 && { echo "$socket"; return; }
    sleep 0.5
  done
  tail -5 "$home/dockerd.log" >&2
  exit 1
}

stop() {
  kill "$(cat "$home/dockerd.pid")" 2> /dev/null || true
  for _ in $(seq 60); do [ -e "$home/dockerd.pid" ] || break; sleep 0.5; done
  umount "$home/exec/netns/default" 2> /dev/null || true
  find /sys/fs/cgroup/*/docker -depth -type d -exec rmdir {} + 2> /dev/null || true
  # The images stay for the next time; `rm -r` of the folder frees the disk.
}

"${1:?start or stop}"
