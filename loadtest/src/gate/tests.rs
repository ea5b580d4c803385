//! Bounds that hold, that are broken, and that make no sense.

use super::*;
use crate::report::tests::full;

#[test]
fn a_bound_is_read_and_held() {
    for (text, good, bad) in [
        ("a.b_us <= 5_000", 5000.0, 5000.1),
        ("a < 5", 4.9, 5.0),
        ("a >= 0.5", 0.5, 0.4),
        ("a > 1e3", 1001.0, 1000.0),
        ("verdict.lost == 0", 0.0, 1.0),
        ("a != 0", 1.0, 0.0),
        ("a ratio to some/base.json <= 1.1", 1.1, 1.2),
    ] {
        let bound: Bound = text.parse().unwrap();
        assert!(bound.holds(good) && !bound.holds(bad), "{text}");
        assert!(!bound.holds(f64::NAN) || text.contains("!="), "{text}");
        assert_eq!(bound.to_string().parse(), Ok(bound), "{text}");
    }
    for odd in [
        "",
        "a",
        "a <=",
        "a <= x",
        "a =< 5",
        "a <= 5 6",
        "a ratio of b <= 1",
        "a <= inf",
        "a<=5",
    ] {
        assert!(
            odd.parse::<Bound>()
                .unwrap_err()
                .contains("expected such as"),
            "{odd}"
        );
    }
}

#[test]
fn values_are_shown_with_the_digits_that_matter() {
    let bound: Bound = "a <= 1.1".parse().unwrap();
    for (value, shown) in [
        (1_935.358_999_999_1, "1935.36"),
        (0.123_456_789, "0.123457"),
        (0.0, "0"),
        (5_000_000.0, "5000000"),
        // Rounded further it would be within the bound.
        (1.100_000_04, "1.10000004"),
    ] {
        assert_eq!(bound.show(value).to_string(), shown);
    }
}

/// A folder of its own that is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("loadtest-gate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn gate(&self, budget: &str, report: &Report) -> Result<u8, String> {
        let (budget_path, report_path) = (self.0.join("budget.toml"), self.0.join("result.json"));
        std::fs::write(&budget_path, budget).unwrap();
        std::fs::write(&report_path, report::to_json(report)).unwrap();
        run(&Gate {
            budget: budget_path,
            report: report_path,
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn exit_codes_tell_broken_from_impossible() {
    let folder = Folder::new("codes");
    let mut report = full();
    let gate = |report: &Report, bounds: &str| folder.gate(&format!("bounds = [{bounds}]"), report);
    assert_eq!(
        gate(&report, "'latency.p99_us <= 5000', 'verdict.lost == 0'"),
        Ok(0)
    );
    assert_eq!(
        gate(
            &report,
            "'latency.p99_us <= 5000', 'verdict.delivered == 0'"
        ),
        Ok(1)
    );
    assert!(
        gate(&report, "'latency.p98_us <= 5000'")
            .unwrap_err()
            .contains("no figure latency.p98_us")
    );
    assert!(gate(&report, "").unwrap_err().contains("no bounds"));
    assert!(gate(&report, "'x'").unwrap_err().contains("budget.toml"));
    assert!(
        folder
            .gate("bound = []", &report)
            .unwrap_err()
            .contains("bound")
    );
    report.outcome = Outcome::Invalid;
    assert_eq!(gate(&report, "'verdict.lost == 0'"), Ok(3));
    report.outcome = Outcome::Wrong;
    assert_eq!(gate(&report, "'verdict.lost == 0'"), Ok(1));
}

#[test]
fn a_ratio_is_taken_to_a_report_beside_the_budget() {
    let folder = Folder::new("ratio");
    let (base, mut report) = (full(), full());
    std::fs::write(folder.0.join("base.json"), report::to_json(&base)).unwrap();
    let budget = "bounds = ['server.cpu_per_delivery_us ratio to base.json <= 1.1']";
    assert_eq!(folder.gate(budget, &report), Ok(0));
    report.server.as_mut().unwrap().cpu_per_delivery_us *= 1.2;
    assert_eq!(folder.gate(budget, &report), Ok(1));
    report.options.insert("size".to_owned(), 4096.into());
    assert!(
        folder
            .gate(budget, &report)
            .unwrap_err()
            .contains("another load: --size")
    );
    report.server = None;
    report.options = base.options.clone();
    assert!(
        folder
            .gate(budget, &report)
            .unwrap_err()
            .contains("without --pid")
    );
    let mut doubtful = base.clone();
    doubtful.outcome = Outcome::Invalid;
    std::fs::write(folder.0.join("doubtful.json"), report::to_json(&doubtful)).unwrap();
    let to_doubtful = budget.replace("base.json", "doubtful.json");
    assert!(
        folder
            .gate(&to_doubtful, &base)
            .unwrap_err()
            .contains("no yardstick")
    );
    let zero = "bounds = ['verdict.lost ratio to base.json <= 1.1']";
    assert!(folder.gate(zero, &base).unwrap_err().contains("no ratio"));
    let absent = "bounds = ['verdict.lost ratio to absent.json <= 1.1']";
    assert!(
        folder
            .gate(absent, &base)
            .unwrap_err()
            .contains("absent.json")
    );
}
