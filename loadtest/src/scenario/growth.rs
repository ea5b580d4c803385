//! Whether something grows: the line through what was measured.

/// The slope of the line with the least squares; `None` for fewer than two points.
pub(super) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let apart = |p: &(f64, f64)| (p.0 - x, p.1 - y);
    let square: f64 = points.iter().map(|p| apart(p).0.powi(2)).sum();
    let product: f64 = points.iter().map(|p| apart(p).0 * apart(p).1).sum();
    (square > 0.0).then(|| product / square)
}

/// By how much it grew along that line, the first quarter left out, in which a server still fills
/// what it keeps; `None` for fewer than two points.
pub(super) fn growth(points: &[(f64, f64)]) -> Option<f64> {
    let points = &points[points.len() / 4..];
    let span = points.last()?.0 - points.first()?.0;
    slope(points).map(|slope| slope * span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_line_and_of_nothing() {
        let line: Vec<(f64, f64)> = (1..=5)
            .map(|i| (f64::from(i) * 1000.0, 9e6 + f64::from(i) * 50_000.0))
            .collect();
        assert!((slope(&line).unwrap() - 50.0).abs() < 1e-9);
        assert_eq!(slope(&line[..1]), None);
        assert_eq!(slope(&[]), None);
    }

    #[test]
    fn what_grows_only_at_first_does_not_count() {
        let levels_off: Vec<(f64, f64)> = (0..20)
            .map(|i| (f64::from(i), f64::from(i.min(4))))
            .collect();
        assert!(growth(&levels_off).unwrap() < 1e-9);
        let grows: Vec<(f64, f64)> = (0..20)
            .map(|i| (f64::from(i), 3.0 * f64::from(i)))
            .collect();
        assert!((growth(&grows).unwrap() - 42.0).abs() < 1e-9);
        assert_eq!(growth(&[]), None);
    }
}
