//! The layers: a module imports modules of smaller layers only.
//!
//! Within a layer a module may import those named before it, unless the two are strangers. The root
//! (`lib.rs`) only declares and re-exports, so nobody imports from it and it is not checked.

use crate::code::{Token, closing};
use crate::files::File;

/// The modules of each layer, by number.
pub const LAYERS: &[&[&str]] = &[
    &["limits", "close", "mark", "files", "settings", "counters"],
    &["wire", "buf", "timers", "event"],
    &["ws", "http", "stream", "socketio"],
    &["hub"],
    &["conn"],
    &["relay"],
    &["net", "link"],
    &["server"],
    &["config", "embed", "main"],
];

/// Pairs that must not know each other although the numbers would allow it: wire formats are
/// independent, and only the relay knows connections and channels both.
const STRANGERS: &[(&str, &str)] = &[
    ("http", "ws"),
    ("stream", "ws"),
    ("stream", "http"),
    ("socketio", "ws"),
    ("socketio", "http"),
    ("socketio", "stream"),
    ("conn", "hub"),
];

/// Where a module stands: its layer, and its place in it.
fn place(module: &str) -> Option<(usize, usize)> {
    let find = |(layer, names): (usize, &&[&str])| {
        let at = names.iter().position(|name| *name == module)?;
        Some((layer, at))
    };
    LAYERS.iter().enumerate().find_map(find)
}

/// The path of the module that a file is: `src/hub/log.rs` is `hub`, `log`; the root is empty.
fn module_path(file: &File) -> Vec<&str> {
    let below = file.path.strip_prefix("src/").unwrap_or(&file.path);
    let below = below.strip_suffix(".rs").unwrap_or(below);
    let mut path: Vec<&str> = below.split('/').collect();
    if matches!(path.last(), Some(&"mod" | &"lib")) {
        path.pop();
    }
    path
}

/// Complains about a top-level module that is not in the table.
pub fn has_a_layer(file: &File) -> Vec<String> {
    let module = module_path(file).first().copied();
    let unknown = module.filter(|m| place(m).is_none());
    let text = |m| {
        format!(
            "module `{m}` has no layer: give it a layer in tests/tidy/layers.rs, lib.rs and ARCHITECTURE.md"
        )
    };
    unknown
        .map(|m| file.complain(1, &text(m)))
        .into_iter()
        .collect()
}

/// Complains about `crate::X` where `X` is not below the file's own module.
pub fn imports_downwards(file: &File) -> Vec<String> {
    let path = module_path(file);
    let Some(own) = path.first() else {
        return Vec::new();
    };
    let check = |(line, name): (usize, String)| Some(file.complain(line, &objection(own, &name)?));
    imports(&file.tokens())
        .into_iter()
        .filter_map(check)
        .collect()
}

/// Why `own` may not import `crate::name`, and what to do; `None` if it may.
fn objection(own: &str, name: &str) -> Option<String> {
    let (Some(own_place), Some(place)) = (place(own), place(name)) else {
        let known = own == name || place(own).is_none();
        let text = format!(
            "`crate::{name}` has no layer: import from the module that defines it, or give it a layer in tests/tidy/layers.rs"
        );
        return (!known).then_some(text);
    };
    if STRANGERS.contains(&(own, name)) || STRANGERS.contains(&(name, own)) {
        let text = format!(
            "`{own}` and `{name}` must not know each other: let a layer above both join them"
        );
        return Some(text);
    }
    (own != name && place >= own_place).then(|| {
        format!(
            "`{own}` (layer {}) imports `{name}` (layer {}): move what both need further down, or hand it in from above",
            own_place.0, place.0
        )
    })
}

/// Every `X` of `crate::X` and `crate::{X, Y}`, with its line.
fn imports(tokens: &[Token]) -> Vec<(usize, String)> {
    let starts = tokens.windows(3).enumerate();
    let starts = starts.filter(|(_, w)| w[0].text == "crate" && w[1].text == "::");
    starts
        .flat_map(|(i, _)| imported(&tokens[i + 2..]))
        .collect()
}

fn imported(tokens: &[Token]) -> Vec<(usize, String)> {
    let named = |t: &Token| (t.line, t.text.clone());
    if tokens[0].text != "{" {
        return vec![named(&tokens[0])];
    }
    let (mut names, mut depth) = (Vec::new(), 0);
    for pair in tokens[..=closing(tokens).unwrap_or(0)].windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 1 && matches!(pair[0].text.as_str(), "{" | ",") && pair[1].text != "}" {
            names.push(named(&pair[1]));
        }
    }
    names
}

/// Complains about `super::` that leads out of the file's top-level module.
pub fn super_stays_inside(file: &File) -> Vec<String> {
    let tokens = file.tokens();
    let depth = module_path(file).len();
    let mut complaints = Vec::new();
    let (mut braces, mut inline) = (0, Vec::new());
    for (i, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "{" if i >= 2 && tokens[i - 2].text == "mod" => {
                braces += 1;
                inline.push(braces);
            }
            "{" => braces += 1,
            "}" => {
                inline.retain(|opened| *opened < braces);
                braces -= 1;
            }
            "super" if climbs(&tokens, i) >= depth + inline.len() => {
                let text = "`super::` leads out of its top-level module: write `crate::module::`, so that the layer is seen";
                complaints.push(file.complain(token.line, text));
            }
            _ => {}
        }
    }
    complaints
}

/// How many `super` lead up to and include the one at `at`.
fn climbs(tokens: &[Token], at: usize) -> usize {
    let is = |i: usize, text: &str| tokens[i].text == text;
    let mut count = 1;
    let mut i = at;
    while i >= 2 && is(i - 1, "::") && is(i - 2, "super") {
        count += 1;
        i -= 2;
    }
    count
}
