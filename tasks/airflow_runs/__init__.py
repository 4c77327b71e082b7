"""Airflow from outside: its REST API, a run that is followed, an installation on this machine."""
