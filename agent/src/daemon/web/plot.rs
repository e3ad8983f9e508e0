//! Drawings on an axis of time. They have no words: they are stretched to whatever width there is, and words must not be.

use std::time::Duration;

use jiff::Timestamp;

use crate::daemon::history::Bucket;
use crate::daemon::watched::Last;
use crate::page::Markup;

/// The length of the axis, in the drawings' units.
const LENGTH: f64 = 1000.0;
/// How high round trips are drawn.
pub(super) const HEIGHT: f64 = 100.0;

/// The time that is drawn.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
}

impl Axis {
    fn milliseconds(self) -> f64 {
        self.to.duration_since(self.from).as_secs_f64().max(0.001) * 1000.0
    }

    /// Where a time lies; nothing where it lies outside.
    pub(super) fn x(self, at: Timestamp) -> Option<f64> {
        let part = at.duration_since(self.from).as_secs_f64() * 1000.0 / self.milliseconds();
        (0.0..=1.0).contains(&part).then_some(part * LENGTH)
    }

    /// The time at a part of it.
    pub(super) fn at(self, part: f64) -> Timestamp {
        let milliseconds = Duration::from_secs_f64(self.milliseconds() * part / 1000.0);
        self.from.checked_add(milliseconds).unwrap_or(self.to)
    }
}

/// Probes one by one: a dot for one that was answered, a bar for one that failed.
pub(super) fn of_probes(axis: Axis, top: Duration, probes: &[Last]) -> Vec<Markup> {
    let mut dots = String::new();
    let mut bars = Vec::new();
    for probe in probes {
        let Some(x) = axis.x(probe.at) else { continue };
        match probe.rtt {
            _ if !probe.result.is_up() => bars.push(bar("failed", x, 0.0, HEIGHT)),
            Some(rtt) => dots.push_str(&format!("M{x:.1} {:.1}h0", height(rtt.as_secs_f64(), top))),
            None => {}
        }
    }
    grid().into_iter().chain(bars).chain([line("dots", &dots)]).collect()
}

/// What probes came to together: a line from the shortest round trip to the longest, a dot for their mean, and a bar from
/// the top for the part that failed.
pub(super) fn of_rolled(axis: Axis, top: Duration, buckets: &[Bucket]) -> Vec<Markup> {
    let (mut dots, mut ranges) = (String::new(), String::new());
    let mut bars = Vec::new();
    for bucket in buckets {
        // What began before the axis does is drawn where it begins.
        let middle = Duration::from_secs(bucket.seconds.unsigned_abs() / 2);
        let Some(x) = bucket.at.checked_add(middle).ok().and_then(|at| axis.x(at.clamp(axis.from, axis.to)))
        else {
            continue;
        };
        let all: u64 = bucket.results.values().sum();
        let failed: u64 =
            bucket.results.iter().filter(|(result, _)| !result.is_up()).map(|(_, count)| count).sum();
        if failed > 0 {
            // However few they are they can be seen.
            bars.push(bar("failed", x, 0.0, (share(failed, all) * HEIGHT).max(8.0)));
        }
        if let Some(trips) = &bucket.round_trips {
            let mean = trips.sum / share(trips.count, 1).max(1.0);
            let [low, mean, high] = [trips.min, mean, trips.max].map(|seconds| height(seconds, top));
            ranges.push_str(&format!("M{x:.1} {low:.1}V{high:.1}"));
            dots.push_str(&format!("M{x:.1} {mean:.1}h0"));
        }
    }
    let lines = [line("ranges", &ranges), line("dots", &dots)];
    grid().into_iter().chain(bars).chain(lines).collect()
}

#[expect(clippy::cast_precision_loss, reason = "it is drawn")]
fn share(part: u64, all: u64) -> f64 {
    part as f64 / all.max(1) as f64
}

/// How far below the top a round trip is drawn.
fn height(seconds: f64, top: Duration) -> f64 {
    HEIGHT * (1.0 - seconds / top.as_secs_f64())
}

fn line(class: &str, path: &str) -> Markup {
    Markup::element("path", &[("class", class), ("d", path)], [])
}

fn grid() -> Vec<Markup> {
    let quarters = (1..4).map(|quarter| {
        let y = format!("{:.1}", HEIGHT * f64::from(quarter) / 4.0);
        let place = [("class", "grid"), ("x1", "0"), ("x2", "1000"), ("y1", &*y), ("y2", &*y)];
        Markup::element("line", &place, [])
    });
    quarters.collect()
}

/// The next of 1, 2, 5, 10, … that is no less.
pub(super) fn ceiling(longest: Duration) -> Duration {
    let mut top = Duration::from_micros(10);
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if top >= longest {
            break;
        }
        top = top.mul_f64(factor);
    }
    top
}

pub(super) fn drawing(class: &str, height: f64, title: &str, content: Vec<Markup>) -> Markup {
    let view = format!("0 0 {LENGTH:.0} {height:.0}");
    let attributes = [
        ("class", class),
        ("viewBox", &*view),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", title),
    ];
    Markup::element("svg", &attributes, content)
}

pub(super) fn bar(class: &str, x: f64, from: f64, to: f64) -> Markup {
    let [x, from, to] = [x, from, to].map(|number| format!("{number:.1}"));
    Markup::element("line", &[("class", class), ("x1", &x), ("x2", &x), ("y1", &from), ("y2", &to)], [])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number_that_holds_all() {
        for (longest, top) in [
            (0, 10),
            (10, 10),
            (11, 20),
            (37, 50),
            (51, 100),
            (900, 1000),
            (1001, 2000),
            (30_000_000, 50_000_000),
        ] {
            assert_eq!(ceiling(Duration::from_micros(longest)), Duration::from_micros(top), "{longest}");
        }
    }

    #[test]
    fn times_lie_where_they_belong() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let axis = Axis { from: at(100), to: at(200) };
        assert_eq!(
            [at(99), at(100), at(150), at(200), at(201)].map(|at| axis.x(at)),
            [None, Some(0.0), Some(500.0), Some(1000.0), None]
        );
        assert_eq!([0.0, 0.5, 1.0].map(|part| axis.at(part)), [at(100), at(150), at(200)]);
        // All at one time is no division by nothing.
        assert_eq!(Axis { from: at(1), to: at(1) }.x(at(1)), Some(0.0));
    }
}
