#!/bin/bash
# Builds stand-ins for the public images that compose.yaml names, from Debian's and Python's packages, in the engine of
# DOCKER_HOST. They are not the official images. What this machine needs to reach its package registries (certificates,
# settings of apt and pip, PINSAGE_WHEELS: a folder of wheels over HTTP) goes into the base, not into our Dockerfile.
set -euo pipefail
cd "$(dirname "$0")/images"
export DOCKER_BUILDKIT=0
have() { docker image inspect "$1" > /dev/null 2>&1; }
build() { docker build --quiet --network host --tag "$1" --file "$2" "$3" > /dev/null; }

if ! have debian:bookworm-slim; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mmdebstrap --quiet --variant=minbase --include=ca-certificates,netbase,tzdata --dpkgopt=force-unsafe-io \
    --aptopt='Apt::Install-Recommends "false"' bookworm "$work/base.tar"
  docker import --change 'CMD ["bash"]' --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    "$work/base.tar" pinsage-debian-base > /dev/null
  rm "$work/base.tar"
  mkdir "$work/apt"
  cp /etc/apt/apt.conf.d/99* "$work/apt/" 2> /dev/null || true
  cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$work/ca.crt"
  printf '[global]\ncert = /usr/local/share/ca.crt\ntimeout = 180\n' > "$work/pip.conf"
  [ -z "${PINSAGE_WHEELS:-}" ] || echo "find-links = $PINSAGE_WHEELS" >> "$work/pip.conf"
  cat > "$work/Dockerfile" << 'END'
FROM pinsage-debian-base
COPY ca.crt /usr/local/share/ca.crt
COPY pip.conf /etc/pip.conf
COPY apt/ /etc/apt/apt.conf.d/
ENV SSL_CERT_FILE=/usr/local/share/ca.crt
END
  build debian:bookworm-slim "$work/Dockerfile" "$work"
fi
have python:3.11-slim-bookworm || build python:3.11-slim-bookworm python.Dockerfile .
have postgres:15-bookworm || build postgres:15-bookworm postgres.Dockerfile .
have redis:7-bookworm || build redis:7-bookworm redis.Dockerfile .
have pinsage-trial-s3:stand-in || build pinsage-trial-s3:stand-in s3.Dockerfile .
