//! What the InvDet network is: graph, weights, manifest, pre-processing, decoding.
