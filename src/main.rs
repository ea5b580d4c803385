//! The `longwave` command.

fn main() {}
