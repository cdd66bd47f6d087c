//! Bars, lines and dots in one pair of axes.

use super::Area;
use super::axis::Axis;
use plotters::element::Text;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// Name under which the font is registered.
pub(super) const FONT: &str = "chart";

/// Panels are drawn with this many pixels for each of the picture, along both axes, and averaged: smooth lines and letters.
pub(super) const FINE: u32 = 2;

/// A curve; points that are not finite, or lie outside a logarithmic axis, are left out.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// For the legend; an empty name is not in it.
    pub(super) name: String,
    pub(super) color: RGBColor,
    /// Pixels.
    pub(super) width: u32,
    pub(super) points: Vec<(f64, f64)>,
}

/// A marked point and what is written beside it.
#[derive(Debug, Clone)]
pub(super) struct Dot {
    pub(super) at: (f64, f64),
    pub(super) color: RGBColor,
    pub(super) text: String,
}

/// A filled column on the lower axis, behind lines and dots.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    /// Left and right edge.
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) height: f64,
    pub(super) color: RGBColor,
}

/// Bars, lines and dots in a pair of axes.
#[derive(Debug, Clone)]
pub(super) struct Panel {
    title: String,
    x: Axis,
    y: Axis,
    lines: Vec<Line>,
    pub(super) bars: Vec<Bar>,
    pub(super) dots: Vec<Dot>,
    pub(super) legend: SeriesLabelPosition,
}

impl Panel {
    pub(super) fn new(title: &str, x: Axis, y: Axis, lines: Vec<Line>) -> Self {
        let legend = SeriesLabelPosition::UpperRight;
        Self {
            title: title.into(),
            x,
            y,
            lines,
            bars: Vec::new(),
            dots: Vec::new(),
            legend,
        }
    }

    pub(super) fn draw(&self, area: &Area<'_>) -> anyhow::Result<()> {
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, (FONT, 20 * FINE))
            .margin(12 * FINE)
            .margin_right(28 * FINE)
            .x_label_area_size(44 * FINE)
            .y_label_area_size(78 * FINE)
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .set_all_tick_mark_size(5 * FINE)
            .bold_line_style(RGBColor(228, 228, 228).stroke_width(FINE))
            .axis_style(BLACK.stroke_width(FINE))
            .x_desc(&self.x.title)
            .y_desc(&self.y.title)
            .axis_desc_style((FONT, 16 * FINE))
            .label_style((FONT, 15 * FINE))
            .x_label_formatter(&|x| self.x.label(*x))
            .y_label_formatter(&|y| self.y.label(*y))
            .draw()?;
        let place = |(x, y): (f64, f64)| Some((self.x.place(x)?, self.y.place(y)?));
        for bar in &self.bars {
            let corners = (place((bar.from, bar.height)), self.x.place(bar.to));
            let (Some((left, top)), Some(right)) = corners else {
                continue;
            };
            let bottom = self.y.range.start;
            let column = Rectangle::new([(left, top), (right, bottom)], bar.color.filled());
            chart.draw_series([column])?;
        }
        for line in &self.lines {
            let points: Vec<(f64, f64)> = line.points.iter().filter_map(|p| place(*p)).collect();
            // A line of one point would be invisible.
            if let &[only] = points.as_slice() {
                chart.draw_series([Circle::new(
                    only,
                    (line.width + 1) * FINE,
                    line.color.filled(),
                )])?;
            }
            let style = line.color.stroke_width(line.width * FINE);
            let series = chart.draw_series(LineSeries::new(points, style))?;
            if !line.name.is_empty() {
                let fine = FINE as i32;
                let swatch =
                    move |(x, y): (i32, i32)| [(x, y - 2 * fine), (x + 22 * fine, y + 2 * fine)];
                series
                    .label(&line.name)
                    .legend(move |at| Rectangle::new(swatch(at), style.color.filled()));
            }
        }
        for dot in &self.dots {
            let Some(at) = place(dot.at) else { continue };
            if dot.color != super::GREY {
                chart.draw_series(
                    [(7, dot.color), (4, WHITE)]
                        .map(|(radius, color)| Circle::new(at, radius * FINE, color.filled())),
                )?;
            }
            // Towards the middle of the picture, where there is room.
            let right = at.0 > 0.5 * (self.x.range.start + self.x.range.end);
            let side = if right { HPos::Right } else { HPos::Left };
            let ink = if dot.color == super::GREY {
                RGBColor(140, 140, 140)
            } else {
                dot.color
            };
            let style = TextStyle::from((FONT, 15 * FINE))
                .color(&ink)
                .pos(Pos::new(side, VPos::Bottom));
            let shift = if right { -8 } else { 8 } * FINE as i32;
            let text = dot.text.clone();
            chart.draw_series([
                EmptyElement::at(at) + Text::new(text, (shift, -8 * FINE as i32), style)
            ])?;
        }
        if self.lines.iter().any(|l| !l.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(self.legend.clone())
                .margin(14 * FINE)
                .legend_area_size(30 * FINE)
                .label_font((FONT, 16 * FINE))
                .background_style(WHITE.mix(0.85))
                .border_style(RGBColor(200, 200, 200))
                .draw()?;
        }
        Ok(())
    }
}
