# Stand-in for postgres:15-bookworm: Debian's PostgreSQL 15.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-15 && rm -rf /var/lib/apt/lists/*
ENV PATH=$PATH:/usr/lib/postgresql/15/bin PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
RUN mkdir -p "$PGDATA" && chown postgres "$PGDATA" && chmod 700 "$PGDATA"
COPY postgres.sh /usr/local/bin/
VOLUME /var/lib/postgresql/data
USER postgres
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres.sh"]
