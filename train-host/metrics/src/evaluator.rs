//! Evaluation of a whole set.
//!
//! In: one call an image with detections, the probability map where the model has one, and the raw mask. Out: a
//! [`Report`], a [`crate::FullReport`], and a [`Curve`] for any criterion. Refused: buffers of the wrong length, numbers that are not finite,
//! maps for a part of the images.
//!
//! Boxes and targets are kept, so thresholds can be swept afterwards; pixel metrics are summed as images come in,
//! at the one pixel threshold of the options, by every public convention at once.

use invdet_core::ImageSize;

use crate::area::{AreaBin, RecallByArea};
use crate::boxes::{ScoredBox, Target};
use crate::components::{components_where, label_where};
use crate::counts::Counts;
use crate::curve::Curve;
use crate::error::MetricsError;
use crate::matching::{Criterion, Matching};
use crate::opdc::{OpdcRule, OpdcTotals, opdc};
use crate::pd_fa::{FaArea, PdFa, PdFaCounts};
use crate::pixel::{MaskMode, PixelCounts, PixelTotals, STRICT_THRESHOLD, binarise};
use crate::report::{OpdcReport, Report};

/// What is evaluated, and by whose rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvalOptions {
    /// Detections of at least this score count, 0..=1.
    pub threshold: f32,
    /// Pixels of *more* than this probability are predicted, 0..=1.
    pub pixel_threshold: f32,
    /// Mask bytes *above* this are target pixels for box targets and OPDC. [`MaskMode`] decides for the rest.
    pub mask_threshold: u8,
    /// Definition of IoU, nIoU, Pd and Fa.
    pub mask_mode: MaskMode,
    /// Denominator of Fa.
    pub fa_area: FaArea,
    /// Definition of OPDC.
    pub opdc: OpdcRule,
    /// Greatest areas of a point and of a spot, square pixels.
    pub area_limits: [u32; 2],
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            pixel_threshold: 0.5,
            mask_threshold: STRICT_THRESHOLD,
            mask_mode: MaskMode::default(),
            fa_area: FaArea::default(),
            opdc: OpdcRule::default(),
            area_limits: AreaBin::DEFAULT_LIMITS,
        }
    }
}

#[derive(Debug, Clone)]
struct Image {
    pixels: u64,
    targets: Vec<Target>,
    detections: Vec<ScoredBox>,
}

/// The pixel metrics by one convention.
#[derive(Debug, Clone)]
struct Convention {
    pixel: PixelTotals,
    pd_fa: PdFa,
}

impl Convention {
    fn new(mode: MaskMode) -> Self {
        Self {
            pixel: PixelTotals::new(mode),
            pd_fa: PdFa::new(mode),
        }
    }
}

/// Metrics of a set in the making.
#[derive(Debug, Clone)]
pub struct Evaluator {
    options: EvalOptions,
    images: Vec<Image>,
    basic: Convention,
    dnanet: Convention,
    acm: Convention,
    strict: Convention,
    opdc: OpdcTotals,
    opdc_compat: OpdcTotals,
    /// Whether images come with a probability map; unknown before the first.
    mapped: Option<bool>,
}

impl Evaluator {
    /// An evaluator that has seen no image.
    pub fn new(options: EvalOptions) -> Self {
        Self {
            options,
            images: Vec::new(),
            basic: Convention::new(MaskMode::Basic),
            dnanet: Convention::new(MaskMode::DnaNet),
            acm: Convention::new(MaskMode::Acm),
            strict: Convention::new(MaskMode::Strict),
            opdc: OpdcTotals::default(),
            opdc_compat: OpdcTotals::default(),
            mapped: None,
        }
    }

