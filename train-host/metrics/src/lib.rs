//! Detection and segmentation metrics of the infrared small-target field.
