# Stand-in for python:3.11-slim-bookworm: Debian's Python 3.11 laid over /usr/local, with its headers.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3-venv python3-dev && rm -rf /var/lib/apt/lists/*
ENV LANG=C.UTF-8
RUN python3 -m venv /usr/local && ln -sf python3 /usr/local/bin/python
CMD ["python3"]