    /// Adds one image: detections of *all* scores, in pixels of `size`; the probability map (0..=1, row by row) and
    /// the raw mask bytes at the same size.
    pub fn add_image(
        &mut self,
        size: ImageSize,
        detections: &[ScoredBox],
        probability: Option<&[f32]>,
        mask: &[u8],
    ) -> Result<(), MetricsError> {
        self.check(size, detections, probability, mask)?;
        let pixels = size.pixels() as u64;
        let threshold = self.options.mask_threshold;
        let targets = label_where(mask, size.width, size.height, |m| m > threshold);
        if let Some(probability) = probability {
            let prediction = binarise(probability, self.options.pixel_threshold);
            let counts = PixelCounts::of(&prediction, mask);
            let predicted = label_where(&prediction, size.width, size.height, |p| p);
            // Three of the four conventions form objects alike.
            let found_by = |mode: MaskMode| {
                let objects =
                    components_where(mask, size.width, size.height, |m| mode.is_object(m));
                PdFaCounts::of(&predicted.components, &objects)
            };
            let (of_full, of_upper) = (found_by(MaskMode::Basic), found_by(MaskMode::Strict));
            for (convention, found) in [
                (&mut self.basic, &of_full),
                (&mut self.dnanet, &of_full),
                (&mut self.acm, &of_full),
                (&mut self.strict, &of_upper),
            ] {
                convention.pixel.add(&counts);
                convention.pd_fa.add(found, pixels);
            }
            for (rule, totals) in [
                (OpdcRule::Fixed, &mut self.opdc),
                (OpdcRule::Compat, &mut self.opdc_compat),
            ] {
                totals.add(&opdc(&predicted, &targets, pixels, rule));
            }
        }
        self.mapped = Some(probability.is_some());
        let targets = targets.components.iter().map(Target::from).collect();
        self.images.push(Image {
            pixels,
            targets,
            detections: detections.to_vec(),
        });
        Ok(())
    }

    /// Adds one image that is labelled with boxes alone: it counts for the criteria on boxes and centres, and not for those
    /// on pixels.
    pub fn add_boxes(
        &mut self,
        size: ImageSize,
        detections: &[ScoredBox],
        targets: &[Target],
    ) -> Result<(), MetricsError> {
        self.check_detections(detections)?;
        self.images.push(Image {
            pixels: size.pixels() as u64,
            targets: targets.to_vec(),
            detections: detections.to_vec(),
        });
        Ok(())
    }

    fn check(
        &self,
        size: ImageSize,
        detections: &[ScoredBox],
        probability: Option<&[f32]>,
        mask: &[u8],
    ) -> Result<(), MetricsError> {
        let (image, wanted) = (self.images.len(), size.pixels());
        if mask.len() != wanted {
            return Err(MetricsError::MaskLength {
                image,
                found: mask.len(),
                wanted,
                size,
            });
        }
        if self
            .mapped
            .is_some_and(|mapped| mapped != probability.is_some())
        {
            let (found, wanted) = if probability.is_some() {
                ("with", "came without")
            } else {
                ("without", "came with one")
            };
            return Err(MetricsError::ProbabilityMixed {
                image,
                found,
                wanted,
            });
        }
        if let Some(p) = probability {
            if p.len() != wanted {
                return Err(MetricsError::ProbabilityLength {
                    image,
                    found: p.len(),
                    wanted,
                    size,
                });
            }
            if let Some((index, &value)) = p.iter().enumerate().find(|(_, v)| !v.is_finite()) {
                return Err(MetricsError::ProbabilityNotFinite {
                    image,
                    index,
                    value,
                });
            }
        }
        self.check_detections(detections)
    }

    fn check_detections(&self, detections: &[ScoredBox]) -> Result<(), MetricsError> {
        let image = self.images.len();
        match detections.iter().enumerate().find(|(_, d)| !d.is_sound()) {
            Some((
                index,
                &ScoredBox {
                    x, y, w, h, score, ..
                },
            )) => Err(MetricsError::BadDetection {
                image,
                index,
                x,
                y,
                w,
                h,
                score,
            }),
            None => Ok(()),
        }
    }

    /// Counts under one criterion when detections of at least `threshold` are kept.
    pub fn counts(&self, criterion: Criterion, threshold: f32) -> Counts {
        let mut total = Counts::default();
        for image in &self.images {
            total += Matching::of(criterion, &image.targets, &image.detections, threshold).counts();
        }
        total
    }

