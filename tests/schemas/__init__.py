"""tests/schemas"""
