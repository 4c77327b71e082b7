# Stand-in for redis:7-bookworm: Debian's Redis 7.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/*
RUN mkdir /data && chown redis /data
USER redis
WORKDIR /data
CMD ["redis-server"]
