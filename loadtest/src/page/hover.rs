//! What a plot says where a pointer rests on it.

use super::drawing::{Layout, STYLES, draw_path, text_width, write};
use super::markup::Markup;
use super::plot::Plot;

/// Places where a pointer is told the values.
const READOUTS: usize = 60;

/// Draws all of it. The style sheet shows what is where the pointer is; so it needs no script.
pub(super) fn draw_readouts(svg: &mut Markup, plot: &Plot, layout: &Layout) {
    let (top, bottom) = (layout.top, layout.bottom);
    let mut from = layout.left;
    for readout in plot.readouts(READOUTS) {
        let (x, to) = (
            layout.x(readout.place),
            from + readout.width * (layout.right - layout.left),
        );
        svg.element("g", &[("class", &"at")], |svg| {
            let hit = format!("M{from:.1} {top:.1}H{to:.1}V{bottom:.1}H{from:.1}Z");
            draw_path(svg, "hit", "none", &hit);
            draw_path(
                svg,
                "cross",
                "none",
                &format!("M{x:.1} {top:.1}V{bottom:.1}"),
            );
            let texts = readout
                .values
                .iter()
                .map(|(_, text)| text_width(text) + 16.0);
            let width = texts.fold(text_width(&readout.x), f64::max) + 20.0;
            let height = 17.0 * (readout.values.len() + 1) as f64 + 10.0;
            let is_left = x + width + 10.0 > layout.width;
            let left = if is_left { x - width - 8.0 } else { x + 8.0 }.max(2.0);
            let y = top + 4.0;
            let right = left + width;
            let d = format!("M{left:.1} {y:.1}H{right:.1}v{height}H{left:.1}Z");
            draw_path(svg, "box", "none", &d);
            write(svg, "tick", "start", left + 10.0, y + 18.0, &readout.x);
            for (row, (style, text)) in readout.values.iter().enumerate() {
                let y = y + 18.0 + 17.0 * (row + 1) as f64;
                let class = format!("line s{}", style % STYLES);
                draw_path(
                    svg,
                    &class,
                    "none",
                    &format!("M{:.1} {:.1}h9", left + 10.0, y - 4.0),
                );
                write(svg, "name", "start", left + 25.0, y, text);
            }
        });
        from = to;
    }
}
