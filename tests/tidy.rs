//! Code checks code: layering, who may name what, sizes, and things that must not be committed.
//!
//! A rule takes a file and gives complaints; a complaint names the place and says what to do instead.
//! That each rule bites is shown in `tidy/planted.rs`.

#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/files.rs"]
mod files;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/planted.rs"]
mod planted;
#[path = "tidy/rules.rs"]
mod rules;

use files::{File, read, root};

/// Collects the complaints of a rule over files and panics with all of them.
fn demand(files: &[File], rule: impl Fn(&File) -> Vec<String>) {
    let complaints: Vec<String> = files.iter().flat_map(rule).collect();
    assert!(
        complaints.is_empty(),
        "{} complaint(s):\n  {}",
        complaints.len(),
        complaints.join("\n  ")
    );
}

/// All Rust files of the workspace.
fn rust() -> Vec<File> {
    let mut files = read();
    files.retain(|f| f.path.ends_with(".rs"));
    assert!(files.len() > 10, "the project's files were not found");
    files
}

/// The Rust files of the library and the binary.
fn sources() -> Vec<File> {
    let mut files = rust();
    files.retain(|f| f.path.starts_with("src/"));
    files
}

#[test]
fn a_module_imports_only_what_lies_below_it() {
    demand(&sources(), layers::has_a_layer);
    demand(&sources(), layers::imports_downwards);
    demand(&sources(), layers::super_stays_inside);
}

#[test]
fn one_file_for_each_outside_world() {
    demand(&sources(), rules::outside_worlds);
}

#[test]
fn no_clock_and_no_thread_below_the_loop() {
    demand(&sources(), rules::clocks_and_threads);
}

#[test]
fn files_and_functions_are_short() {
    demand(&rust(), rules::file_length);
    demand(&rust(), rules::function_length);
}

#[test]
fn a_file_opens_with_what_it_is_for() {
    demand(&sources(), rules::opens_with_docs);
}

#[test]
fn nothing_is_left_undone() {
    demand(&rust(), rules::unfinished);
    demand(&rust(), rules::ignored_without_reason);
}

#[test]
fn no_path_of_one_machine() {
    demand(&read(), rules::machine_paths);
}

#[test]
fn the_tour_names_every_file() {
    // The tour is written when the code stands; from then on it must be whole.
    if let Ok(tour) = std::fs::read_to_string(root().join("ARCHITECTURE.md")) {
        demand(&sources(), |file| rules::named_in_tour(file, &tour));
    }
}
