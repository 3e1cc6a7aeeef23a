"""Pictures: three-plane views of volumes, training curves, histograms. Same input, same bytes."""
