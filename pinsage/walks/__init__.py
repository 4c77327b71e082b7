"""Random walks with restart: importance neighborhoods and hard negative rank bands."""
