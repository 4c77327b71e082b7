"""tests/dags"""
