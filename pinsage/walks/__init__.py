"""Random walks with restart: importance neighborhoods and hard negative rank bands.

Compiled kernels are cached beside their source, and numba looks only at the file of the kernel that was called, not at
those of the functions it calls: after editing one of these files remove ``pinsage/walks/__pycache__``.
"""
