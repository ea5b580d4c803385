//! A line of progress on a terminal; nothing at all when the output is piped.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;

/// A bar from 0 to `total`, or nothing.
pub fn bar(what: &'static str, total: u64) -> ProgressBar {
    let target = match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr_with_hz(5),
        false => ProgressDrawTarget::hidden(),
    };
    let style = ProgressStyle::with_template("{prefix:>9} {wide_bar} {pos}/{len} {msg}");
    let bar = ProgressBar::with_draw_target(Some(total), target);
    bar.set_style(style.expect("the template is valid"));
    bar.set_prefix(what);
    bar
}
