//! What one scenario alone measures: single numbers, and curves.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// One number. Its unit is the end of its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is; `null` when it could not be measured.
    pub value: Option<f64>,
    /// What it means, or why it is not there: a few words.
    pub about: String,
}

/// Numbers by name, in the order in which they are shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Figures(pub IndexMap<String, Figure>);

impl Figures {
    /// Adds one; a value that is no finite number counts as not measured.
    pub fn add(&mut self, name: &str, value: impl Into<Option<f64>>, about: &str) {
        let figure = Figure {
            value: value.into().filter(|v| v.is_finite()),
            about: about.to_owned(),
        };
        self.0.insert(name.to_owned(), figure);
    }
}

/// One thing as it grows with another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What it shows, in a few words.
    pub name: String,
    /// What goes to the right; units as in figures' names.
    pub x: String,
    /// What goes up.
    pub y: String,
    /// Points, by growing x.
    pub points: Vec<(f64, f64)>,
}
