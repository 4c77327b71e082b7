#!/bin/sh
# Prints a docker/.env with fresh secrets: docker/new_env.sh > docker/.env
set -eu
secret() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
cat <<ENV
# Made by docker/new_env.sh; what each is for stands in docs/deployment.md. Keep it out of version control.
# Profiles: cpu or gpu, and s3 for a trial store beside the stack.
COMPOSE_PROFILES=cpu,s3
PINSAGE_ROOT=s3://pinsage/store
AWS_ENDPOINT_URL=http://s3:9000
AWS_REGION=us-east-1
AWS_ACCESS_KEY_ID=pinsage
AWS_SECRET_ACCESS_KEY=$(secret)
POSTGRES_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
AIRFLOW_ADMIN_PASSWORD=$(secret)
AIRFLOW_FERNET_KEY=$(secret)=
AIRFLOW_SECRET_KEY=$(secret)
AIRFLOW_JWT_SECRET=$(secret)
ENV
