//! Draws plots as SVG.
//!
//! Own code, because what the page needs is little (lines, ticks, a legend) and what crates for plots give is
//! something else: colours that follow the reader's scheme, an axis of percentiles, text that can be read on a
//! phone, labels for those who cannot see.

use super::hover::draw_readouts;
use super::markup::Markup;
use super::plot::{Plot, Point, Series};

/// Colours and widths, by class, for light and for dark.
pub(super) const STYLE: &str = include_str!("plot.css");

/// Different lines; more of them begin anew. `plot.css` has as many.
pub(super) const STYLES: usize = 8;

/// Dashes, so that lines can be told apart without their colours.
const DASHES: [&str; STYLES] = [
    "none",
    "7 4",
    "2 3",
    "9 3 2 3",
    "14 4",
    "4 4",
    "9 3 2 3 2 3",
    "1 5",
];

/// Lines of so few points show each of them.
const DOTS_MAX: usize = 25;

const LETTER: f64 = 12.0;

/// The mean width of a letter: that of a wide font, because which one it will be is not known.
const LETTER_WIDTH: f64 = 0.58 * LETTER;

const LEGEND_ROW: f64 = 20.0;

/// Where a plot is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// In a page, across it.
    Whole,
    /// In a page, across it with a table beside.
    Wide,
    /// In a page, beside another.
    Half,
    /// In a page on a phone.
    Narrow,
    /// In a file of its own.
    Alone,
}

/// Where everything lies, in pixels of the drawing.
pub(super) struct Layout {
    /// Of the whole drawing.
    pub(super) width: f64,
    /// Of the whole drawing.
    pub(super) height: f64,
    /// The left end of the axes.
    pub(super) left: f64,
    /// The right end.
    pub(super) right: f64,
    /// The upper end.
    pub(super) top: f64,
    /// The lower end.
    pub(super) bottom: f64,
}

impl Frame {
    fn size(self) -> (f64, f64) {
        match self {
            Self::Whole => (900.0, 370.0),
            Self::Wide => (760.0, 340.0),
            Self::Half => (500.0, 270.0),
            Self::Narrow => (350.0, 260.0),
            Self::Alone => (760.0, 400.0),
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Whole | Self::Wide => "plot wide",
            Self::Half => "plot half",
            Self::Narrow => "plot narrow",
            Self::Alone => "plot alone",
        }
    }
}

impl Layout {
    fn new(plot: &Plot, frame: Frame, legend_rows: usize) -> Self {
        let (width, height) = frame.size();
        // Names take no room from the lines.
        let height = height + legend_rows as f64 * LEGEND_ROW;
        let labels = plot.y.scale.ticks();
        let labels = labels.into_iter().filter(|tick| tick.is_labelled);
        let labels = labels.map(|tick| text_width(&plot.y.tick(tick.value)));
        let title = if frame == Frame::Alone { 30.0 } else { 0.0 };
        Self {
            width,
            height,
            left: labels.fold(0.0, f64::max) + 14.0,
            right: width - 18.0,
            top: title + legend_rows as f64 * LEGEND_ROW + 30.0,
            bottom: height - 42.0,
        }
    }

    /// A place on the horizontal axis.
    pub(super) fn x(&self, place: f64) -> f64 {
        self.left + place * (self.right - self.left)
    }

    fn y(&self, place: f64) -> f64 {
        self.bottom - place * (self.bottom - self.top)
    }
}

