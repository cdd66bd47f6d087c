//! CPU kernels of InvDet, forward and backward, and the thread pool they run on.
