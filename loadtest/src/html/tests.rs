//! The page: its pictures are well-formed, nothing in it is from outside, and no text becomes markup.

use super::*;
use crate::report::tests::full;

fn harmful() -> Report {
    let mut report = full();
    let name = "<script>alert('x')</script> & \"more\"".to_owned();
    let latency = report.latency["all"].clone();
    report.latency.insert(name.clone(), latency);
    report.curves[0].name = name.clone();
    report.figures.add("x_us", 1.0, &name);
    report.environment.command.push(name.clone());
    report.verdict.broken.push(name);
    let options = report.options.clone();
    report.seal(report.environment.clone(), options);
    report
}

/// Each `<svg>` of a page.
fn pictures(page: &str) -> Vec<&str> {
    let ends = page.match_indices("</svg>").map(|(at, end)| at + end.len());
    let starts = page.match_indices("<svg").map(|(at, _)| at);
    starts.zip(ends).map(|(from, to)| &page[from..to]).collect()
}

#[test]
fn every_picture_is_well_formed_and_has_a_title_and_a_description() {
    let page = page(&[("a<b>".to_owned(), harmful()), ("c".to_owned(), full())]);
    let pictures = pictures(&page);
    let mut ids = std::collections::HashSet::new();
    let mut charts = 0;
    for text in pictures {
        let svg = roxmltree::Document::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let root = svg.root_element();
        if root.attribute("aria-hidden").is_some() {
            continue;
        }
        charts += 1;
        let labels = root.attribute("aria-labelledby").expect("a label");
        for (id, tag) in labels.split(' ').zip(["title", "desc"]) {
            let named = root.children().find(|n| n.attribute("id") == Some(id));
            let named = named.unwrap_or_else(|| panic!("{id} is not there"));
            assert_eq!(named.tag_name().name(), tag);
            assert!(named.text().is_some_and(|t| t.len() > 5), "{id}");
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
        }
        let lines = svg
            .descendants()
            .filter(|n| n.attribute("class").is_some_and(|c| c.starts_with("line")));
        assert!(lines.count() > 0);
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
    // For wide and narrow windows the common one, and of each run percentiles, spread, a curve; four over time.
    assert_eq!(charts, 2 * (1 + 2 * 3) + 2 * 4);
}

#[test]
fn labels_of_an_axis_do_not_overlap() {
    let page = page(&[("a".to_owned(), full())]);
    for text in pictures(&page) {
        let svg = roxmltree::Document::parse(text).unwrap();
        let mut x_labels: Vec<(f64, f64)> = svg
            .descendants()
            .filter(|n| n.attribute("text-anchor") == Some("middle"))
            .map(|n| {
                let x: f64 = n.attribute("x").unwrap().parse().unwrap();
                let half = 3.3 * n.text().unwrap().chars().count() as f64;
                (x - half, x + half)
            })
            .collect();
        x_labels.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(x_labels.windows(2).all(|w| w[0].1 < w[1].0), "{x_labels:?}");
    }
}

#[test]
fn no_text_becomes_markup_and_nothing_comes_from_outside() {
    let page = page(&[("a<b>".to_owned(), harmful()), ("c".to_owned(), full())]);
    assert!(!page.contains("<script"), "{page}");
    assert!(!page.contains("a<b>") && page.contains("a&lt;b&gt;"));
    assert!(page.contains("&lt;script&gt;alert('x')&lt;/script&gt; &amp; &quot;more&quot;"));
    for outside in ["src=", "<link", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let links: Vec<&str> = page.split("href=\"").skip(1).collect();
    assert!(links.iter().all(|l| l.starts_with('#')));
}

#[test]
fn what_is_invalid_or_wrong_is_said_first() {
    let mut report = full();
    report
        .client
        .invalid
        .push("the client used 99 % of a core".to_owned());
    let options = report.options.clone();
    report.seal(report.environment.clone(), options);
    let text = page(&[("a".to_owned(), report)]);
    assert!(text.contains("<span class=\"badge invalid\">INVALID</span>"));
    assert!(text.contains("the client used 99 % of a core"));
    let text = page(&[("a".to_owned(), harmful())]);
    assert!(text.contains("<span class=\"badge wrong\">WRONG</span>"));
    let text = page(&[("a".to_owned(), full())]);
    assert!(text.contains("<span class=\"badge ok\">OK</span>"));
    assert!(!text.contains("class=\"reasons"));
}

#[test]
fn a_report_without_latencies_or_time_line_still_makes_a_page() {
    let mut report = full();
    report.latency.clear();
    report.timeline = None;
    report.curves.clear();
    report.server = None;
    let text = page(&[("a".to_owned(), report)]);
    assert!(pictures(&text).is_empty() && text.contains("5,000,000"));
}