/// Draws a plot.
pub(super) fn draw(plot: &Plot, frame: Frame) -> String {
    let legend = legend_places(plot, frame);
    let rows = legend.last().map_or(0, |(_, row)| row + 1);
    let layout = Layout::new(plot, frame, rows);
    let Layout { width, height, .. } = layout;
    let mut svg = Markup::new();
    let view = format!("0 0 {width} {height}");
    svg.element(
        "svg",
        &[
            ("xmlns", &"http://www.w3.org/2000/svg"),
            ("class", &frame.class()),
            ("viewBox", &view),
            ("width", &width),
            ("height", &height),
            ("role", &"img"),
            ("aria-label", &description(plot)),
        ],
        |svg| {
            if frame == Frame::Alone {
                svg.text_element("title", &[], description(plot));
                svg.element("style", &[], |svg| svg.raw(STYLE));
                let whole: [(&str, &dyn std::fmt::Display); 4] = [
                    ("class", &"back"),
                    ("width", &width),
                    ("height", &height),
                    ("rx", &6),
                ];
                svg.empty_element("rect", &whole);
                write(svg, "title", "start", 16.0, 26.0, &plot.title);
            }
            let legend_top = if frame == Frame::Alone { 44.0 } else { 14.0 };
            draw_legend(svg, plot, &legend, (width, legend_top));
            draw_axes(svg, plot, &layout);
            let is_filled = plot.series.len() == 1 && plot.y.scale.place(0.0) == Some(0.0);
            for (style, series) in plot.series.iter().enumerate() {
                draw_series(svg, plot, series, style, is_filled, &layout);
            }
            if matches!(frame, Frame::Whole | Frame::Wide | Frame::Half) {
                draw_readouts(svg, plot, &layout);
            }
        },
    );
    svg.into_string()
}

/// For those who do not see it; the numbers are in the tables.
fn description(plot: &Plot) -> String {
    let names: Vec<&str> = plot.series.iter().map(|series| &*series.name).collect();
    let names = names.join(", ");
    let of = if names.is_empty() { "" } else { ": " };
    format!(
        "{}: {} over {}{of}{names}",
        plot.title, plot.y.label, plot.x.label
    )
}

/// A text; `x` is where it starts, ends or has its middle.
pub(super) fn write(svg: &mut Markup, class: &str, anchor: &str, x: f64, y: f64, text: &str) {
    let (x, y) = (rounded(x), rounded(y));
    let attributes: [(&str, &dyn std::fmt::Display); 4] = [
        ("class", &class),
        ("text-anchor", &anchor),
        ("x", &x),
        ("y", &y),
    ];
    svg.text_element("text", &attributes, text);
}

/// A line or an area, with dashes or `none`.
pub(super) fn draw_path(svg: &mut Markup, class: &str, dashes: &str, d: &str) {
    let mut attributes: Vec<(&str, &dyn std::fmt::Display)> = vec![("class", &class), ("d", &d)];
    if dashes != "none" {
        attributes.push(("stroke-dasharray", &dashes));
    }
    svg.empty_element("path", &attributes);
}

/// Where the name of each line begins, and in which row; none for a line on its own that needs no name.
fn legend_places(plot: &Plot, frame: Frame) -> Vec<(f64, usize)> {
    let (width, _) = frame.size();
    let (mut places, mut x, mut row) = (Vec::new(), 16.0, 0);
    if plot.series.iter().all(|series| series.name.is_empty()) {
        return places;
    }
    for series in &plot.series {
        let needed = 30.0 + text_width(&shortened(&series.name, width)) + 18.0;
        if x + needed > width && x > 16.0 {
            (x, row) = (16.0, row + 1);
        }
        places.push((x, row));
        x += needed;
    }
    places
}

fn draw_legend(svg: &mut Markup, plot: &Plot, places: &[(f64, usize)], (width, top): (f64, f64)) {
    for ((style, series), (x, row)) in plot.series.iter().enumerate().zip(places) {
        let y = top + *row as f64 * LEGEND_ROW;
        let class = format!("line s{}", style % STYLES);
        draw_path(svg, &class, DASHES[style % STYLES], &format!("M{x} {y}h24"));
        write(
            svg,
            "name",
            "start",
            x + 30.0,
            y + 4.0,
            &shortened(&series.name, width),
        );
    }
}

