# Stand-in for the trial store: moto's S3 server, which keeps objects in memory and honours If-None-Match.
FROM python:3.11-slim-bookworm
RUN python -m pip install --no-cache-dir "moto[server,s3]"
USER nobody
CMD ["moto_server", "--host", "0.0.0.0", "--port", "9000"]
