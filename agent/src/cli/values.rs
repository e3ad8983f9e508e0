//! Values that several flags take, read with one line of what was expected.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use peerscope_analysis::flow::PortRange;

/// Where something is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// In a file.
    File(PathBuf),
    /// On standard output, where nothing else is written then.
    StandardOutput,
}

impl FromStr for Keep {
    type Err = Infallible;

    /// What the shell knows standard output by is standard output too.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "-" | "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Self::StandardOutput,
            path => Self::File(PathBuf::from(path)),
        })
    }
}

/// Reads `LO-HI`, or a single port.
pub(crate) fn port_range(text: &str) -> Result<PortRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let ends = first.trim().parse::<u16>().ok().zip(last.trim().parse::<u16>().ok());
    let range = ends.and_then(|(first, last)| PortRange::new(first, last)).filter(|range| range.first() > 0);
    range.ok_or_else(|| "expected LO-HI, ports from 1 to 65535, as in 32768-60999".to_string())
}

/// Reads a duration between two probes.
pub(super) fn interval(text: &str) -> Result<Duration, String> {
    duration(text).ok_or_else(|| "expected a duration up to 1h, as in 500ms or 2s".to_string())
}

/// Reads how long an answer is waited for.
pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let valid = duration(text).filter(|duration| *duration >= Duration::from_millis(1));
    valid.ok_or_else(|| "expected a duration from 1ms to 1h, as in 500ms or 2s".to_string())
}

/// Reads `500ms`, `2s`, `1.5s`, `1m`; up to an hour.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|character: char| character.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let number: f64 = number.parse().ok().filter(|number: &f64| number.is_finite())?;
    let duration = Duration::try_from_secs_f64(number * seconds).ok()?;
    (duration <= Duration::from_secs(3600)).then_some(duration)
}

/// Reads seconds, with or without the unit.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number: Option<f64> = text.trim_end_matches('s').parse().ok();
    let valid = number.filter(|number| (0.1..=3600.0).contains(number));
    valid.map(Duration::from_secs_f64).ok_or_else(|| "expected seconds from 0.1 to 3600".to_string())
}
