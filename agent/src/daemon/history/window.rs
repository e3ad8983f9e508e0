//! From when to when a history is asked for.

use jiff::{SignedDuration, Timestamp};

use crate::daemon::url::decoded;

/// How much is told where nothing is said.
const DEFAULT: SignedDuration = SignedDuration::from_hours(24);

/// From when to when, the end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// The beginning.
    pub(crate) from: Timestamp,
    /// The end.
    pub(crate) to: Timestamp,
}

impl Window {
    /// What a URL's query asks for at a time; without one, the last day.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub(crate) fn of(query: Option<&str>, now: Timestamp) -> Result<Self, String> {
        let (mut from, mut to) = (None, None);
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let place = match key {
                "from" => &mut from,
                "to" => &mut to,
                // Of the path, where a browser would make a folder of it.
                "name" => continue,
                _ => return Err("expected from and to, and nothing else".to_string()),
            };
            let time = decoded(value).as_deref().and_then(time).ok_or_else(|| {
                format!("expected {key} as RFC 3339, such as 2026-01-31T12:00:00Z, or in seconds since 1970")
            })?;
            if place.replace(time).is_some() {
                return Err(format!("expected {key} once"));
            }
        }
        let to = to.unwrap_or(now);
        let from = match from {
            Some(from) => from,
            None => to.checked_sub(DEFAULT).unwrap_or(Timestamp::MIN),
        };
        if from >= to {
            return Err("expected a time in from that is before the one in to".to_string());
        }
        Ok(Self { from, to })
    }
}

fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds = text.parse::<f64>().ok().filter(|seconds| is_number && seconds.is_finite())?;
    let duration = SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_millisecond(i64::try_from(duration.as_millis()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_understood_or_told_what_is_wrong_with_it() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().unwrap();
        let asked =
            |query| Window::of(query, now).map(|asked| (asked.from.to_string(), asked.to.to_string()));
        let sound = |from: &str, to: &str| Ok((from.to_string(), to.to_string()));
        assert_eq!(asked(None), sound("2026-01-30T12:00:00Z", "2026-01-31T12:00:00Z"));
        assert_eq!(asked(Some("")), asked(None));
        assert_eq!(
            asked(Some("from=2026-01-01T00:00:00%2B01:00&to=1767229200.5")),
            sound("2025-12-31T23:00:00Z", "2026-01-01T01:00:00.5Z")
        );
        assert_eq!(
            asked(Some("to=2026-01-01T00%3A00%3A00Z")),
            sound("2025-12-31T00:00:00Z", "2026-01-01T00:00:00Z")
        );
        for query in [
            "from",
            "from=",
            "from=yesterday",
            "from=-1",
            "from=1e9",
            "from=inf",
            "from=NaN",
            "from=.",
            "from=%",
            "from=%zz",
            "from=%ff",
            "from=99999999999999999999999",
            "from=1&from=2",
            "to=1&to=1",
            "from=2&to=1",
            "from=1&to=1",
            "since=1",
            "from=1&to=2&limit=3",
            "=",
            "to=-009999-01-01T00:00:00Z&from=1",
        ] {
            let error = asked(Some(query)).unwrap_err();
            assert!(error.starts_with("expected ") && !error.contains('\n'), "{query}: {error}");
        }
        assert!(asked(Some("to=-009999-01-02T02:59:59Z")).is_ok());
    }
}
