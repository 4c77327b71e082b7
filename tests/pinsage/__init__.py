"""tests/pinsage"""
