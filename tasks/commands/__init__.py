"""What the command line offers beside the flow: doctor, ablation, pages of settings."""
