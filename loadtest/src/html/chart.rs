//! One picture: lines over two axes, as SVG, once for wide windows and once for phones.
//!
//! The picture has a title and a description for those who do not see it; lines differ in colour and in
//! dashes. Nothing in it is placed by a script.

use std::fmt::Write;

use maud::{Markup, html};

use super::axis::Axis;

/// Lines told apart; further ones begin again.
pub const STYLES: usize = 6;

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Points by growing x; `None` leaves a gap.
    pub points: Vec<(f64, Option<f64>)>,
    /// Also marks each point with a dot.
    pub dots: bool,
}

/// One picture.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Not used twice on a page.
    pub id: String,
    /// What it shows, in a few words.
    pub title: String,
    /// What one would see, as a sentence.
    pub description: String,
    /// What goes to the right.
    pub x: Axis,
    /// What goes up.
    pub y: Axis,
    /// The lines; the first is drawn last, on top.
    pub lines: Vec<Line>,
}

/// The size of a picture, in its own units, and the room around its plot.
#[derive(Debug, Clone, Copy)]
struct Frame {
    class: &'static str,
    width: f64,
    height: f64,
    left: f64,
}

const TOP: f64 = 30.0;
const BOTTOM: f64 = 44.0;
const RIGHT: f64 = 22.0;
/// How wide a letter of a label is taken to be.
const LETTER: f64 = 7.0;
const WIDE: Frame = Frame {
    class: "wide",
    width: 760.0,
    height: 300.0,
    left: 66.0,
};
const PHONE: Frame = Frame {
    class: "phone",
    width: 360.0,
    height: 260.0,
    left: 60.0,
};

impl Frame {
    fn x(&self, part: f64) -> f64 {
        self.left + part * (self.width - self.left - RIGHT)
    }

    fn y(&self, part: f64) -> f64 {
        self.height - BOTTOM - part * (self.height - BOTTOM - TOP)
    }
}

impl Chart {
    /// The picture with its legend; `beside` (a table of the same figures) goes below it.
    pub fn figure(&self, beside: Markup) -> Markup {
        html! {
            figure {
                figcaption { (self.title) }
                @if self.lines.len() > 1 { (self.legend()) }
                (self.svg(WIDE))
                (self.svg(PHONE))
                (beside)
            }
        }
    }

    /// The picture in its narrow form only, to stand beside another.
    pub fn small_figure(&self) -> Markup {
        html! {
            figure.small {
                figcaption { (self.title) }
                (self.svg(PHONE))
                @if self.lines.len() > 1 { (self.legend()) }
            }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for (i, line) in self.lines.iter().enumerate() {
                    li {
                        svg viewBox="0 0 28 10" width="28" height="10" aria-hidden="true" {
                            path class=(style(i)) d="M1 5H27" {}
                        }
                        " " (line.name)
                    }
                }
            }
        }
    }

    fn svg(&self, frame: Frame) -> Markup {
        let (title, desc) = (
            format!("{}-{}-t", self.id, frame.class),
            format!("{}-{}-d", self.id, frame.class),
        );
        html! {
            svg class={ "chart " (frame.class) } viewBox={ "0 0 " (frame.width) " " (frame.height) }
                role="img" aria-labelledby={ (title) " " (desc) } {
                title id=(title) { (self.title) }
                desc id=(desc) { (self.description) }
                (self.y_axis(frame))
                (self.x_axis(frame))
                @for (i, line) in self.lines.iter().enumerate().rev() {
                    path class=(style(i)) d=(self.path(line, frame)) {}
                    @if line.dots { (self.dots(i, line, frame)) }
                }
            }
        }
    }

    fn y_axis(&self, frame: Frame) -> Markup {
        let right = frame.width - RIGHT;
        html! {
            text.label x="4" y="16" { (self.y.label) }
            @for (value, label) in &self.y.ticks {
                @let y = round(frame.y(self.y.at(*value)));
                path.grid d={ "M" (frame.left) " " (y) "H" (right) } {}
                text x=(frame.left - 7.0) y=(y) dy="0.35em" text-anchor="end" { (label) }
            }
        }
    }

    fn x_axis(&self, frame: Frame) -> Markup {
        let (top, bottom) = (frame.y(1.0), frame.y(0.0));
        html! {
            path.axis d={ "M" (frame.left) " " (bottom) "H" (frame.width - RIGHT) } {}
            @for (x, label) in self.x_labels(frame) {
                path.grid d={ "M" (x) " " (top) "V" (bottom) } {}
                @if let Some(label) = label {
                    text x=(x) y=(bottom + 17.0) text-anchor="middle" { (label) }
                }
            }
            text.label x=(frame.width - RIGHT) y=(frame.height - 6.0) text-anchor="end" { (self.x.label) }
        }
    }

    /// Where the ticks lie, and their labels as far as there is room.
    fn x_labels(&self, frame: Frame) -> Vec<(f64, Option<&str>)> {
        let mut free = f64::NEG_INFINITY;
        let ticks = self.x.ticks.iter().map(|(value, label)| {
            let x = round(frame.x(self.x.at(*value)));
            let half = LETTER * label.chars().count() as f64 / 2.0;
            let fits = x - half >= free;
            if fits {
                free = x + half + LETTER;
            }
            (x, fits.then_some(label.as_str()))
        });
        ticks.collect()
    }

    /// Where a point lies.
    fn place(&self, (x, y): (f64, f64), frame: Frame) -> (f64, f64) {
        (round(frame.x(self.x.at(x))), round(frame.y(self.y.at(y))))
    }

    fn path(&self, line: &Line, frame: Frame) -> String {
        let mut path = String::new();
        let mut pen = 'M';
        for &(x, y) in &line.points {
            let Some(y) = y else {
                pen = 'M';
                continue;
            };
            let (x, y) = self.place((x, y), frame);
            // A point that stands alone is a line of no length: its round ends show.
            let alone = if pen == 'M' { "h0" } else { "" };
            let _ = write!(path, "{pen}{x} {y}{alone}");
            pen = 'L';
        }
        path
    }

    fn dots(&self, i: usize, line: &Line, frame: Frame) -> Markup {
        let points = line.points.iter().filter_map(|&(x, y)| Some((x, y?)));
        html! {
            @for point in points {
                @let (x, y) = self.place(point, frame);
                circle class=(style(i)) cx=(x) cy=(y) r="3.2" {}
            }
        }
    }
}

fn style(i: usize) -> String {
    format!("line s{}", i % STYLES)
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
