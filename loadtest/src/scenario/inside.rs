//! The server's own figure beside the client's: a histogram it exposes, before and after.

use clap::Args;

use crate::prometheus::{Buckets, Family, count, fetch, quantile};
use crate::report::Figures;

/// Where the server tells its own latency.
#[derive(Debug, Clone, Args)]
pub struct InsideOptions {
    /// The server's metrics (Prometheus text), as http://HOST:PORT/PATH: shows its own latency too;
    /// port 0 where that of --url is 0
    #[arg(long, value_name = "URL")]
    pub metrics: Option<String>,
    /// Which histogram there, in seconds; with several sets of labels each is shown
    #[arg(long, value_name = "NAME", default_value = "longwave_fanout_seconds")]
    pub metrics_histogram: String,
    /// Of several histograms of that name only those whose labels contain this text
    #[arg(long, value_name = "TEXT")]
    pub metrics_only: Option<String>,
}

impl InsideOptions {
    /// The histograms as they are now; `None` when the server is not to be asked.
    ///
    /// # Errors
    /// A sentence: the page cannot be had, or has no such histogram.
    pub fn look(&self) -> Result<Option<Family>, String> {
        let Some(url) = &self.metrics else {
            return Ok(None);
        };
        let (page, name) = (fetch(url)?, &self.metrics_histogram);
        let named = format!("# TYPE {name} ");
        let mut family = Family::parse(&page, name);
        if let Some(text) = &self.metrics_only {
            family.0.retain(|labels, _| labels.contains(text));
        }
        // A server may show a set of labels only once something came.
        match family.0.is_empty() && !page.contains(&named) {
            true => Err(format!(
                "{url} has no histogram {name} (--metrics-histogram)"
            )),
            false => Ok(Some(family)),
        }
    }
}

/// One measured span seen from inside.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    options: &'a InsideOptions,
    before: Option<Family>,
}

impl Inside<'_> {
    /// Looks before it begins.
    pub fn begin(options: &InsideOptions) -> Result<Inside<'_>, String> {
        let before = options.look()?;
        Ok(Inside { options, before })
    }

    /// What came since it began; `None` when the server is not asked.
    pub fn since(&self) -> Result<Option<Family>, String> {
        let after = self.options.look()?;
        Ok(after
            .zip(self.before.as_ref())
            .map(|(after, before)| after.since(before)))
    }

    /// The p99 of all that came since it began, seconds.
    pub fn p99(&self) -> Result<Option<f64>, String> {
        let family = self.since()?;
        Ok(family.and_then(|family| quantile(&family.whole(), 0.99)))
    }

    /// Looks again when it is over, and adds the figures.
    pub fn end(self, figures: &mut Figures) -> Result<(), String> {
        if let Some(family) = self.since()? {
            tell(&family, figures);
        }
        Ok(())
    }
}

/// The figures of all histograms together, and of each where there are several.
fn tell(family: &Family, figures: &mut Figures) {
    add(
        "inside",
        "of the server's own latency",
        &family.whole(),
        figures,
    );
    for (labels, buckets) in family.0.iter().filter(|_| family.0.len() > 1) {
        let name = format!("inside_{}", plain(labels));
        add(&name, &format!("of that with {labels}"), buckets, figures);
    }
}

fn add(name: &str, about: &str, buckets: &Buckets, figures: &mut Figures) {
    for (word, part) in [("p50", 0.5), ("p99", 0.99), ("p99_9", 0.999)] {
        let us = quantile(buckets, part).map(|s| s * 1e6);
        let about = format!(
            "{} {about}, {} values",
            word.replace('_', "."),
            count(buckets)
        );
        figures.add(&format!("{name}_{word}_us"), us, &about);
    }
}

/// Labels as a part of a figure's name.
fn plain(labels: &str) -> String {
    let words = labels.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_set_of_labels_has_its_figures() {
        let page = "h_bucket{n=\"1-10\",le=\"0.001\"} 5\nh_bucket{n=\"1-10\",le=\"+Inf\"} 5\n\
            h_bucket{n=\"11-\",le=\"0.001\"} 0\nh_bucket{n=\"11-\",le=\"+Inf\"} 5\n";
        let mut figures = Figures::default();
        tell(&Family::parse(page, "h"), &mut figures);
        assert_eq!(figures.0["inside_n_1_10_p50_us"].value, Some(500.0));
        assert_eq!(figures.0["inside_n_11_p50_us"].value, Some(1000.0));
        assert_eq!(figures.0["inside_p50_us"].value, Some(1000.0));
    }
}