fn draw_axes(svg: &mut Markup, plot: &Plot, layout: &Layout) {
    let Layout {
        left,
        right,
        top,
        bottom,
        ..
    } = *layout;
    if let Some((from, to, what)) = plot.marked {
        let place = |value| plot.x.scale.place(value).map(|place| place.clamp(0.0, 1.0));
        if let (Some(from), Some(to)) = (place(from), place(to)) {
            let (from, to) = (layout.x(from), layout.x(to));
            let d = format!("M{from:.1} {top:.1}H{to:.1}V{bottom:.1}H{from:.1}Z");
            draw_path(svg, "marked", "none", &d);
            if to - from > text_width(what) {
                write(svg, "what", "middle", (from + to) / 2.0, top - 6.0, what);
            }
        }
    }
    for tick in plot.y.scale.ticks() {
        let y = layout.y(plot.y.scale.place(tick.value).unwrap_or(0.0));
        let class = if tick.is_labelled {
            "grid"
        } else {
            "grid minor"
        };
        draw_path(svg, class, "none", &format!("M{left:.1} {y:.1}H{right:.1}"));
        if tick.is_labelled {
            write(
                svg,
                "tick",
                "end",
                left - 8.0,
                y + 4.0,
                &plot.y.tick(tick.value),
            );
        }
    }
    let mut free_from = f64::NEG_INFINITY;
    for tick in plot.x.scale.ticks() {
        let x = layout.x(plot.x.scale.place(tick.value).unwrap_or(0.0));
        draw_path(
            svg,
            "grid",
            "none",
            &format!("M{x:.1} {top:.1}V{bottom:.1}"),
        );
        let text = plot.x.tick(tick.value);
        let half = text_width(&text) / 2.0;
        if tick.is_labelled && x - half > free_from {
            // The last one may reach beyond the axis; not beyond the drawing.
            let x = x.min(layout.width - half);
            write(svg, "tick", "middle", x, bottom + 17.0, &text);
            free_from = x + half + 4.0;
        }
    }
    draw_path(
        svg,
        "axis",
        "none",
        &format!("M{left:.1} {bottom:.1}H{right:.1}"),
    );
    write(svg, "label", "start", 4.0, top - 14.0, &plot.y.label);
    let middle = (left + right) / 2.0;
    write(
        svg,
        "label",
        "middle",
        middle,
        layout.height - 7.0,
        &plot.x.label,
    );
}

fn draw_series(
    svg: &mut Markup,
    plot: &Plot,
    series: &Series,
    style: usize,
    is_filled: bool,
    layout: &Layout,
) {
    let places = series.places(&plot.x.scale, &plot.y.scale);
    let (Some(first), Some(last)) = (places.first(), places.last()) else {
        return;
    };
    let mut line = String::new();
    for (at, (x, y)) in places.iter().enumerate() {
        let step = if at == 0 { 'M' } else { 'L' };
        line += &format!("{step}{:.1} {:.1}", layout.x(*x), layout.y(*y));
    }
    let style = style % STYLES;
    if is_filled && places.len() > 1 {
        let (from, to) = (layout.x(first.0), layout.x(last.0));
        let bottom = layout.bottom;
        let area = format!("{line}L{to:.1} {bottom:.1}L{from:.1} {bottom:.1}Z");
        draw_path(svg, &format!("area s{style}"), "none", &area);
    }
    draw_path(svg, &format!("line s{style}"), DASHES[style], &line);
    if places.len() > DOTS_MAX {
        return;
    }
    for point in &series.points {
        draw_point(svg, plot, point, style, layout);
    }
}

fn draw_point(svg: &mut Markup, plot: &Plot, point: &Point, style: usize, layout: &Layout) {
    let place = |y| plot.y.scale.place(y).map(|place| layout.y(place));
    let x = plot.x.scale.place(point.x).filter(|place| *place <= 1.0);
    let (Some(x), Some(y)) = (x.map(|place| layout.x(place)), place(point.y)) else {
        return;
    };
    let range = point.range.map(|(least, most)| (place(least), place(most)));
    if let Some((Some(least), Some(most))) = range {
        let class = format!("range s{style}");
        let d = format!(
            "M{x:.1} {least:.1}V{most:.1}m-4 0h8M{:.1} {least:.1}h8",
            x - 4.0
        );
        draw_path(svg, &class, "none", &d);
    }
    let (class, x, y) = (format!("dot s{style}"), rounded(x), rounded(y));
    svg.empty_element(
        "circle",
        &[("class", &class), ("cx", &x), ("cy", &y), ("r", &2.6)],
    );
}

/// About as wide as the text will be.
pub(super) fn text_width(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER_WIDTH
}

/// As much of a name as a legend of this width has room for.
fn shortened(name: &str, width: f64) -> String {
    let room = ((width - 80.0) / LETTER_WIDTH) as usize;
    if name.chars().count() <= room {
        return name.to_owned();
    }
    name.chars().take(room - 1).chain(['…']).collect()
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
