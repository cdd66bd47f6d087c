//! Where frames come from: folders, clips, a synthetic scene.
