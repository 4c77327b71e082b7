"""tests/tasks"""
