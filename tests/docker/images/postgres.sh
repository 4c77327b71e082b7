#!/bin/bash
# What compose relies on of the official image's entry point: POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb -U "$POSTGRES_USER" -A scram-sha-256 --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:?}") > /dev/null
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  PGPASSWORD=$POSTGRES_PASSWORD pg_ctl -o "-c listen_addresses=''" -w start > /dev/null
  PGPASSWORD=$POSTGRES_PASSWORD createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl -m fast -w stop > /dev/null
fi
exec postgres -c "listen_addresses=*"
