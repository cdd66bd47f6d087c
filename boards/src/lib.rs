//! What hardware InvDet flies: payload profiles, checked.
