"""CDSLs: what must differ per node is taken out of the shared tree and mounted or linked back."""
