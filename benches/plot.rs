//! Curves as SVG: both axes logarithmic, readable on light and dark ground.

use std::fmt::Write;

/// Some points under a name.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    /// What there is so many of, and nanoseconds.
    pub(crate) points: Vec<(usize, f64)>,
}

impl Curve {
    pub(crate) fn new(name: &'static str) -> Curve {
        let points = Vec::new();
        Curve { name, points }
    }

    pub(crate) fn push(&mut self, count: usize, nanoseconds: f64) {
        self.points.push((count, nanoseconds));
    }
}

/// Curves over one axis.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) axis: &'static str,
    pub(crate) curves: Vec<Curve>,
}

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 48.0;

const COLOURS: [&str; 3] = ["#2a78b8", "#c2641c", "#2e8b57"];

/// Part of an axis between two powers of ten, as a fraction of its length.
struct Scale {
    first: i32,
    last: i32,
}

impl Scale {
    fn around(values: impl Iterator<Item = f64> + Clone) -> Scale {
        let least = values.clone().fold(f64::MAX, f64::min);
        let most = values.fold(1.0, f64::max);
        let first = least.log10().floor() as i32;
        let last = (most.log10().ceil() as i32).max(first + 1);
        Scale { first, last }
    }

    fn place(&self, value: f64) -> f64 {
        (value.log10() - f64::from(self.first)) / f64::from(self.last - self.first)
    }

    fn powers(&self) -> impl Iterator<Item = f64> + use<> {
        (self.first..=self.last).map(|power| 10_f64.powi(power))
    }
}

impl Plot {
    /// The whole picture.
    pub(crate) fn svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let across = Scale::around(points().map(|(count, _)| *count as f64));
        let upward = Scale::around(points().map(|(_, time)| *time));
        let x = |value: f64| LEFT + across.place(value) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - upward.place(value) * (HEIGHT - TOP - BOTTOM);
        let mut lines = vec![format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"#777\">"
        )];
        for power in across.powers() {
            let (at, end) = (x(power), HEIGHT - BOTTOM);
            lines.push(format!(
                "<path d=\"M{at:.1} {TOP}V{end}\" stroke=\"#7774\"/>"
            ));
            let label = text(at, end + 18.0, "middle", &short(power));
            lines.push(label);
        }
        for power in upward.powers() {
            let (at, end) = (y(power), WIDTH - RIGHT);
            lines.push(format!(
                "<path d=\"M{LEFT} {at:.1}H{end}\" stroke=\"#7774\"/>"
            ));
            lines.push(text(LEFT - 8.0, at + 4.0, "end", &short(power)));
        }
        lines.push(text(WIDTH / 2.0, HEIGHT - 10.0, "middle", self.axis));
        lines.push(text(8.0, 12.0, "start", "ns"));
        for (number, curve) in self.curves.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let mut path = String::new();
            for (position, (count, time)) in curve.points.iter().enumerate() {
                let step = if position == 0 { 'M' } else { 'L' };
                // Writing to text cannot fail.
                let _ = write!(path, "{step}{:.1} {:.1}", x(*count as f64), y(*time));
            }
            lines.push(format!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            ));
            for (count, time) in &curve.points {
                let (x, y) = (x(*count as f64), y(*time));
                lines.push(format!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"><title>{time:.1} ns</title></circle>"
                ));
            }
            let at = TOP + 14.0 + 16.0 * number as f64;
            lines.push(format!(
                "<text x=\"{}\" y=\"{at}\" fill=\"{colour}\">{}</text>",
                LEFT + 12.0,
                curve.name
            ));
        }
        lines.push("</svg>\n".to_owned());
        lines.join("\n")
    }
}

fn text(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>")
}

/// A power of ten as people write it.
fn short(power: f64) -> String {
    match power {
        power if power >= 1e6 => format!("{} M", power / 1e6),
        power if power >= 1e3 => format!("{} k", power / 1e3),
        power => format!("{power}"),
    }
}
