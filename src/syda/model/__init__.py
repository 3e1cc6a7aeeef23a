"""The 3D style-based generator and its discriminator. Imports torch alone."""
