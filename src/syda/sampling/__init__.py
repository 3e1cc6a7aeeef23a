"""What a trained generator is used for: its released files, and synthetic volumes from seeds."""
