"""The only part of featc that opens connections: catalog, training sets, the online store, proofs."""