    /// Counts under one criterion at every threshold.
    pub fn curve(&self, criterion: Criterion) -> Curve {
        Curve::of(
            criterion,
            self.images
                .iter()
                .map(|i| (i.targets.as_slice(), i.detections.as_slice(), i.pixels)),
        )
    }

    /// Recall of P2 by target area when detections of at least `threshold` are kept.
    pub fn recall_by_area(&self, threshold: f32) -> RecallByArea {
        let mut rows = RecallByArea::default();
        for image in &self.images {
            let matching = Matching::of(
                Criterion::Center3Px,
                &image.targets,
                &image.detections,
                threshold,
            );
            rows.add(
                &image.targets,
                &image.detections,
                &matching,
                self.options.area_limits,
            );
        }
        rows
    }

    /// What is evaluated, and by whose rules.
    pub const fn options(&self) -> &EvalOptions {
        &self.options
    }

    /// Pixels of all images so far.
    pub fn pixels(&self) -> u64 {
        self.images.iter().map(|i| i.pixels).sum()
    }

    /// Whether images came with probability maps, without which there are no pixel metrics.
    pub fn has_maps(&self) -> bool {
        self.mapped == Some(true)
    }

    /// IoU, nIoU and pixel accuracy so far, by the convention of the options.
    pub const fn pixel(&self) -> &PixelTotals {
        self.pixel_by(self.options.mask_mode)
    }

    /// IoU, nIoU and pixel accuracy so far, by a convention.
    pub const fn pixel_by(&self, mode: MaskMode) -> &PixelTotals {
        &self.convention(mode).pixel
    }

    /// Pd and Fa so far, by the convention of the options.
    pub const fn pd_fa(&self) -> &PdFa {
        self.pd_fa_by(self.options.mask_mode)
    }

    /// Pd and Fa so far, by a convention.
    pub const fn pd_fa_by(&self, mode: MaskMode) -> &PdFa {
        &self.convention(mode).pd_fa
    }

    const fn convention(&self, mode: MaskMode) -> &Convention {
        match mode {
            MaskMode::Basic => &self.basic,
            MaskMode::DnaNet => &self.dnanet,
            MaskMode::Acm => &self.acm,
            MaskMode::Strict => &self.strict,
        }
    }

    /// OPDC counts so far, by the rule of the options.
    pub const fn opdc(&self) -> &OpdcTotals {
        self.opdc_by(self.options.opdc)
    }

    /// OPDC counts so far, by a rule.
    pub const fn opdc_by(&self, rule: OpdcRule) -> &OpdcTotals {
        match rule {
            OpdcRule::Fixed => &self.opdc,
            OpdcRule::Compat => &self.opdc_compat,
        }
    }

    /// The report at the threshold of the options.
    pub fn finish(&self, dataset: &str, split: &str) -> Report {
        self.report_at(self.options.threshold, dataset, split)
    }

    /// The report at another threshold for boxes. Pixel metrics stay at the pixel threshold of the options.
    pub fn report_at(&self, threshold: f32, dataset: &str, split: &str) -> Report {
        let prf = |criterion| self.counts(criterion, threshold).prf();
        let mapped = self.has_maps();
        let scaled = |value: Option<f64>, by: f64| value.filter(|_| mapped).map(|v| by * v);
        Report {
            dataset: dataset.to_owned(),
            split: split.to_owned(),
            images: self.images.len() as u64,
            threshold,
            box_iou50: prf(Criterion::BoxIou50),
            centre_3px: prf(Criterion::Center3Px),
            spire_5px: prf(Criterion::Spire5Px),
            geo_05: prf(Criterion::Geo05),
            opdc: if mapped {
                OpdcReport::from(self.opdc())
            } else {
                OpdcReport::default()
            },
            iou: scaled(self.pixel().iou(), 100.0),
            n_iou: scaled(self.pixel().n_iou(), 100.0),
            pd: scaled(self.pd_fa().pd(), 100.0),
            fa_1e6: scaled(self.pd_fa().fa(self.options.fa_area), 1e6),
            recall_by_area: self.recall_by_area(threshold),
        }
    }
}
