//! Detection and segmentation metrics of the infrared small-target field.
//!
//! In: detections (boxes), probability maps and raw mask bytes, image by image. Out: the numbers papers print, each
//! under the definition of the code that first printed it, and one [`Report`]. Refused: buffers whose length is not
//! the image's, and numbers that are not finite. Nothing here reads a file or a clock.
//!
//! | question | answer |
//! |---|---|
//! | whole set, one call an image | [`Evaluator`] |
//! | IoU, nIoU, pixel accuracy | [`pixel`] |
//! | Pd, Fa | [`pd_fa`] |
//! | which detection hit which target | [`matching`] |
//! | OPDC, hIoU | [`opdc`] |
//! | thresholds, best F1, Fa limits | [`curve`] |
//! | recall by target size | [`area`] |
//! | scores against observed precision | [`reliability`] |
//! | everything at once, operating points | [`full`] |
//! | 8-connected blobs of a mask | [`components`](mod@components) |
//! | minimum-cost assignment | [`assignment`] |
//!
//! Frames of reference: boxes are centre and size in pixels where pixel `i` covers `[i, i + 1)`. Centroids of
//! components are means of pixel *indices*, as the field computes them: half a pixel less than the same point in the
//! box frame. The two are never compared with each other.
#![forbid(unsafe_code)]

pub mod area;
pub mod assignment;
pub mod boxes;
pub mod components;
pub mod counts;
pub mod curve;
mod error;
mod evaluator;
pub mod full;
pub mod matching;
pub mod opdc;
pub mod pd_fa;
pub mod pixel;
pub mod reliability;
mod report;

pub use area::{AreaBin, AreaRow, RecallByArea};
pub use boxes::{ScoredBox, Target};
pub use components::{Component, components};
pub use counts::{Counts, Prf};
pub use curve::{Curve, CurvePoint};
pub use error::MetricsError;
pub use evaluator::{EvalOptions, Evaluator};
pub use full::{FALSE_ALARM_BUDGETS, FullReport, OperatingPoint};
pub use matching::{Criterion, Matching};
pub use opdc::{OpdcRule, OpdcTotals};
pub use pd_fa::{FaArea, PdFa};
pub use pixel::{MaskMode, PixelTotals};
pub use reliability::Reliability;
pub use report::{OpdcReport, Report};
