//! Readers, splits, targets and augmentation of infrared small-target data sets.
